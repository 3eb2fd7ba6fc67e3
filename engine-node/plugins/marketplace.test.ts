import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { FetchRequest } from '../net/request.ts'
import { createMarketplace } from './marketplace.ts'

const entry = (id: string, version: string) => ({ id, name: id, version, extra: { kept: true } })

function open(
  body: unknown,
  { status = 200, url = 'https://list.example/plugins.json' as string | null } = {},
) {
  const asked: FetchRequest[] = []
  const list = createMarketplace({
    url,
    installed: async () =>
      new Map([
        ['old', '1.2.3'],
        ['same', '1.0.0'],
        ['odd', 'v1'],
      ]),
    async fetch(request) {
      asked.push(request)
      if (body instanceof Error) throw body
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      return {
        status,
        statusText: '',
        headers: {},
        body: new TextEncoder().encode(text),
        sha256: null,
        url: request.url,
      }
    },
  })
  return { list, asked }
}

describe('the catalog', () => {
  it('says what is installed, and what is newer', async () => {
    const { list, asked } = open([
      entry('new', '1.0.0'),
      entry('old', '1.3.0'),
      entry('same', '1.0.0'),
      entry('odd', 'v2'),
      { id: 'no-name' },
      null,
    ])
    expect(await list()).toEqual([
      { ...entry('new', '1.0.0'), installed: false, updateAvailable: false },
      { ...entry('old', '1.3.0'), installed: true, installedVersion: '1.2.3', updateAvailable: true },
      { ...entry('same', '1.0.0'), installed: true, installedVersion: '1.0.0', updateAvailable: false },
      { ...entry('odd', 'v2'), installed: true, installedVersion: 'v1', updateAvailable: true },
    ])
    expect(asked).toMatchObject([{ hosts: 'any-public', maxBytes: 1024 * 1024 }])
  })

  it('offers no way back to an older version', async () => {
    expect(await open([entry('old', '1.2.2')]).list()).toMatchObject([{ updateAvailable: false }])
  })

  const unreadable: [string, Parameters<typeof open>, string][] = [
    ['is no list', [{ plugins: [] }], 'it is not a list'],
    ['is no JSON', ['<html>'], 'it is not JSON'],
    ['is not there', [[], { status: 404 }], 'the server answered 404'],
    ['is not named', [[], { url: null }], 'PLUGIN_CATALOG_URL'],
    ['is too large', [new GatewayError('transport_failed', 'larger than 1048576 bytes')], 'larger than'],
  ]
  it.each(unreadable)('that %s is a failed download', async (_, args, text) => {
    await expect(open(...args).list()).rejects.toMatchObject({
      code: 'download_failed',
      message: expect.stringContaining(text),
    })
  })

  it('inside the network is refused as any other address', async () => {
    const blocked = new GatewayError('address_blocked', 'not public')
    await expect(open(blocked).list()).rejects.toBe(blocked)
  })
})
