// The API: takes each row of the route table through limits, authentication, authorization and validation to its handler.
import { type Context, Hono } from 'hono'
import { GatewayError } from '../contract/errors.ts'
import type { ApiKeyRow } from '../db/api-keys.ts'
import { isSamePerson } from '../db/directory/people.ts'
import { isTwinOfAny } from '../db/messages.ts'
import { createAuditTrail } from './audit-trail.ts'
import { authorize, RESTRICTED_TO_CHATS } from './authorize.ts'
import { FORM_OVERHEAD_BYTES, readRaw, streamOf } from './body.ts'
import { type BodyLease, createBodyBudget } from './body-budget.ts'
import { createCors } from './cors.ts'
import { createEventStreams } from './event-stream.ts'
import { readIdempotency } from './idempotency.ts'
import { createKeyUsage } from './key-usage.ts'
import { createKeyring, showsKey } from './keyring.ts'
import { sendLater } from './later.ts'
import { createOpenApi } from './openapi.ts'
import { toProblem } from './problem.ts'
import { createRateLimit } from './rate-limit.ts'
import { type ApiDeps, type Ask, isReply, type Reply, type Route, type RouteDeps } from './route.ts'
import { routes as allRoutes } from './routes.ts'
import { isSocketReply, type SocketReply, wantsSocket } from './socket.ts'
import { parseRequest, refuseNul } from './validate.ts'

/**
 * Every answer carries them: nothing here is for caches, for guesses at a type or for frames of other pages. No more, since each
 * costs every answer time.
 */
const fixedHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'private, no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

const fixedButType = bodyless(fixedHeaders)

export interface Api extends AsyncDisposable {
  fetch(request: Request, env?: unknown, execution?: unknown): Response | Promise<Response>
}

/** A row with the name that its requests are counted under. */
interface Named {
  route: Route
  name: string
}

/** `routes` are all there are; a test or a benchmark may hand in its own. Disposing writes what is still counted in memory. */
export function createApp(deps: ApiDeps & { routes?: readonly Route[] }): Api {
  const { settings, now } = deps
  const routes = deps.routes ?? allRoutes
  const keyring = createKeyring(deps)
  const usage = createKeyUsage({
    ...deps,
    onError: error => deps.log({ message: 'the use of API keys could not be stored', error }),
  })
  const rateLimit = createRateLimit({ windows: settings.rateLimits, now })
  const failedKeys = createRateLimit({ windows: [{ name: 'auth', ...settings.failedKeys }], now })
  const cors = createCors(settings.corsOrigins, settings.rateLimits)
  const rawPerAddress = createRateLimit({
    windows: [{ name: 'ingress-ip', ...settings.ingressPerAddress }],
    now,
  })
  const bodies = createBodyBudget({ total: settings.inflightBodyBytes })
  const openApi = createOpenApi({ routes, settings })
  const eventStreams = createEventStreams(deps)
  const trail = createAuditTrail(deps)
  const routeDeps: RouteDeps = { ...deps, forgetKeys: keyring.forget, openApi, eventStreams }

  /** Where one address has shown too many wrong keys, keys that nobody has seen here are refused without a look-up. */
  const findKey = (c: Context, address: string) =>
    keyring.find(c.req.raw.headers, { search: !failedKeys.isFull('key', address) })

  /** The row of the key. Throws 401, or 429 where one address keeps showing wrong keys. */
  async function authenticate(c: Context, address: string): Promise<ApiKeyRow> {
    const verdict = await findKey(c, address)
    if (verdict.valid) return verdict.row
    failedKeys.take('key', address, {})
    throw new GatewayError('unauthorized', verdict.why)
  }

  /** Null for who shows no key. A wrong one counts as it does anywhere, and the answer does not tell that it was too many. */
  async function recognize(c: Context, address: string): Promise<ApiKeyRow | null> {
    if (!showsKey(c.req.raw.headers)) return null
    const verdict = await findKey(c, address)
    if (verdict.valid) return verdict.row
    if (!failedKeys.isFull('key', address)) failedKeys.take('key', address, {})
    return null
  }

  async function mayUseChats(allowed: readonly string[], route: Route, ask: Ask): Promise<boolean> {
    if (route.role === 'public' || route.filtersChats === true) return true
    const chats = route.chats?.(ask) ?? []
    const { sid } = ask.params as { sid?: string }
    if (chats.length === 0 || sid === undefined) throw new GatewayError('forbidden', RESTRICTED_TO_CHATS)
    if (!route.quotes && ask.body instanceof Object && 'quotedMessageId' in ask.body)
      throw new GatewayError('forbidden', RESTRICTED_TO_CHATS)
    for (const chatId of chats)
      if (
        !allowed.includes(chatId) &&
        !(await isSamePerson(deps.db, { sessionId: sid, id: chatId, others: allowed })) &&
        !(await isTwinOfAny(deps.db, { sessionId: sid, chatId, others: allowed }))
      )
        return false
    return true
  }

  async function perform(
    c: Context,
    { route, name }: Named,
    headers: Record<string, string>,
  ): Promise<unknown> {
    const address = deps.clientIp(c)
    if (route.rateLimited !== false) rateLimit.take(name, address, headers)
    if (route.raw === undefined) refuseNul(c.req.raw.url)
    if (wantsSocket(c.req.raw.headers)) cors.refuseForeign(c.req.raw.headers)
    const params = c.req.param()
    let key: ApiKeyRow | null = null
    if (route.role !== 'public') {
      key = await authenticate(c, address)
      const verdict = authorize(key, route, { address, params })
      if (!verdict.allow) throw new GatewayError('forbidden', verdict.why)
      const write = usage.count(key.id)
      if (write !== null) deps.background(c, write)
    } else if (route.optionalKey === true) key = await recognize(c, address)
    // Before the body is read: the engine, which counts these as well, sees it whole.
    if (route.raw) rawPerAddress.take('raw', address, headers)
    const mostBytes = largestBody(route, settings.bodyLimitBytes)
    const stranger = key === null ? address : undefined
    const lease = bodies.take(c.req.raw.headers, { mostBytes, stranger })
    try {
      return await serve(c, { route, name }, { address, params, key, grow: lease.grow })
    } finally {
      lease.release()
    }
  }

  async function serve(
    c: Context,
    { route, name }: Named,
    {
      address,
      params,
      key,
      grow,
    }: { address: string; params: Record<string, string>; key: ApiKeyRow | null; grow: BodyLease['grow'] },
  ): Promise<unknown> {
    const parsed = await parseRequest(c, route, params, { limit: settings.bodyLimitBytes, grow })
    const ask: Ask = { ...parsed, key, headers: c.req.raw.headers }
    if (route.stream) ask.stream = streamOf(c.req.raw)
    const { sendAt } = ask
    const asked = sendAt === undefined ? ask.body : { message: ask.body, sendAt }
    const idempotency = route.idempotent && (await readIdempotency(ask.headers, name, asked))
    if (idempotency) ask.idempotency = idempotency
    if (route.raw !== undefined)
      ask.raw = await readRaw(c.req.raw, { limit: route.raw.maxBytes, grow }, address)
    if (key !== null && key.allowedChats !== null && !(await mayUseChats(key.allowedChats, route, ask)))
      throw new GatewayError('forbidden', 'API key not authorized for this chat')
    if (sendAt !== undefined && route.later)
      return await sendLater({ ...ask, sendAt }, route.later, routeDeps)
    const { audit } = route
    if (audit === undefined) return await route.handle(ask, routeDeps)
    const { method, path } = c.req
    return await trail.around({ ...audit, ask, address, method, path, status: route.status }, async () =>
      route.handle(ask, routeDeps),
    )
  }

  async function upgrade(c: Context, { handler }: SocketReply): Promise<Response> {
    try {
      if (deps.upgrade) return await deps.upgrade(c, handler)
    } catch (thrown) {
      handler.closed()
      throw thrown
    }
    handler.closed()
    throw new GatewayError('not_supported', 'WebSockets are not supported here')
  }

  async function answer(c: Context, named: Named): Promise<Response> {
    const { route } = named
    // One plain object, handed to Response at the end: touching the headers of a finished answer costs Node half its speed.
    const headers: Record<string, string> = { ...fixedHeaders }
    cors.allow(c.req.raw.headers, headers)
    try {
      const value = await perform(c, named, headers)
      if (isSocketReply(value)) return await upgrade(c, value)
      if (isReply(value)) return respond(value, headers, route)
      if (route.result === null)
        return new Response(null, { status: route.status, headers: bodyless(headers) })
      return new Response(JSON.stringify(value), { status: route.status, headers })
    } catch (thrown) {
      return fail(c, thrown, headers, route)
    }
  }

  function fail(c: Context, thrown: unknown, headers: Record<string, string>, route?: Route): Response {
    const problem = toProblem(thrown, settings)
    if (problem.unexpected !== undefined)
      deps.log({
        message: 'a request failed',
        error: problem.unexpected,
        method: c.req.method,
        ...(route && { route: route.path }),
      })
    Object.assign(headers, problem.headers)
    return new Response(JSON.stringify(problem.body), { status: problem.status, headers })
  }

  const app = new Hono()
  for (const route of routes) {
    const named: Named = { route, name: `${route.method} ${route.path}` }
    app.on(route.method, `/api${route.path}`, c => answer(c, named))
  }
  app.options('/api/*', c => {
    const headers: Record<string, string> = bodyless({ ...fixedHeaders })
    cors.allow(c.req.raw.headers, headers)
    if (headers['access-control-allow-origin'] !== undefined) Object.assign(headers, cors.preflight)
    return new Response(null, { status: 204, headers })
  })
  app.notFound(c => {
    const headers: Record<string, string> = { ...fixedHeaders }
    try {
      rateLimit.take('unknown', deps.clientIp(c), headers)
    } catch (thrown) {
      return fail(c, thrown, headers)
    }
    const what = `${c.req.method} ${c.req.path}`.slice(0, 200)
    return fail(c, new GatewayError('not_found', `Cannot ${what}`), headers)
  })
  app.onError((thrown, c) => fail(c, thrown, { ...fixedHeaders }))

  return {
    fetch: (request, env, execution) => app.fetch(request, env as object, execution as never),
    async [Symbol.asyncDispose]() {
      await eventStreams[Symbol.asyncDispose]()
      await usage.flush()
    },
  }
}

/** What the body of a request for this row may weigh; 0 for one that is not read into memory. */
function largestBody({ raw, body, upload }: Route, limit: number): number {
  if (raw !== undefined) return raw.maxBytes
  if (upload !== undefined) return upload.maxBytes + FORM_OVERHEAD_BYTES
  return body === undefined ? 0 : limit
}

/** Statuses that have no body: a runtime throws where one is given, be it empty. */
const bodylessStatuses: ReadonlySet<number> = new Set([204, 205, 304])

/** The fixed headers win over those of a raw row, whose answer others have a say in. */
function respond(answer: Reply, headers: Record<string, string>, { raw }: Route): Response {
  const all = { ...headers, ...answer.headers, ...(raw && fixedButType) }
  if (bodylessStatuses.has(answer.status))
    return new Response(null, { status: answer.status, headers: bodyless(all) })
  return new Response(answer.body, { status: answer.status, headers: all })
}

function bodyless({ 'content-type': _, ...headers }: Record<string, string>): Record<string, string> {
  return headers
}
