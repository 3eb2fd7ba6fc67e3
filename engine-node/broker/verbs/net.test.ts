import { describe, expect, it, vi } from 'vitest'
import { GatewayError } from '../../../src/contract/errors.ts'
import {
  fetchTimeout,
  MAX_ALL_FETCHES,
  MAX_FETCH_BYTES,
  MAX_FETCHES,
  OWN_FETCHES,
} from '../../../src/contract/plugin-fetch.ts'
import type { FetchedResponse, GuardedFetch } from '../../net/guarded-fetch.ts'
import type { FetchRequest } from '../../net/request.ts'
import type { CallOrigin } from '../verb.ts'
import { createNetVerbs, mayFetch, type NetRules } from './net.ts'

const origin: CallOrigin = {
  pluginId: 'bot',
  inFlight: [],
  signal: new AbortController().signal,
  assertStillAllowed: () => {},
  assertActiveFor: () => {},
}
const answer: FetchedResponse = {
  status: 404,
  statusText: 'Not Found',
  headers: { 'content-type': 'text/plain' },
  body: new TextEncoder().encode('nö'),
  sha256: null,
  url: 'https://a.example/',
}
const noConfig = { base: {}, sessions: {} }

function start(net: NetRules | null = { allow: ['a.example'] }, fetch: GuardedFetch = async () => answer) {
  const spy = vi.fn(fetch)
  const verbs = createNetVerbs({ fetch: spy, policyOf: async () => ({ net, config: noConfig }) })
  const get = (url: string, init = {}, pluginId = origin.pluginId) =>
    verbs['net.fetch']([url, init], { ...origin, pluginId })
  return { spy, get }
}

describe('where a plugin may fetch', () => {
  const rows: [NetRules | null, string, boolean][] = [
    [null, 'a.example:443', false],
    [{}, 'a.example:443', false],
    [{ allow: [] }, 'a.example:443', false],
    [{ allow: ['a.example'] }, 'a.example:443', true],
    [{ allow: ['a.example'] }, 'a.example:7001', true],
    [{ allow: ['a.example:443'] }, 'a.example:443', true],
    [{ allow: ['a.example:443'] }, 'a.example:80', false],
    [{ allow: ['a.example'] }, 'b.a.example:443', false],
    [{ allow: ['*.a.example'] }, 'b.a.example:443', true],
    [{ allow: ['*.a.example'] }, 'c.b.a.example:443', false],
    [{ allow: ['*.a.example'] }, 'a.example:443', false],
    [{ allow: ['*'] }, 'any.example:8080', true],
    [{ allow: ['*'], deny: ['any.example:8080'] }, 'any.example:8080', false],
    [{ allow: ['*'], deny: ['any.example:8080'] }, 'any.example:443', true],
    [{ allow: ['127.0.0.1'] }, '127.0.0.1:7001', true],
    [{ allow: ['[::1]'] }, '[::1]:80', true],
  ]
  it.each(rows)('%j and %s: %s', (net, place, allowed) => {
    const at = place.lastIndexOf(':')
    const target = { host: place.slice(0, at), port: Number(place.slice(at + 1)) }
    expect(mayFetch(net, noConfig, target)).toBe(allowed)
  })

  const values: [unknown, string, number, boolean][] = [
    ['https://api.example/v1', 'api.example', 443, true],
    ['https://api.example/v1', 'api.example', 8443, true],
    ['https://api.example:8443', 'api.example', 8443, true],
    ['https://api.example:8443', 'api.example', 443, false],
    ['https://api.example:443/v1', 'api.example', 443, true],
    ['https://api.example:443/v1', 'api.example', 8443, false],
    ['http://api.example', 'api.example', 80, false],
    ['https://user:word@api.example', 'api.example', 443, false],
    ['https://*.example', 'api.example', 443, false],
    ['api.example', 'api.example', 443, false],
    [{ url: 'https://api.example' }, 'api.example', 443, false],
    ['', 'api.example', 443, false],
  ]
  it.each(values)('a configured %j opens %s:%d: %s', (value, host, port, allowed) => {
    const net = { allowConfigHosts: ['baseUrl'] }
    expect(mayFetch(net, { base: { baseUrl: value }, sessions: {} }, { host, port })).toBe(allowed)
    expect(mayFetch(net, { base: {}, sessions: { s1: { baseUrl: value } } }, { host, port })).toBe(allowed)
    expect(mayFetch(net, { base: { other: value }, sessions: {} }, { host, port })).toBe(false)
  })

  it.each(['https://b.example/x?y=1', 'ftp://a.example/', 'file:///etc/passwd', 'nonsense'])(
    'refuses %s in the words of OpenWA, before anything is asked',
    async url => {
      const { get, spy } = start()
      await expect(get(url)).rejects.toMatchObject({
        code: 'capability_denied',
        message: `Plugin bot may not fetch ${url} — add its host to net.allow or net.allowConfigHosts`,
      })
      expect(spy).not.toHaveBeenCalled()
    },
  )
})

describe('a request', () => {
  it('goes to the judged place, with no redirects and within its bounds', async () => {
    const { get, spy } = start()
    const init = { method: 'POST', headers: { 'x-a': '1' }, body: { base64: 'AP+A' }, timeoutMs: 99_000 }
    const got = await get('https://a.example:444/p', init)
    expect(got).toEqual({
      ok: false,
      status: 404,
      statusText: 'Not Found',
      headers: { 'content-type': 'text/plain' },
      body: 'nö',
    })
    const [request] = spy.mock.calls[0] as [FetchRequest]
    expect(request).toEqual({
      url: 'https://a.example:444/p',
      method: 'POST',
      headers: { 'x-a': '1' },
      body: new Uint8Array([0, 255, 128]),
      hosts: ['a.example:444'],
      timeoutMs: 30_000,
      maxBytes: 10 * 1024 * 1024,
      signal: origin.signal,
    })
  })

  it.each([
    [undefined, 15_000],
    [null, 15_000],
    [Number.NaN, 15_000],
    ['5', 15_000],
    [0, 1],
    [-1, 1],
    [250, 250],
    [30_000, 30_000],
    [30_001, 30_000],
  ])('of timeoutMs %s gets %d ms', (asked, given) => expect(fetchTimeout(asked)).toBe(given))

  it('is the sixteenth at most that is under way', async () => {
    const open: (() => void)[] = []
    const { get } = start(undefined, () => new Promise(resolve => open.push(() => resolve(answer))))
    const running = Array.from({ length: MAX_FETCHES }, () => get('https://a.example/'))
    await vi.waitFor(() => expect(open).toHaveLength(MAX_FETCHES))
    await expect(get('https://a.example/')).rejects.toThrow(
      'too many concurrent plugin net.fetch calls (max 16)',
    )
    open[0]?.()
    await running[0]
    const next = get('https://a.example/')
    await vi.waitFor(() => expect(open).toHaveLength(MAX_FETCHES + 1))
    for (const end of open) end()
    await Promise.all([...running.slice(1), next])
  })

  it('has its share while another plugin holds every place', async () => {
    const open: (() => void)[] = []
    const { get } = start(undefined, () => new Promise(resolve => open.push(() => resolve(answer))))
    const of = (pluginId: string, count: number) =>
      Array.from({ length: count }, () => get('https://a.example/', {}, pluginId))
    const running = of('hog', MAX_FETCHES)
    await vi.waitFor(() => expect(open).toHaveLength(MAX_FETCHES))
    running.push(...of('other', OWN_FETCHES))
    await vi.waitFor(() => expect(open).toHaveLength(MAX_FETCHES + OWN_FETCHES))
    for (const pluginId of ['hog', 'other'])
      await expect(get('https://a.example/', {}, pluginId)).rejects.toThrow('too many concurrent')
    // Plugins that stand together get no further than this.
    for (let n = MAX_FETCHES + OWN_FETCHES; n < MAX_ALL_FETCHES; n += OWN_FETCHES)
      running.push(...of(`friend-${n}`, OWN_FETCHES))
    await vi.waitFor(() => expect(open).toHaveLength(MAX_ALL_FETCHES))
    await expect(get('https://a.example/', {}, 'late')).rejects.toThrow('too many concurrent')
    for (const end of open) end()
    await Promise.all(running)
  })

  it('frees its place when it fails', async () => {
    const { get } = start(undefined, async () => {
      throw new GatewayError('transport_failed', 'nobody there')
    })
    for (let n = 0; n <= MAX_FETCHES; n += 1)
      await expect(get('https://a.example/')).rejects.toThrow('nobody there')
  })

  it('says which bound an answer broke', async () => {
    const { get } = start(undefined, async () => {
      throw new GatewayError('transport_failed', 'x', { details: { maxBytes: MAX_FETCH_BYTES } })
    })
    await expect(get('https://a.example/')).rejects.toThrow(
      'plugin net.fetch response exceeds the 10485760-byte cap',
    )
  })
})
