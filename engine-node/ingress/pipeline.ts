// A webhook from outside on its way in: ten steps in the order of the plugin contract (section 13), each with its own answer
// for who does not get past it. What got through is durable before the sender hears so.

import { createRateLimit, type RateLimit } from '../../src/api/rate-limit.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { IngressAnswer, IngressRequest, IngressRoute } from '../../src/contract/ingress.ts'
import type { Logger } from '../log.ts'
import { PLAIN, renderAck } from './ack.ts'
import {
  type Body,
  bodyKind,
  conversationId,
  deliveryId,
  isEncoded,
  readBody,
  redactHeaders,
} from './delivery.ts'
import type { Taken } from './dispatcher.ts'
import type { Delivery } from './event.ts'
import type { OpenInstance } from './instances.ts'
import { isEqualText, verifySignature } from './signature.ts'

/** When a sender should come back whose session is down: a reconnect takes seconds, a pairing minutes. */
const SESSION_DOWN_RETRY_SECONDS = 30

/** The same for an instance whose plugin does not keep up: each that it fails takes a minute or two. */
const FULL_RETRY_SECONDS = 120

const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

export interface PipelineDeps {
  instances: { open(pluginId: string, instanceId: string): Promise<OpenInstance | null> }
  /** Resolves once the delivery is durable, or turned away. */
  add(delivery: Delivery): Promise<Taken>
  /** False for a session without an engine, or with one that failed. */
  isSessionAlive(sessionId: string): boolean
  log: Logger
  /** Epoch milliseconds. */
  now(): number
  settings: {
    ipLimit: number
    instanceLimit: number
    windowMs: number
    toleranceSec: number
    dedupDays: number
    allowUnsigned: boolean
  }
}

interface Target {
  instance: OpenInstance
  route: IngressRoute
}

const text = (status: number, body: string, headers: Record<string, string> = {}): IngressAnswer => ({
  status,
  headers: { ...PLAIN, ...headers },
  body,
})

/**
 * The handler of `ingress.receive`. Answers every request; rejects only where nothing can be stored, so that the sender
 * hears 503 and comes again.
 */
export function createIngressPipeline(deps: PipelineDeps) {
  const { instances, add, isSessionAlive, log, now, settings } = deps
  const limitOf = (name: string, limit: number) =>
    createRateLimit({ windows: [{ name, limit, ttlMs: settings.windowMs }], now })
  const byAddress = limitOf('ingress-ip', settings.ipLimit)
  const byInstance = limitOf('instance', settings.instanceLimit)
  const tolerance = { fallback: settings.toleranceSec, max: settings.dedupDays * 86_400 }

  async function pass(request: IngressRequest, told: Record<string, string>): Promise<IngressAnswer> {
    const limited = charge(byAddress, request.clientIp, told)
    if (limited) return limited
    if (!METHODS.includes(request.method))
      return text(405, 'method not allowed', { allow: METHODS.join(', ') })
    const target = await resolve(request)
    if ('status' in target) return target
    const challenged = answerChallenge(target, request)
    if (challenged) return challenged
    const rawBody = Buffer.from(request.rawBody, 'base64')
    const refused = refuseBody(target, request, rawBody) ?? refuseSignature(target, request, rawBody)
    if (refused) return refused
    const { pluginId, instanceId } = request
    const crowded = charge(byInstance, `${pluginId}/${instanceId}`, told)
    if (crowded) return crowded
    const body = readBody(rawBody, bodyKind(request.headers))
    if (body === null) return text(400, 'the body is not what its content type says')
    const down = preflight(target, request)
    if (down) return down
    return await accept(target, request, rawBody, body)
  }

  function charge(limit: RateLimit, who: string, told: Record<string, string>): IngressAnswer | null {
    try {
      limit.take('ingress', who, told)
      return null
    } catch (thrown) {
      if (!(thrown instanceof GatewayError)) throw thrown
      return {
        status: 429,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'retry-after': String(thrown.details.retryAfterSeconds),
        },
        body: JSON.stringify({ statusCode: 429, message: thrown.message, error: 'Too Many Requests' }),
      }
    }
  }

  /** A disabled instance or plugin is as unknown as one that never was. */
  async function resolve(request: IngressRequest): Promise<Target | IngressAnswer> {
    const instance = await instances.open(request.pluginId, request.instanceId)
    if (!instance?.row.enabled || !instance.pluginEnabled) return text(404, 'unknown instance')
    const route = instance.routes.find(other => other.route === request.route)
    const open = route?.signature.scheme !== 'none' || settings.allowUnsigned
    return route !== undefined && open ? { instance, route } : text(404, 'unknown route')
  }

  function answerChallenge({ instance, route }: Target, request: IngressRequest): IngressAnswer | null {
    if (request.method !== 'GET' || !route.challenge) return null
    const { tokenParam, echoParam } = route.challenge
    const token = queryOf(request, tokenParam)
    // An instance without a token has an empty one, which fits nobody.
    const fits = token !== '' && isEqualText(token, instance.verifyToken)
    return fits ? text(200, queryOf(request, echoParam)) : text(403, 'challenge failed')
  }

  function refuseBody({ route }: Target, request: IngressRequest, rawBody: Buffer): IngressAnswer | null {
    if (rawBody.length === 0) return null
    if (bodyKind(request.headers) === null || isEncoded(request.headers))
      return text(415, 'unsupported ingress content type')
    return rawBody.length > route.maxBodyBytes ? text(413, 'payload too large') : null
  }

  function refuseSignature({ instance, route }: Target, request: IngressRequest, rawBody: Buffer) {
    const verdict = verifySignature(route.signature, {
      rawBody,
      headers: request.headers,
      instanceId: request.instanceId,
      secret: instance.secret,
      now: now(),
      tolerance,
    })
    if (verdict.ok) return null
    const { pluginId, instanceId } = request
    log.info({ plugin: pluginId, instance: instanceId, why: verdict.why }, 'A webhook was not authentic')
    return text(401, 'signature verification failed')
  }

  /** Nothing is stored for who is turned away here, so that the repeat is not taken for a duplicate. */
  function preflight({ instance, route }: Target, request: IngressRequest): IngressAnswer | null {
    const scope = instance.row.sessionScope
    const asks = route.response?.preflight?.some(({ type }) => type === 'session-alive') ?? false
    if (!asks || scope === null || isSessionAlive(scope)) return null
    const { pluginId, instanceId } = request
    log.info(
      { plugin: pluginId, instance: instanceId, session: scope },
      'A webhook met a session that is down',
    )
    return text(503, 'session is not available', { 'retry-after': String(SESSION_DOWN_RETRY_SECONDS) })
  }

  async function accept({ instance, route }: Target, request: IngressRequest, rawBody: Buffer, body: Body) {
    const id = deliveryId(route, request.headers, rawBody)
    const taken = await add({
      pluginId: instance.row.pluginId,
      instanceId: instance.row.instanceId,
      route: route.route,
      deliveryId: id,
      conversationId: conversationId(route, request.headers, body.json),
      sessionId: instance.row.sessionScope,
      request: {
        method: request.method,
        headers: redactHeaders(route, request.headers),
        query: request.query,
        rawBody: body.text,
        verified: route.signature.scheme !== 'none',
      },
    })
    const { pluginId, instanceId } = instance.row
    const about = { plugin: pluginId, instance: instanceId, delivery: id }
    if (taken === 'full') {
      log.warn(about, 'A webhook was turned away: too many wait for their plugin')
      return text(503, 'too many deliveries wait', { 'retry-after': String(FULL_RETRY_SECONDS) })
    }
    if (taken === 'known') log.debug(about, 'A webhook came again')
    const timestamp = Math.floor(now() / 1000)
    return renderAck(route.response?.ack, { rawBody: body.text, timestamp, id })
  }

  return {
    async receive(request: IngressRequest): Promise<IngressAnswer> {
      const told: Record<string, string> = {}
      const answer = await pass(request, told)
      return { ...answer, headers: { ...told, ...answer.headers } }
    },
  }
}

const queryOf = ({ query }: IngressRequest, name: string): string =>
  Object.hasOwn(query, name) ? (query[name] ?? '') : ''
