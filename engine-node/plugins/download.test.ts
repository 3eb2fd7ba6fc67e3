import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openNetwork, type ScriptedResponse } from '../net/corpus.fixtures.ts'
import { archiveLimits } from './archive.ts'
import { createDownload } from './download.ts'

const body = 'the bytes of a package'
const pin = createHash('sha256').update(body).digest('hex')
const url = 'https://plugins.example.com/a.zip'

async function attempt(from: string, options: { requirePin?: boolean; responses?: ScriptedResponse[] } = {}) {
  await using network = await openNetwork({
    dns: { '*': [['93.184.216.34']], 'inside.example.com': [['10.0.0.5']] },
    responses: options.responses ?? [{ status: 200, body }],
  })
  const download = createDownload({ fetch: network.fetch, requirePin: options.requirePin ?? false })
  const outcome = await download(from).then(
    bytes => Buffer.from(bytes).toString(),
    (error: { code?: string }) => error.code,
  )
  return { outcome, received: network.received }
}

describe('download', () => {
  it.each<[string, string, boolean, string | undefined]>([
    ['https without a pin', url, false, body],
    ['https without a pin, where one is asked for', url, true, 'pin_invalid'],
    ['the right pin', `${url}#sha256=${pin}`, true, body],
    ['the right pin in capitals', `${url}#sha256=${pin.toUpperCase()}`, true, body],
    ['a wrong pin', `${url}#sha256=${'0'.repeat(64)}`, false, 'pin_invalid'],
    ['a short pin', `${url}#sha256=${pin.slice(1)}`, false, 'pin_invalid'],
    ['a long pin', `${url}#sha256=${pin}0`, false, 'pin_invalid'],
    ['an empty pin', `${url}#sha256=`, false, 'pin_invalid'],
    ['an empty fragment', `${url}#`, false, 'pin_invalid'],
    ['another fragment', `${url}#readme`, false, 'pin_invalid'],
    ['another hash', `${url}#md5=${pin.slice(32)}`, false, 'pin_invalid'],
    ['http with a pin', `${url.replace('https', 'http')}#sha256=${pin}`, true, body],
    ['http without a pin', url.replace('https', 'http'), false, 'pin_invalid'],
    ['a private address', 'https://inside.example.com/a.zip', false, 'address_blocked'],
    ['another scheme', `file:///a.zip#sha256=${pin}`, false, 'invalid_input'],
  ])('%s', async (_what, from, requirePin, expected) => {
    expect((await attempt(from, { requirePin })).outcome).toBe(expected)
  })

  it('asks nobody when the pin is no pin', async () => {
    expect((await attempt(`${url}#sha256=xyz`)).received).toEqual([])
  })

  it('does not send the pin', async () => {
    expect((await attempt(`${url}#sha256=${pin}`)).received[0]).not.toContain(pin)
  })

  it.each<[string, ScriptedResponse[], string]>([
    [
      'a redirect to the file',
      [
        { status: 302, location: 'https://cdn.example.com/x' },
        { status: 200, body },
      ],
      body,
    ],
    ['a redirect inside', [{ status: 302, location: 'https://inside.example.com/x' }], 'address_blocked'],
    ['a redirect to http', [{ status: 302, location: 'http://cdn.example.com/x' }], 'download_failed'],
    ['six redirects', Array.from({ length: 7 }, () => ({ status: 302, location: '/x' })), 'download_failed'],
    ['404', [{ status: 404, body: 'no' }], 'download_failed'],
    ['too large', [{ status: 200, bodyBytes: archiveLimits.archiveBytes + 65_536 }], 'download_failed'],
    [
      'too large by its own word',
      [{ status: 200, headers: { 'content-length': '9999999' } }],
      'download_failed',
    ],
    ['a drip', [{ status: 200, drip: 'x' }], 'download_failed'],
  ])('%s', async (_what, responses, expected) => {
    expect((await attempt(url, { responses })).outcome).toBe(expected)
  })
})
