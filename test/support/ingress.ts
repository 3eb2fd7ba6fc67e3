// For tests of ingress: a database on disk with one plugin in it, everything built over it, and a plugin that is a function.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAttempt, type WebhookCall } from '../../engine-node/ingress/attempt.ts'
import { createIngressDispatcher } from '../../engine-node/ingress/dispatcher.ts'
import { createInstances } from '../../engine-node/ingress/instances.ts'
import { createIngressPipeline } from '../../engine-node/ingress/pipeline.ts'
import { createLog } from '../../engine-node/log.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import type { CreateInstance, IngressAnswer, IngressRequest } from '../../src/contract/ingress.ts'
import { statement } from '../../src/db/db.ts'
import { ingressEvents, plugins } from '../../src/db/schema.ts'
import { createFakeClock } from './fake-clock.ts'

export const SECRET = 'secret-of-the-tests'

/** One route of every kind that the tests need. */
export const testRoutes = [
  {
    route: 'chat',
    signature: { scheme: 'shared-secret', header: 'X-Token' },
    conversationId: { jsonPointer: '/conversation/id' },
    maxBodyBytes: 1_000,
  },
  { route: 'open', signature: { scheme: 'none' } },
  {
    route: 'asked',
    signature: { scheme: 'shared-secret', header: 'X-Token' },
    challenge: { method: 'GET', tokenParam: 'hub.verify_token', echoParam: 'hub.challenge' },
    response: {
      preflight: [{ type: 'session-alive' }],
      ack: {
        status: 200,
        body: '{"ok":true}',
        headers: { 'Content-Type': 'application/json', 'Set-Cookie': 'a=b' },
      },
    },
    dedupOn: 'body',
  },
] as const

export type Handler = (call: WebhookCall, signal: AbortSignal) => Promise<void>

/** A gateway's ingress over a database file. `restart` makes all of it anew over the same file, without a goodbye. */
export async function openIngress(
  options: { concurrency?: number; ipLimit?: number; instanceLimit?: number; maxWaiting?: number } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'wharf-ingress-'))
  const clock = createFakeClock()
  const sealer = createSealer(new Uint8Array(32).fill(7))
  const log = createLog('silent')
  const alive = new Set<string>()
  const told: unknown[] = []
  let handler: Handler = async () => {}
  let allowUnsigned = true
  const url = `file:${join(folder, 'wharf.db')}`

  async function build() {
    const database = await openDatabase({ url })
    const queue = createWriteQueue({ target: database.target, delay: async () => {} })
    const { db } = database
    let broken = false
    const writer = {
      commit: (...args: Parameters<typeof queue.commit>) =>
        broken ? Promise.reject(new Error('disk full')) : queue.commit(...args),
    }
    const attempt = createAttempt({
      db,
      sealer,
      clock,
      timeoutMs: 5_000,
      dispatch: (_, call, signal) => handler(call, signal),
    })
    const dispatcher = createIngressDispatcher({
      db,
      writer,
      sealer,
      clock,
      log,
      attempt,
      concurrency: options.concurrency ?? 10,
      maxWaiting: options.maxWaiting ?? 10_000,
      hooks: { run: async (event, data, origin) => told.push({ event, data, origin }) },
    })
    const instances = createInstances({
      db,
      writer,
      sealer,
      now: clock.now,
      baseUrl: 'https://gate.example/',
      changed: (pluginId, instanceId) => dispatcher.wake(pluginId, instanceId),
    })
    const pipeline = createIngressPipeline({
      instances,
      add: dispatcher.add,
      isSessionAlive: id => alive.has(id),
      log,
      now: clock.now,
      settings: {
        ipLimit: options.ipLimit ?? 10_000,
        instanceLimit: options.instanceLimit ?? 10_000,
        windowMs: 60_000,
        toleranceSec: 300,
        dedupDays: 7,
        get allowUnsigned() {
          return allowUnsigned
        },
      },
    })
    return {
      db,
      writer,
      dispatcher,
      instances,
      pipeline,
      database,
      breakWrites: (now: boolean) => {
        broken = now
      },
    }
  }

  let built = await build()
  await built.writer.commit([
    statement(
      built.db.insert(plugins).values({
        id: 'desk',
        name: 'Desk',
        version: '1.0.0',
        manifest: {
          id: 'desk',
          ingress: testRoutes,
          permissions: ['webhook:ingress'],
          configSchema: {
            type: 'object',
            properties: { apiKey: { type: 'string', secret: true }, port: { type: 'number' } },
          },
        },
        status: 'enabled',
        enabledByOperator: true,
        tier: 'process',
        configMasked: {},
        sessionConfigMasked: {},
        configSealed: new Uint8Array(),
        activeSessions: ['*'],
        installedAt: 0,
        updatedAt: 0,
      }),
    ),
  ])
  await built.dispatcher.start()

  return {
    clock,
    alive,
    told,
    get now() {
      return built
    },
    handle(next: Handler) {
      handler = next
    },
    allowUnsigned(allowed: boolean) {
      allowUnsigned = allowed
    },
    provision: (input: Partial<CreateInstance> = {}) =>
      built.instances.create('desk', {
        instanceId: 'main',
        sessionScope: null,
        verifyToken: null,
        config: {},
        secret: SECRET,
        ...input,
      }),
    receive: (
      request: Partial<Omit<IngressRequest, 'rawBody'>> & { body?: string } = {},
    ): Promise<IngressAnswer> => {
      const { body = '{}', headers, ...rest } = request
      return built.pipeline.receive({
        pluginId: 'desk',
        instanceId: 'main',
        route: 'chat',
        method: 'POST',
        query: {},
        clientIp: '203.0.113.7',
        ...rest,
        headers: { 'content-type': 'application/json', 'x-token': SECRET, ...headers },
        rawBody: Buffer.from(body).toString('base64'),
      })
    },
    rows: () => built.db.select().from(ingressEvents).orderBy(ingressEvents.id),
    /** Leaves the old one as a killed process would: what it still does must not matter. */
    async restart() {
      built = await build()
      await built.dispatcher.start()
      await built.dispatcher.idle()
    },
    async [Symbol.asyncDispose]() {
      await built.dispatcher[Symbol.asyncDispose]()
      await built.database[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type TestIngress = Awaited<ReturnType<typeof openIngress>>
