// The API at the edge: wires it for Workers and for `deno serve`. Rows come from a libsql server, everything that needs a
// socket or a plugin from an engine elsewhere.
import { type Client, createClient, LibsqlError } from '@libsql/client/web'
import { drizzle } from 'drizzle-orm/libsql/web'
import type { Context } from 'hono'
import { type Api, createApp } from '../api/app.ts'
import { createClientIp } from '../api/client-ip.ts'
import { createKeyHash } from '../api/key-hash.ts'
import { GatewayError } from '../contract/errors.ts'
import type { Db } from '../db/db.ts'
import * as schema from '../db/schema.ts'
import { createHttpEngine } from '../engine-client/http.ts'
import { readEdgeSettings } from './edge-settings.ts'
import { createUpgrade, type DenoSockets } from './web-socket.ts'

/** An answer that takes longer is one that a client no longer waits for. */
const DATABASE_DEADLINE_MS = 10_000

/** The driver lets so many requests wait for each other; on Workers one request may not wait for another's. */
const NO_QUEUE = 1_000_000

/** What of Deno is used, where there is one. */
interface DenoRuntime extends DenoSockets {
  env: { toObject(): Record<string, string> }
  memoryUsage(): { heapUsed: number; heapTotal: number; rss: number }
}
const deno = (globalThis as { Deno?: DenoRuntime }).Deno

/** Deno hands over the peer of a connection; Cloudflare writes it into a header, and drops what a client wrote there. */
function peer(c: Context): string | undefined {
  if (deno === undefined) return c.req.raw.headers.get('cf-connecting-ip') ?? undefined
  return (c.env as { remoteAddr?: { hostname?: string } }).remoteAddr?.hostname
}

/** What SQLite itself refuses stays as it is; anything else means that the server is not there. */
async function reached<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof LibsqlError && cause.code.startsWith('SQLITE_')) throw cause
    throw new GatewayError('storage_unavailable', 'The database does not answer', { cause })
  }
}

/** The two calls that reads and the writer use. */
function reaching(client: Client): Client {
  const reachable: Pick<Client, 'execute' | 'batch'> = {
    execute: (...call: Parameters<Client['execute']>) => reached(client.execute(...call)),
    batch: (...call) => reached(client.batch(...call)),
  }
  return reachable as Client
}

/** Not the outer message: a failed query tells its values in it. */
function rootCause(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? rootCause(error.cause) : String(error)
}

function connect(env: Record<string, unknown>): Api {
  const { database, engine, trustedProxies, pepper, api } = readEdgeSettings(env)
  const client = reaching(
    createClient({
      ...database,
      concurrency: NO_QUEUE,
      fetch: (request: Request) => fetch(request, { signal: AbortSignal.timeout(DATABASE_DEADLINE_MS) }),
    }),
  )
  return createApp({
    // The driver's result type is the one thing that Db leaves open.
    db: drizzle(client, { schema }) as unknown as Db,
    writer: {
      async commit(statements) {
        const results = await client.batch([...statements], 'write')
        return results.map(result => result.rowsAffected)
      },
    },
    engine: createHttpEngine({
      ...engine,
      fetch: (...call) => fetch(...call),
      deadline: ms => AbortSignal.timeout(ms),
    }),
    now: () => Date.now(),
    randomBytes: length => crypto.getRandomValues(new Uint8Array(length)),
    hashKey: createKeyHash(pepper),
    clientIp: createClientIp({ peer, trustedProxies }),
    after: (ms, run) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    upgrade: createUpgrade(deno ?? null),
    memoryUsage: () => deno?.memoryUsage() ?? { heapUsed: 0, heapTotal: 0, rss: 0 },
    background: (c, work) => {
      if (deno === undefined) c.executionCtx.waitUntil(work)
    },
    log: ({ error, ...event }) => console.error(JSON.stringify({ ...event, error: rootCause(error) })),
    settings: api,
  })
}

/** One API per isolate, made when the first request brings the environment. */
function createWorker() {
  let api: Api | undefined
  return {
    fetch(request: Request, env: Record<string, unknown>, execution?: unknown) {
      api ??= connect(deno?.env.toObject() ?? env)
      return api.fetch(request, env, execution)
    },
  }
}

export default createWorker()
