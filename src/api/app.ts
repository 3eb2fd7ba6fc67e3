// The API: takes each row of the route table through limits, authentication, authorization and validation to its handler.
import { type Context, Hono } from 'hono'
import { GatewayError } from '../contract/errors.ts'
import type { ApiKeyRow } from '../db/api-keys.ts'
import { isSamePerson } from '../db/directory/people.ts'
import { isTwinOfAny } from '../db/messages.ts'
import { createAuditTrail } from './audit-trail.ts'
import { authorize, RESTRICTED_TO_CHATS } from './authorize.ts'
import { readRaw, streamOf } from './body.ts'
import { createCors } from './cors.ts'
import { createEventStreams } from './event-stream.ts'
import { readIdempotency } from './idempotency.ts'
import { createKeyUsage } from './key-usage.ts'
import { createKeyring } from './keyring.ts'
import { sendLater } from './later.ts'
import { createOpenApi } from './openapi.ts'
import { toProblem } from './problem.ts'
import { createRateLimit } from './rate-limit.ts'
import { type ApiDeps, type Ask, isReply, type Reply, type Route, type RouteDeps } from './route.ts'
import { routes as allRoutes } from './routes.ts'
import { isSocketReply, type SocketReply, wantsSocket } from './socket.ts'
import { parseRequest, refuseNul } from './validate.ts'

/** Every answer carries them: nothing here is for caches or for guesses at a type. No more, since each costs every answer time. */
const fixedHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'private, no-store',
  'x-content-type-options': 'nosniff',
}

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
  const openApi = createOpenApi({ routes, settings })
  const eventStreams = createEventStreams(deps)
  const trail = createAuditTrail(deps)
  const routeDeps: RouteDeps = { ...deps, forgetKeys: keyring.forget, openApi, eventStreams }

  /** The row of the key. Throws 401, or 429 where one address keeps showing wrong keys; a good key is never locked out. */
  async function authenticate(c: Context, address: string): Promise<ApiKeyRow> {
    const verdict = await keyring.find(c.req.raw.headers)
    if (verdict.valid) return verdict.row
    failedKeys.take('key', address, {})
    throw new GatewayError('unauthorized', verdict.why)
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
    } else if (route.optionalKey === true) {
      const verdict = await keyring.find(c.req.raw.headers)
      if (verdict.valid) key = verdict.row
    }
    const ask: Ask = { ...(await parseRequest(c, route, params, settings)), key, headers: c.req.raw.headers }
    if (route.stream) ask.stream = streamOf(c.req.raw)
    const { sendAt } = ask
    const asked = sendAt === undefined ? ask.body : { message: ask.body, sendAt }
    const idempotency = route.idempotent && (await readIdempotency(ask.headers, name, asked))
    if (idempotency) ask.idempotency = idempotency
    if (route.raw !== undefined) ask.raw = await readRaw(c.req.raw, route.raw.maxBytes, address)
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
      if (isReply(value)) return respond(value, headers)
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

function respond(answer: Reply, headers: Record<string, string>): Response {
  return new Response(answer.body, { status: answer.status, headers: { ...headers, ...answer.headers } })
}

function bodyless({ 'content-type': _, ...headers }: Record<string, string>): Record<string, string> {
  return headers
}
