// The API without a server or an engine, for tests of one of its parts: a request in, an answer out, and a clock that stands.
import { createHash, randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import { createApp } from '../../src/api/app.ts'
import { ensureFirstKey } from '../../src/api/first-key.ts'
import type { ApiDeps, ApiSettings, Route } from '../../src/api/route.ts'
import type { Engine } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import { openFile, type TestDatabase } from './api-database.ts'

export interface TestApp extends AsyncDisposable {
  adminKey: string
  clock: { now: number }
  database: TestDatabase
  deps: ApiDeps
  /** What was logged, and how often the database was written to. */
  logged: unknown[]
  commits: number
  ask(
    method: string,
    path: string,
    asked?: { key?: string | null; body?: unknown; headers?: Record<string, string>; address?: string },
  ): Promise<Response>
}

export const settings: ApiSettings = {
  version: '0.0.0-test',
  validationDetails: true,
  rateLimits: [{ name: 'short', ttlMs: 1000, limit: 1000 }],
  failedKeys: { limit: 1000, ttlMs: 60_000 },
  bodyLimitBytes: 64 * 1024,
  inflightBodyBytes: 256 * 1024,
  ingressPerAddress: { limit: 1000, ttlMs: 60_000 },
  inlineMediaBytes: 1_000,
  corsOrigins: [],
  baseUrl: null,
}

const noEngine: Engine = {
  async call() {
    throw new GatewayError('engine_unavailable', 'There is no engine in this test')
  },
}

export const hashKey = (key: string) => createHash('sha256').update(key).digest('hex')

export async function openApp(
  options: { settings?: Partial<ApiSettings>; routes?: readonly Route[]; deps?: Partial<ApiDeps> } = {},
): Promise<TestApp> {
  const database = await openFile()
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') }
  const app: Pick<TestApp, 'logged' | 'commits'> = { logged: [], commits: 0 }
  const deps: ApiDeps = {
    db: database.db,
    writer: {
      commit(statements) {
        app.commits += 1
        return database.writer.commit(statements)
      },
    },
    engine: noEngine,
    now: () => clock.now,
    randomBytes: length => new Uint8Array(randomBytes(length)),
    hashKey,
    clientIp: (c: Context) => (c.env as { address: string }).address,
    after: (ms, run) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    memoryUsage: () => ({ heapUsed: 0, heapTotal: 0, rss: 0 }),
    background: () => {},
    log: event => app.logged.push(event),
    settings: { ...settings, ...options.settings },
    ...options.deps,
  }
  const adminKey = (await ensureFirstKey({ ...deps, masterKey: null, keep() {} })) ?? ''
  const api = createApp({ ...deps, ...(options.routes && { routes: options.routes }) })
  return Object.assign(app, {
    adminKey,
    clock,
    database,
    deps,
    async ask(method, path, { key = adminKey, body, headers = {}, address = '192.0.2.1' } = {}) {
      const request = new Request(`http://api.test/api${path}`, {
        method,
        headers: {
          ...(key !== null && { 'x-api-key': key }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return await api.fetch(request, { address })
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  } satisfies Omit<TestApp, 'logged' | 'commits'>)
}
