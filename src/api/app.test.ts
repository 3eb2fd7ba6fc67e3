import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { hashKey, openApp } from '../../test/support/api-app.ts'
import { findApiKeyByHash } from '../db/api-keys.ts'
import { route } from './route.ts'

describe('bodies under way together', () => {
  it('are bounded, and their room is free again with their answers', async () => {
    const gate = Promise.withResolvers<void>()
    const slow = route({
      method: 'POST',
      path: '/slow',
      summary: 'Waits',
      role: 'viewer',
      body: v.strictObject({ text: v.string() }),
      status: 200,
      result: v.strictObject({}),
      async handle() {
        await gate.promise
        return {}
      },
    })
    await using api = await openApp({ routes: [slow], settings: { inflightBodyBytes: 150 } })
    const body = { text: 'x'.repeat(80) }
    const length = String(JSON.stringify(body).length)
    const post = () => api.ask('POST', '/slow', { body, headers: { 'content-length': length } })
    const first = post()
    await expect.poll(async () => (await post()).status).toBe(503)
    const refused = await post()
    expect(refused.headers.get('retry-after')).toBe('1')
    gate.resolve()
    expect((await first).status).toBe(200)
    expect((await post()).status).toBe(200)
  })
})

describe('limits', () => {
  it('refuses what is over a window, tells when to come back, and leaves health alone', async () => {
    await using app = await openApp({ settings: { rateLimits: [{ name: 'short', ttlMs: 5000, limit: 2 }] } })
    expect((await app.ask('GET', '/sessions')).status).toBe(200)
    expect((await app.ask('GET', '/sessions')).status).toBe(200)
    const refused = await app.ask('GET', '/sessions')
    expect(refused.status).toBe(429)
    expect(await refused.json()).toEqual({
      statusCode: 429,
      message: 'Too many requests',
      error: 'Too Many Requests',
    })
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(refused.headers.get('retry-after-short')).toBe('5')
    expect(refused.headers.get('x-ratelimit-remaining-short')).toBe('0')
    expect((await app.ask('GET', '/sessions', { address: '192.0.2.2' })).status).toBe(200)
    expect((await app.ask('GET', '/auth/api-keys')).status).toBe(200)
    for (let asked = 0; asked < 5; asked += 1) expect((await app.ask('GET', '/health')).status).toBe(200)
    app.clock.now += 5000
    expect((await app.ask('GET', '/sessions')).status).toBe(200)
  })

  it('counts paths that are no route too', async () => {
    await using app = await openApp({ settings: { rateLimits: [{ name: 'short', ttlMs: 5000, limit: 1 }] } })
    expect((await app.ask('GET', '/a')).status).toBe(404)
    expect((await app.ask('GET', '/b')).status).toBe(429)
  })

  it('answers 429 to an address that keeps showing wrong keys, and lets a good key of it through', async () => {
    await using app = await openApp({ settings: { failedKeys: { limit: 2, ttlMs: 60_000 } } })
    const wrong = async (address: string) =>
      (await app.ask('GET', '/sessions', { key: 'wrong', address })).status
    expect((await app.ask('GET', '/sessions', { address: 'a' })).status).toBe(200)
    expect([await wrong('a'), await wrong('a'), await wrong('a'), await wrong('b')]).toEqual([
      401, 401, 429, 401,
    ])
    expect((await app.ask('GET', '/sessions', { address: 'a' })).status).toBe(200)
    app.clock.now += 60_000
    expect(await wrong('a')).toBe(401)
  })
})

describe('keys', () => {
  const view = async (response: Response) => (await response.json()) as { id: string; apiKey: string }

  it('is read from the database once a second at most, and revoking it counts at once', async () => {
    await using app = await openApp()
    const made = await view(await app.ask('POST', '/auth/api-keys', { body: { name: 'abc', role: 'admin' } }))
    const { apiKey: key, id } = made
    expect((await app.ask('GET', '/sessions', { key })).status).toBe(200)
    // Another process deletes it: this one notices when its copy is a second old.
    await app.database.writer.commit([{ sql: 'DELETE FROM api_keys WHERE id = ?', args: [id] }])
    app.clock.now += 999
    expect((await app.ask('GET', '/sessions', { key })).status).toBe(200)
    app.clock.now += 1
    expect((await app.ask('GET', '/sessions', { key })).status).toBe(401)

    const own = await view(await app.ask('POST', '/auth/api-keys', { body: { name: 'abc', role: 'admin' } }))
    expect((await app.ask('GET', '/sessions', { key: own.apiKey })).status).toBe(200)
    await app.ask('POST', `/auth/api-keys/${own.id}/revoke`)
    expect((await app.ask('GET', '/sessions', { key: own.apiKey })).status).toBe(401)
  })

  it('expires to the millisecond, cached or not', async () => {
    await using app = await openApp()
    const body = { name: 'abc', role: 'viewer', expiresAt: '2026-01-01T00:00:00.500Z' }
    const { apiKey: key } = await view(await app.ask('POST', '/auth/api-keys', { body }))
    app.clock.now += 499
    expect((await app.ask('GET', '/sessions', { key })).status).toBe(200)
    app.clock.now += 1
    expect(await (await app.ask('GET', '/sessions', { key })).json()).toMatchObject({
      message: 'API key has expired',
    })
  })

  it('leaves one usable admin key, however many requests try to take the last two at once', async () => {
    for (const [method, suffix] of [
      ['DELETE', ''],
      ['POST', '/revoke'],
    ] as const) {
      await using app = await openApp()
      const first = await findApiKeyByHash(app.deps.db, hashKey(app.adminKey))
      const second = await view(
        await app.ask('POST', '/auth/api-keys', { body: { name: 'abc', role: 'admin' } }),
      )
      const statuses = await Promise.all([
        app.ask(method, `/auth/api-keys/${second.id}${suffix}`).then(response => response.ok),
        app
          .ask(method, `/auth/api-keys/${first?.id}${suffix}`, { key: second.apiKey })
          .then(response => response.ok),
      ])
      expect(statuses.filter(Boolean)).toHaveLength(1)
      const left = [app.adminKey, second.apiKey].map(key => app.ask('GET', '/auth/api-keys', { key }))
      expect((await Promise.all(left)).filter(response => response.ok)).toHaveLength(1)
    }
  })

  it('has its use written together, not once per request', async () => {
    await using app = await openApp()
    const before = app.commits
    for (let asked = 0; asked < 20; asked += 1) await app.ask('GET', '/sessions')
    expect(app.commits).toBe(before)
    app.clock.now += 10_000
    await app.ask('GET', '/sessions')
    expect(app.commits).toBe(before + 1)
    const [key] = (await (await app.ask('GET', '/auth/api-keys')).json()) as [
      { usageCount: number; lastUsedAt: string },
    ]
    expect(key).toMatchObject({ usageCount: 21, lastUsedAt: '2026-01-01T00:00:10.000Z' })
  })
})

describe('answers', () => {
  const failing = route({
    method: 'GET',
    path: '/fails',
    summary: 'Fails',
    role: 'viewer',
    status: 200,
    result: v.null(),
    handle() {
      throw new Error('SELECT secret FROM /srv/data')
    },
  })

  it('tell nothing about an unexpected error, which goes to the log', async () => {
    await using app = await openApp({ routes: [failing] })
    const response = await app.ask('GET', '/fails')
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({
      statusCode: 500,
      message: 'Internal server error',
      error: 'Internal Server Error',
    })
    expect(app.logged).toEqual([
      {
        message: 'a request failed',
        error: new Error('SELECT secret FROM /srv/data'),
        method: 'GET',
        route: '/fails',
      },
    ])
  })

  it('hide what was wrong with a request in production', async () => {
    await using app = await openApp({ settings: { validationDetails: false } })
    const response = await app.ask('POST', '/sessions', { body: { name: 5 } })
    expect(await response.json()).toEqual({ statusCode: 400, message: 'Bad Request' })
  })

  it('503 without an engine, in its words', async () => {
    await using app = await openApp()
    const response = await app.ask('POST', '/sessions', { body: { name: 'abc' } })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
  })
})

describe('every answer', () => {
  it.each<
    [string, string, string, { key?: string | null; body?: unknown; headers?: Record<string, string> }]
  >([
    ['a success', 'GET', '/sessions', {}],
    ['a page', 'GET', '/docs', { key: null }],
    ['a style', 'GET', '/docs/style.css', { key: null }],
    ['a stream', 'GET', '/events/stream', {}],
    ['no key', 'GET', '/sessions', { key: null }],
    ['bad input', 'POST', '/sessions', { body: { name: 5 } }],
    ['no engine', 'POST', '/sessions', { body: { name: 'abc' } }],
    ['a socket that is none', 'GET', '/events/ws', {}],
    ['a socket that nothing here can be', 'GET', '/events/ws', { headers: { upgrade: 'websocket' } }],
    ['no such path', 'GET', '/nothing', {}],
    ['a preflight', 'OPTIONS', '/sessions', { key: null }],
    ['a webhook', 'POST', '/ingress/a/b/c', { key: null, body: {} }],
  ])('forbids caches, guesses and frames: %s', async (_name, method, path, asked) => {
    await using app = await openApp()
    const { headers, body } = await app.ask(method, path, asked)
    await body?.cancel()
    expect(headers.get('cache-control')).toContain('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
  })
})

describe('other origins', () => {
  const origin = (name: string) => ({ headers: { origin: name } })

  it('are let in when they are named, exactly', async () => {
    await using app = await openApp({ settings: { corsOrigins: ['https://dash.test'] } })
    const named = await app.ask('GET', '/sessions', origin('https://dash.test'))
    expect(named.headers.get('access-control-allow-origin')).toBe('https://dash.test')
    expect(named.headers.get('access-control-expose-headers')).toContain('X-RateLimit-Remaining-short')
    expect(named.headers.get('vary')).toBe('Origin')
    for (const name of [
      'https://dash.test.evil.test',
      'http://dash.test',
      'https://dash.test:8443',
      'null',
    ]) {
      const { headers } = await app.ask('GET', '/sessions', origin(name))
      expect([headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([null, 'Origin'])
    }
    const preflight = await app.ask('OPTIONS', '/sessions', { ...origin('https://dash.test'), key: null })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('X-API-Key')
    expect(preflight.headers.get('access-control-max-age')).toBe('86400')
  })

  it('are all let in by *, without credentials', async () => {
    await using app = await openApp({ settings: { corsOrigins: ['*'] } })
    const { headers } = await app.ask('GET', '/sessions', origin('https://any.test'))
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-credentials')).toBeNull()
  })
})
