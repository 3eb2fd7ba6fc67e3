import { createHash } from 'node:crypto'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import corpus from '../../test/corpora/ssrf.json' with { type: 'json' }
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { type NetworkCase, openNetwork, TIMEOUT_MS } from './corpus.fixtures.ts'
import { createGuardedFetch, nextUrl } from './guarded-fetch.ts'
import type { FetchRequest } from './request.ts'

interface Case {
  id: string
  policy: keyof typeof corpus.policies
  input: NetworkCase & {
    url: unknown
    allowHosts?: string[]
    attempts?: number
    env?: Record<string, string>
  } & {
    method?: string
    headers?: unknown
    body?: string
    options?: Record<string, unknown>
  }
  expect: 'allow' | 'deny'
  reason: string
  choice?: string
}

const BODY_CAP = 1024 * 1024

/** A request as the case asks for it; hostile parts and all. */
function requestOf({ policy, input }: Case): FetchRequest {
  const { allowHosts, followRedirects } = corpus.policies[policy]
  return {
    url: input.url,
    hosts: input.allowHosts ?? allowHosts ?? 'any-public',
    httpsOnly: policy === 'https-only',
    redirects: followRedirects,
    timeoutMs: TIMEOUT_MS,
    maxBytes: BODY_CAP,
    ...(input.method ? { method: input.method } : {}),
    ...(input.headers ? { headers: input.headers } : {}),
    ...(input.body ? { body: input.body } : {}),
    ...input.options,
  } as FetchRequest
}

/** Cases that say "deny" of a danger which the guard meets by not having it; each asserts that the danger is absent. */
const metOtherwise: Record<string, (entry: Case) => Promise<void>> = {
  // No connection is kept, so the second request cannot ride on the first one's.
  async S180(entry) {
    await using network = await openNetwork({ ...entry.input, responses: [{ status: 200 }, { status: 200 }] })
    for (let attempt = 0; attempt < 2; attempt += 1) await network.fetch(requestOf(entry))
    expect(network.dialled.map(({ address }) => address)).toEqual(['93.184.216.34', '1.1.1.1'])
    expect(network.received).toHaveLength(2)
    for (const text of network.received) expect(text.toLowerCase()).toContain('connection: close')
  },
  // The proxy of the environment is never dialled, and never asked.
  async S325(entry) {
    const before = { ...process.env }
    Object.assign(process.env, entry.input.env)
    try {
      await using network = await openNetwork(entry.input)
      await network.fetch(requestOf(entry))
      expect(network.dialled.map(({ address, port }) => `${address}:${port}`)).toEqual(['93.184.216.34:443'])
      expect(network.received[0]).toMatch(/^GET \/ HTTP/)
    } finally {
      process.env = before
    }
  },
  // The message ends where its length says; what follows is never read, and the connection is gone.
  async S327(entry) {
    await using network = await openNetwork(entry.input)
    expect((await network.fetch(requestOf(entry))).body).toHaveLength(10)
    expect(network.sentBytes()).toBeLessThan(16 * 1024 * 1024)
  },
  // On a real wire a line break ends the header, so the text itself goes to the judge.
  async S304(entry) {
    const location = entry.input.responses?.[0]?.location ?? ''
    expect(() => nextUrl(new URL(entry.input.url as string), { status: 302, location })).toThrow(GatewayError)
  },
}

describe('the corpus of outbound addresses', () => {
  const cases = corpus.cases as unknown as Case[]
  it('is whole', () => expect(cases).toHaveLength(corpus.counts.total))

  for (const entry of cases)
    it(`${entry.id} ${entry.expect}: ${entry.reason}`, async () => {
      const special = metOtherwise[entry.id]
      if (special) return special(entry)
      await using network = await openNetwork(entry.input)
      const outcome = await network.fetch(requestOf(entry)).catch((error: unknown) => error)
      // Where the corpus leaves a choice on an allowed case, only the stricter answer may differ.
      if (entry.expect === 'allow' && !(entry.choice && outcome instanceof GatewayError)) {
        expect(outcome).toMatchObject({ status: 200 })
        expect(network.dialled.every(({ address }) => !/^(10|127)\./.test(address))).toBe(true)
        return
      }
      expect(outcome).toBeInstanceOf(GatewayError)
      if (!(outcome instanceof GatewayError) || entry.expect === 'allow') return
      if (entry.input.responses) expect(network.received).toHaveLength(1)
      else {
        expect(network.received).toEqual([])
        expect(outcome.certain).toBe(true)
      }
      if (entry.input.socketRemoteAddress === undefined && !entry.input.responses)
        expect(network.dialled).toEqual([])
      expect(network.lookups.length).toBeLessThanOrEqual(1)
      expect(network.sentBytes()).toBeLessThan(BODY_CAP + 16 * 1024 * 1024)
      expect(network.clock.pending).toBe(0)
    })

  it('does not follow a redirect of a request with a body, not even to an allowed host', async () => {
    const entry = cases.find(({ id }) => id === 'S308')!
    const { 'proxy-authorization': _host, ...headers } = entry.input.headers as Record<string, string>
    await using network = await openNetwork(entry.input)
    await expect(
      network.fetch(requestOf({ ...entry, input: { ...entry.input, headers } })),
    ).rejects.toMatchObject({
      code: 'transport_failed',
    })
    expect(network.received).toHaveLength(1)
  })
})

const ask = (change: Partial<FetchRequest> = {}): FetchRequest => ({
  url: 'https://api.example.com/v1?q=1',
  hosts: 'any-public',
  timeoutMs: TIMEOUT_MS,
  maxBytes: BODY_CAP,
  ...change,
})
const dns = { '*': [['93.184.216.34']] }

describe('a request whose caller has gone', () => {
  async function withSlowLookup() {
    const lookup = Promise.withResolvers<string[]>()
    const gone = new AbortController()
    const dialled: string[] = []
    const fetch = createGuardedFetch({
      resolve: () => lookup.promise,
      async dial({ address }) {
        dialled.push(address)
        throw new Error('nobody is there')
      },
      allowedHosts: [],
      clock: createFakeClock(),
    })
    const asked = fetch({
      url: 'https://a.example/',
      hosts: ['a.example:443'],
      timeoutMs: TIMEOUT_MS,
      maxBytes: BODY_CAP,
      signal: gone.signal,
    })
    return { lookup, gone, dialled, asked }
  }

  it('ends at once, and connects to nobody afterwards', async () => {
    const { lookup, gone, dialled, asked } = await withSlowLookup()
    gone.abort(new GatewayError('plugin_stopped', 'the plugin was stopped'))
    await expect(asked).rejects.toMatchObject({ code: 'plugin_stopped' })
    lookup.resolve(['93.184.216.34'])
    await new Promise(resolve => setImmediate(resolve))
    expect(dialled).toEqual([])
  })

  it('goes its way while the caller is there', async () => {
    const { lookup, dialled, asked } = await withSlowLookup()
    lookup.resolve(['93.184.216.34'])
    await expect(asked).rejects.toMatchObject({ code: 'transport_failed' })
    expect(dialled).toEqual(['93.184.216.34'])
  })
})

describe('guarded fetch', () => {
  it('sends what it is asked to, to the judged address, for the name', async () => {
    await using network = await openNetwork({
      dns,
      responses: [{ status: 201, headers: { 'X-A': '1' }, body: 'ok' }],
    })
    const answer = await network.fetch(
      ask({ method: 'POST', headers: { 'X-B': '2' }, body: 'hé', sha256: true }),
    )
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'x-a': '1' },
      url: 'https://api.example.com/v1?q=1',
    })
    expect(Buffer.from(answer.body).toString()).toBe('ok')
    expect(answer.sha256).toBe(createHash('sha256').update('ok').digest('hex'))
    expect(network.dialled).toMatchObject([
      { address: '93.184.216.34', port: 443, tls: true, host: 'api.example.com' },
    ])
    const [text] = network.received
    expect(text).toMatch(/^POST \/v1\?q=1 HTTP\/1\.1\r\n/)
    expect(text?.toLowerCase()).toContain('host: api.example.com\r\n')
    expect(text?.toLowerCase()).toContain('content-length: 3\r\n')
  })

  it('decodes one encoding, and counts what comes out of it', async () => {
    const plain = Buffer.from('text '.repeat(100))
    for (const [encoding, body] of [
      ['gzip', gzipSync(plain)],
      ['deflate', deflateSync(plain)],
      ['br', brotliCompressSync(plain)],
    ] as const) {
      const headers = { 'content-encoding': encoding }
      await using network = await openNetwork({ dns, responses: [{ status: 200, headers, body }] })
      expect(Buffer.from((await network.fetch(ask())).body)).toEqual(plain)
    }
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    await using network = await openNetwork({
      dns,
      responses: [{ status: 200, headers: { 'content-encoding': 'gzip' }, body: bomb }],
    })
    // The server has taken the request: whoever sent one that must not be sent twice reads it from the status.
    await expect(network.fetch(ask())).rejects.toMatchObject({
      message: expect.stringContaining('larger than'),
      details: { status: 200 },
    })
  })

  it('says how to allow a host, and lets the operator allow exactly that', async () => {
    const private_ = { 'tts.example.com': [['10.0.0.5']], '*': [['10.0.0.5']] }
    await using closed = await openNetwork({ dns: private_ })
    const url = 'http://tts.example.com:5000/'
    await expect(closed.fetch(ask({ url }))).rejects.toThrow('add tts.example.com:5000 to SSRF_ALLOWED_HOSTS')
    const allowed: [string, string, boolean][] = [
      ['tts.example.com', url, true],
      ['tts.example.com:5000', url, true],
      ['TTS.example.com', url, true],
      ['tts.example.com:5001', url, false],
      ['*.example.com', url, false],
      ['*', url, false],
      ['example.com', url, false],
      ['localhost:7001', 'http://localhost:7001/', true],
      ['libretranslate', 'http://libretranslate:5000/', true],
      ['10.0.0.5', 'http://10.0.0.5/', true],
      ['10.0.0.5', url, false],
      ['[::1]:8080', 'http://[::1]:8080/', true],
      ['redis.example.com', 'http://redis.example.com:6379/', false],
      ['redis.example.com:6379', 'http://redis.example.com:6379/', true],
    ]
    for (const [setting, target, isAllowed] of allowed) {
      await using network = await openNetwork({ dns: private_, allowedHosts: [setting] })
      const outcome = await network.fetch(ask({ url: target })).catch((error: unknown) => error)
      expect([setting, target, !(outcome instanceof Error)]).toEqual([setting, target, isAllowed])
    }
  })

  it('tells nothing of a private address but its kind', async () => {
    await using network = await openNetwork({ dns: { '*': [['10.1.2.3']] } })
    const error = await network.fetch(ask()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'address_blocked' })
    expect(String(error)).not.toContain('10.1.2.3')
  })

  it('drops all but harmless headers when a redirect leaves the origin', async () => {
    await using network = await openNetwork({
      dns,
      responses: [
        { status: 302, location: 'https://cdn.example.com/x' },
        { status: 200, body: 'file' },
      ],
    })
    const headers = { authorization: 'Bearer t', cookie: 'a=1', 'x-api-key': 'k', accept: 'application/zip' }
    const answer = await network.fetch(ask({ redirects: 5, headers }))
    expect(answer.url).toBe('https://cdn.example.com/x')
    expect(network.received[0]).toContain('Bearer t')
    expect(network.received[1]).toContain('application/zip')
    expect(network.received[1]).not.toMatch(/Bearer|a=1|x-api-key/i)
  })

  it('stops after the redirects that it may follow', async () => {
    const responses = Array.from({ length: 9 }, () => ({ status: 302, location: '/again' }))
    await using network = await openNetwork({ dns, responses })
    await expect(network.fetch(ask({ redirects: 5 }))).rejects.toMatchObject({
      details: { stage: 'redirect' },
    })
    expect(network.received).toHaveLength(6)
  })

  it('tries the next judged address when one is dead', async () => {
    await using network = await openNetwork({
      dns: { '*': [['93.184.216.34', '1.1.1.1']] },
      dead: ['93.184.216.34'],
    })
    expect((await network.fetch(ask())).status).toBe(200)
    expect(network.dialled.map(({ address }) => address)).toEqual(['93.184.216.34', '1.1.1.1'])
  })

  it('says whether anything may have gone out', async () => {
    await using silent = await openNetwork({ dns, responses: [] })
    await expect(silent.fetch(ask())).rejects.toMatchObject({ code: 'transport_failed', certain: false })
    await using nowhere = await openNetwork({ dns: {} })
    await expect(nowhere.fetch(ask())).rejects.toMatchObject({ code: 'transport_failed', certain: true })
  })

  it('refuses an answer with an endless head', async () => {
    const headers = { 'x-long': 'x'.repeat(20_000) }
    await using network = await openNetwork({ dns, responses: [{ status: 200, headers }] })
    await expect(network.fetch(ask())).rejects.toMatchObject({ code: 'transport_failed' })
  })
})
