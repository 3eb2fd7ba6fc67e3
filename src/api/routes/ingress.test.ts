import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createIngress, type Ingress } from '../../../engine-node/ingress/ingress.ts'
import { createLog } from '../../../engine-node/log.ts'
import { readSettings } from '../../../engine-node/settings.ts'
import { createSealer } from '../../../engine-node/store/sealer.ts'
import { hashKey, openApp, settings } from '../../../test/support/api-app.ts'
import { createFakeClock } from '../../../test/support/fake-clock.ts'
import { openIngress, type TestIngress } from '../../../test/support/ingress.ts'
import type { Engine } from '../../contract/engine.ts'
import { GatewayError } from '../../contract/errors.ts'
import { type IngressAnswer, type InstanceView, MAX_INGRESS_BODY_BYTES } from '../../contract/ingress.ts'
import { createApp } from '../app.ts'
import { ensureFirstKey } from '../first-key.ts'
import type { ApiDeps } from '../route.ts'
import { ingressRoutes } from './ingress.ts'
import { instanceRoutes } from './instances.ts'

let store: TestIngress
let ingress: Ingress
let called: { pluginId: string; params: unknown }[]
let changed: string[]
let down: GatewayError | null
let ask: (
  method: string,
  path: string,
  asked?: { body?: unknown; headers?: Record<string, string>; key?: string | null },
) => Promise<Response>

beforeEach(async () => {
  store = await openIngress()
  called = []
  changed = []
  down = null
  const clock = createFakeClock()
  const { db, writer } = store.now
  ingress = createIngress({
    db,
    writer,
    sealer: createSealer(new Uint8Array(32).fill(7)),
    clock,
    log: createLog('silent'),
    settings: readSettings({ BASE_URL: 'https://gate.example' }),
    hooks: { run: async () => {} },
    storedConfig: async () => ({ base: { url: 'base' }, sessions: {} }),
    callWebhook: async (pluginId, params) => called.push({ pluginId, params }),
    isSessionAlive: () => false,
    configChanged: pluginId => changed.push(pluginId),
  })
  await ingress.start()
  const engine: Engine = {
    async call(method, params) {
      if (down !== null) throw down
      const handlers = ingress.handlers as unknown as Record<string, (params: unknown) => Promise<never>>
      return await handlers[method]!(params)
    },
  }
  const deps: ApiDeps = {
    db,
    writer,
    engine,
    now: clock.now,
    after: clock.after,
    randomBytes: length => new Uint8Array(length).fill(1),
    hashKey,
    clientIp: () => '192.0.2.1',
    memoryUsage: () => ({ heapUsed: 0, heapTotal: 0, rss: 0 }),
    background: () => {},
    log: () => {},
    settings: { ...settings, baseUrl: 'https://gate.example' },
  }
  const adminKey = await ensureFirstKey({ ...deps, masterKey: null, keep() {} })
  const api = createApp({ ...deps, routes: [...instanceRoutes, ...ingressRoutes] })
  ask = async (method, path, { body, headers, key = adminKey } = {}) =>
    await api.fetch(
      new Request(`http://api.test/api${path}`, {
        method,
        headers: {
          ...(key && { 'x-api-key': key }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    )
})
afterEach(async () => {
  await ingress[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

const INSTANCES = '/integration/plugins/desk/instances'
const view = async (response: Response) => (await response.json()) as InstanceView
const provision = async (body: object = {}) =>
  view(await ask('POST', INSTANCES, { body: { instanceId: 'main', ...body } }))

describe('instances', () => {
  it('are made, listed, changed, given a new secret and deleted', async () => {
    const created = await ask('POST', INSTANCES, {
      body: { instanceId: 'main', config: { apiKey: 'k' }, verifyToken: 't' },
    })
    expect(created.status).toBe(201)
    const made = await view(created)
    expect(made).toMatchObject({ verifyToken: 't', config: { apiKey: '***' } })
    expect(made.ingressUrls[0]?.url).toBe('https://gate.example/api/ingress/desk/main/chat')
    const masked = { ...made, secret: '***', verifyToken: '***' }
    expect(await (await ask('GET', INSTANCES)).json()).toEqual([masked])
    expect(await (await ask('GET', `${INSTANCES}/main`)).json()).toEqual(masked)
    expect(
      await (await ask('PATCH', `${INSTANCES}/main`, { body: { enabled: false } })).json(),
    ).toMatchObject({ enabled: false, secret: '***' })
    const renewed = await ask('POST', `${INSTANCES}/main/regenerate-secret`)
    expect(renewed.status).toBe(200)
    expect(await renewed.json()).toMatchObject({
      secret: expect.stringMatching(/^[0-9a-f]{64}$/),
      verifyToken: 't',
    })
    const gone = await ask('DELETE', `${INSTANCES}/main`)
    expect([gone.status, await gone.text()]).toEqual([204, ''])
    expect(await (await ask('GET', INSTANCES)).json()).toEqual([])
    expect(changed).toEqual(['desk', 'desk', 'desk'])
  })

  it.each<[string, string, object | undefined, number]>([
    ['GET', `${INSTANCES}/other`, undefined, 404],
    ['PATCH', `${INSTANCES}/other`, {}, 404],
    ['DELETE', `${INSTANCES}/other`, undefined, 404],
    ['POST', `${INSTANCES}/other/regenerate-secret`, undefined, 404],
    ['GET', `${INSTANCES}/..%2fmain`, undefined, 404],
    ['POST', '/integration/plugins/nobody/instances', { instanceId: 'a' }, 404],
    ['POST', INSTANCES, { instanceId: 'main' }, 409],
    ['POST', INSTANCES, { instanceId: 'a:b' }, 400],
    ['POST', INSTANCES, { instanceId: 'a', secret: 'short' }, 400],
    ['POST', INSTANCES, { instanceId: 'a', enabled: true }, 400],
    ['POST', INSTANCES, { instanceId: 'a', config: { port: 'x' } }, 400],
    ['PATCH', `${INSTANCES}/main`, { secret: 'x'.repeat(20) }, 400],
    ['POST', '/integration/instances/desk/other/redrive', undefined, 404],
  ])('%s %s %j is %i', async (method, path, body, status) => {
    await provision()
    expect((await ask(method, path, { body })).status).toBe(status)
  })

  it('are for admins', async () => {
    for (const [method, path] of [
      ['GET', INSTANCES],
      ['POST', INSTANCES],
      ['POST', '/integration/instances/desk/main/redrive'],
    ] as const)
      expect((await ask(method, path, { key: null })).status).toBe(401)
  })

  it('are redriven with 201, and not while they are disabled', async () => {
    await provision()
    const answer = await ask('POST', '/integration/instances/desk/main/redrive')
    expect(answer.status).toBe(201)
    expect(await answer.json()).toEqual({ redriven: 0, remaining: 0, batchSize: 100 })
    await ask('PATCH', `${INSTANCES}/main`, { body: { enabled: false } })
    expect((await ask('POST', '/integration/instances/desk/main/redrive')).status).toBe(409)
  })
})

describe('a webhook', () => {
  const deliver = (body: unknown, headers: Record<string, string> = {}) =>
    ask('POST', '/ingress/desk/main/chat?q=%C3%BC&q=2', { key: null, body, headers })

  it('goes without a key from the wire to the handler, byte for byte', async () => {
    const { secret } = await provision({ config: { own: 1 } })
    const body = '{ "a":"\\u00fc",  "emoji":"👋" }'
    const answer = await deliver(body, { 'X-Token': secret, 'X-Delivery': 'd1' })
    expect([answer.status, await answer.text()]).toEqual([202, 'accepted'])
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('x-ratelimit-limit-ingress-ip')).toBe('1200')
    expect(answer.headers.get('x-ratelimit-limit-instance')).toBe('120')
    await ingress[Symbol.asyncDispose]()
    expect(called).toMatchObject([
      {
        pluginId: 'desk',
        params: {
          route: 'chat',
          config: { url: 'base', own: 1 },
          request: {
            rawBody: body,
            query: { q: '2' },
            deliveryId: 'd1',
            headers: { 'x-token': '[redacted]' },
          },
        },
      },
    ])
  })

  it('is refused in plain text', async () => {
    await provision()
    const refused = await deliver({}, { 'X-Token': 'wrong' })
    expect([refused.status, await refused.text()]).toEqual([401, 'signature verification failed'])
    const unknown = await ask('POST', '/ingress/desk/other/chat', { key: null, body: {} })
    expect([unknown.status, await unknown.text()]).toEqual([404, 'unknown instance'])
    expect((await ask('HEAD', '/ingress/desk/main/chat', { key: null })).status).toBe(405)
    expect((await ask('POST', '/ingress/desk/main/chat/more', { key: null, body: {} })).status).toBe(404)
    expect((await ask('POST', '/ingress/desk/main/chat%00', { key: null, body: {} })).status).toBe(404)
  })

  it('is not read further than any route may need', async () => {
    const { secret } = await provision()
    expect((await deliver(`"${'x'.repeat(10 * 1024 * 1024)}"`, { 'X-Token': secret })).status).toBe(413)
  })

  it('is to come again when nothing could be stored, or there is no engine', async () => {
    const { secret } = await provision()
    down = new GatewayError('engine_unavailable', 'no engine')
    const answer = await deliver({}, { 'X-Token': secret })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await store.rows()).toEqual([])
  })
})

describe('before the engine hears of it', () => {
  const PATH = '/ingress/desk/main/chat'

  /** An app whose engine answers when it is told to. */
  async function open(options: Parameters<typeof openApp>[0] = {}) {
    const gate = Promise.withResolvers<IngressAnswer>()
    let received = 0
    const engine = {
      call() {
        received += 1
        return gate.promise
      },
    } as unknown as Engine
    const app = await openApp({ ...options, deps: { engine } })
    return { app, answer: gate.resolve, received: () => received }
  }
  const said = (bytes: number) => ({ headers: { 'content-length': String(bytes) } })

  it('no more of strangers is held than they may have together, and those with a key have the rest', async () => {
    const total = 16 * MAX_INGRESS_BODY_BYTES
    const { app, answer, received } = await open({ settings: { inflightBodyBytes: total } })
    await using _ = app
    const post = (address: string) =>
      app.ask('POST', PATH, { key: null, body: {}, address, ...said(MAX_INGRESS_BODY_BYTES) })
    const held = ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.2'].map(post)
    await expect.poll(received).toBe(4)
    const refused = await post('192.0.2.3')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(received()).toBe(4)
    expect((await app.ask('POST', '/sessions', { body: {}, ...said(60_000) })).status).toBe(400)
    answer({ status: 202, headers: {}, body: 'accepted' })
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([202, 202, 202, 202])
    expect((await post('192.0.2.3')).status).toBe(202)
  })

  it('nor of those who do not say how much it will be', async () => {
    const { app, answer, received } = await open({ settings: { inflightBodyBytes: 800 } })
    await using _ = app
    const post = (address: string, text: string) =>
      app.ask('POST', PATH, { key: null, body: text, address, headers: {} })
    const held = ['192.0.2.1', '192.0.2.2'].map(address => post(address, 'x'.repeat(90)))
    await expect.poll(received).toBe(2)
    expect((await post('192.0.2.3', 'x'.repeat(90))).status).toBe(503)
    answer({ status: 202, headers: {}, body: 'accepted' })
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([202, 202])
    expect((await post('192.0.2.3', 'x'.repeat(90))).status).toBe(202)
  })

  it('one address brings no more than its window, and the body of the next is not read', async () => {
    const { app, answer, received } = await open({
      settings: { ingressPerAddress: { limit: 2, ttlMs: 60_000 } },
    })
    await using _ = app
    answer({ status: 202, headers: {}, body: 'accepted' })
    const statuses: number[] = []
    for (const path of [PATH, '/ingress/other/one/route', PATH])
      statuses.push((await app.ask('POST', path, { key: null, body: {} })).status)
    expect([statuses, received()]).toEqual([[202, 202, 429], 2])
    let pulled = 0
    const pull = () => {
      pulled += 1
    }
    const body = new ReadableStream({ pull }, { highWaterMark: 0 })
    const request = { method: 'POST', body, duplex: 'half' } as RequestInit
    const api = createApp({ ...app.deps, settings: { ...app.deps.settings, rateLimits: [] } })
    for (const _ of [1, 2])
      await api.fetch(new Request(`http://api.test/api${PATH}`, { method: 'POST' }), { address: 'a' })
    const refused = await api.fetch(new Request(`http://api.test/api${PATH}`, request), { address: 'a' })
    expect([refused.status, pulled]).toEqual([429, 0])
    expect(refused.headers.get('x-ratelimit-limit-ingress-ip')).toBe('2')
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(await refused.json()).toEqual({
      statusCode: 429,
      message: 'Too many requests',
      error: 'Too Many Requests',
    })
    app.clock.now += 60_000
    expect((await app.ask('POST', PATH, { key: null, body: {} })).status).toBe(202)
  })

  it.each([200, 202, 204, 205, 304, 500])(
    'an answer of %i keeps the fixed headers, and a body where there is one',
    async status => {
      const { app, answer } = await open()
      await using _ = app
      answer({
        status,
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'cache-control': 'public, max-age=99999',
          'x-content-type-options': 'none',
          'x-frame-options': 'ALLOWALL',
          'x-mine': 'y',
        },
        body: status === 200 ? 'text' : '',
      })
      const response = await app.ask('POST', PATH, { key: null, body: {} })
      expect([response.status, await response.text()]).toEqual([status, status === 200 ? 'text' : ''])
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'cache-control': 'private, no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'x-mine': 'y',
      })
      const bodyless = [204, 205, 304].includes(status)
      expect(response.body === null).toBe(bodyless)
      expect(response.headers.get('content-type')).toBe(bodyless ? null : 'text/plain; charset=utf-8')
    },
  )
})
