// What a route is: one row that says who may call it, what it takes and what it answers. Authorization, validation, the
// OpenAPI document and the tests of refusals are all made from these rows.
import type { Context } from 'hono'
import type * as v from 'valibot'
import type { AuditAction } from '../contract/audit.ts'
import type { Engine, Idempotency } from '../contract/engine.ts'
import type { Send } from '../contract/job.ts'
import type { ApiKeyRow } from '../db/api-keys.ts'
import type { Db, Writer } from '../db/db.ts'
import type { EventStreams } from './event-stream.ts'
import type { RateWindow } from './rate-limit.ts'
import type { SocketReply, Upgrade } from './socket.ts'

/** Weakest first: a key may do what its role and every weaker one may. */
export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

export interface ApiSettings {
  version: string
  /** Validation says what is wrong with a request: not in production, unless asked for. */
  validationDetails: boolean
  rateLimits: readonly RateWindow[]
  /** Wrong keys that one address may show in that time before it is told to wait. */
  failedKeys: { limit: number; ttlMs: number }
  bodyLimitBytes: number
  /** Of all requests that are under way together. */
  inflightBodyBytes: number
  /** Webhooks from outside that one address may bring in that time. */
  ingressPerAddress: { limit: number; ttlMs: number }
  /** What a list of messages may hold of files. */
  inlineMediaBytes: number
  /** Origins of web pages that may call the API: exact ones, `*` for any, or none. */
  corsOrigins: readonly string[]
  /** Where clients reach this gateway, for the OpenAPI document; null where it is not known. */
  baseUrl: string | null
}

export interface ApiDeps {
  db: Db
  writer: Writer
  /** Whether what `writer` is given is stored at the moment; absent where this process keeps no account of it. */
  canWrite?: () => Promise<boolean>
  engine: Engine
  /** Epoch milliseconds. */
  now(): number
  randomBytes(length: number): Uint8Array
  /** Hex SHA-256 of a key, or HMAC-SHA-256 where the operator has set a pepper. */
  hashKey(key: string): string | Promise<string>
  clientIp(c: Context): string
  /** Calls once, after so many milliseconds. Gives the undo. */
  after(ms: number, run: () => void): () => void
  /** Tells of new events where this process commits them; absent where another one does. Gives the undo. */
  onEvents?: (listener: () => void) => () => void
  /** Turns a request into a WebSocket; absent where the runtime cannot. */
  upgrade?: Upgrade
  /** Of this process, in bytes; zeros where the runtime does not tell. */
  memoryUsage(): { heapUsed: number; heapTotal: number; rss: number }
  /** Keeps the runtime alive until work that no answer waits for is done. */
  background(c: Context, work: Promise<void>): void
  /** For errors that have no name: they are answered as 500 without a word about them. */
  log(event: { message: string; error: unknown; method?: string; route?: string }): void
  settings: ApiSettings
}

/** What a handler may use besides: things that belong to one app. */
export interface RouteDeps extends ApiDeps {
  /** Makes a change of a key take effect at once in this process. */
  forgetKeys(): void
  openApi(): Record<string, unknown>
  eventStreams: EventStreams
}

/** A request as it came in, for a row that judges it itself. */
export interface RawRequest {
  method: string
  /** Names in lower case. */
  headers: Record<string, string>
  query: Record<string, string>
  bytes: Uint8Array
  clientIp: string
}

/** A request after all checks. `key` is null on public routes; `file` is empty where the row takes no upload. */
export interface Ask<P = unknown, Q = unknown, B = unknown> {
  params: P
  query: Q
  body: B
  file: Uint8Array
  key: ApiKeyRow | null
  headers: Headers
  /** Only where the row asks for it. */
  raw?: RawRequest
  /** Epoch milliseconds; only where the row takes it, and the client gives it. */
  sendAt?: number
  /** Only where the row takes a key, and the client gives one. */
  idempotency?: Idempotency
  /** Only where the row asks for it; null for a request without a body. */
  stream?: ReadableStream<Uint8Array> | null
}

type Params = v.ObjectSchema<v.ObjectEntries, undefined>
type Output<S> = S extends v.GenericSchema ? v.InferOutput<S> : undefined

interface Row<P, Q, B, R> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/api`. A parameter called `sid` or `sessionId` is a session, and a key's scope is held against it. */
  path: string
  summary: string
  /** The least role that may call it. */
  role: Role | 'public'
  /** A public route that says more to a valid key. */
  optionalKey?: boolean
  /** Refuses keys that are held to some sessions: the route acts on all of them. */
  unscoped?: boolean
  /** The chats that the request is about. A key held to some chats may call only routes that say so. */
  chats?(ask: Ask<Output<P>, Output<Q>, Output<B>>): string[]
  /** Its handler leaves out what a key held to some chats may not see. */
  filtersChats?: boolean
  /** A key held to some chats may name a quoted message here: the engine looks for it in the same chat. */
  quotes?: boolean
  /** Takes `sendAt` in its body: what it is then as a send to come. The handler is not called for it. */
  later?(ask: Ask<Output<P>, Output<Q>, Output<B>>, deps: RouteDeps): Send | Promise<Send>
  /** Takes an `Idempotency-Key`: the same request under one key is done once. */
  idempotent?: boolean
  /** False where even a busy client must get an answer. */
  rateLimited?: boolean
  params?: P
  /** Unknown names in the query are ignored, as OpenWA does. */
  query?: Q
  body?: B
  /** The one file of a multipart body. */
  upload?: { field: string; maxBytes: number }
  /** The body as it comes, in place of one that is read: nothing in it is looked at, and the handler bounds it. */
  stream?: boolean
  /** The whole request as it is, in place of a body: nothing in it is looked at but its length. */
  raw?: { maxBytes: number }
  /** Written down with who did it, however it ends. `subject` is the id of what it was done to. */
  audit?: {
    action: AuditAction
    subject(
      ask: Ask<Output<P>, Output<Q>, Output<B>>,
      /** Absent where it failed. */
      value: (R extends v.GenericSchema ? v.InferInput<R> : null) | undefined,
    ): string | null
  }
  /** 101: it becomes a WebSocket. */
  status: 101 | 200 | 201 | 202 | 204
  /** null: no body. */
  result: R
  handle(
    ask: Ask<Output<P>, Output<Q>, Output<B>>,
    deps: RouteDeps,
  ):
    | (R extends v.GenericSchema ? v.InferInput<R> : null)
    | Reply
    | SocketReply
    | Promise<(R extends v.GenericSchema ? v.InferInput<R> : null) | Reply | SocketReply>
}

/** A row as the machine sees it, with its own types forgotten. */
export type Route = Row<
  Params | undefined,
  Params | undefined,
  v.GenericSchema | undefined,
  v.GenericSchema | null
> & {
  chats?(ask: Ask): string[]
  later?(ask: Ask, deps: RouteDeps): Send | Promise<Send>
  audit?: { action: AuditAction; subject(ask: Ask, value: unknown): string | null }
  handle(ask: Ask, deps: RouteDeps): unknown
}

/** Checks a row's handler against the row's own schemas, then forgets them. */
export function route<
  P extends Params | undefined = undefined,
  Q extends Params | undefined = undefined,
  B extends v.GenericSchema | undefined = undefined,
  R extends v.GenericSchema | null = null,
>(row: Row<P, Q, B, R>): Route {
  return row as unknown as Route
}

/** An answer that is not the row's status with JSON. */
export interface Reply {
  readonly isReply: true
  status: number
  body: string | ReadableStream<Uint8Array>
  headers: Record<string, string>
}

export const reply = (status: number, body: Reply['body'], headers: Record<string, string>): Reply => ({
  isReply: true,
  status,
  body,
  headers,
})

export const jsonReply = (status: number, value: unknown): Reply =>
  reply(status, JSON.stringify(value), { 'content-type': 'application/json; charset=utf-8' })

export const isReply = (value: unknown): value is Reply =>
  typeof value === 'object' && value !== null && 'isReply' in value && value.isReply === true
