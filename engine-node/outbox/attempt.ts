// One try of one delivery: the body is built, plugins may change or cancel it, it is checked for size and sent.
import type { HookName, HookPayload, HookSource } from '../../src/contract/hooks.ts'
import type { OpenDelivery } from '../../src/db/delivery-reads.ts'
import {
  bodyOf,
  type Envelope,
  MAX_PAYLOAD_BYTES,
  toJson,
  withEnvelope,
  withoutLargeMedia,
} from '../../src/webhooks/envelope.ts'
import type { Clock } from '../clock.ts'
import type { Endpoint } from './endpoint.ts'
import type { Answer, SendRequest } from './send.ts'

/** The part of the hook chain that deliveries need. */
export interface DeliveryHooks {
  run<N extends HookName>(
    event: N,
    data: HookPayload<N>,
    of: { sessionId: string; source: HookSource },
  ): Promise<{ continue: boolean; data: HookPayload<N> }>
  /** Empty when nobody listens: then nothing is parsed for the hook. */
  order(event: HookName): readonly unknown[]
}

/** `rewritten`: the JSON body that plugins have made of it, where they have. */
export type Outcome = { rewritten: string | null } & (
  | { kind: 'answered'; answer: Answer }
  | { kind: 'cancelled'; why: string }
  | { kind: 'unsendable'; why: string }
)

/** Points at which a test ends the process. */
export type OutboxFault = 'webhook-before-post' | 'webhook-after-post' | 'webhook-between-retries'

export type Attempt = (delivery: OpenDelivery, endpoint: Endpoint) => Promise<Outcome>

export function createAttempt(deps: {
  send(request: SendRequest): Promise<Answer>
  clock: Clock
  hooks: DeliveryHooks
  maxPayloadBytes?: number
  /** The data with the file that it speaks of; as it is, where there is none. */
  withFile?: (of: { event: string; sessionId: string; data: string }) => Promise<string>
  fault(name: OutboxFault): void
}): Attempt {
  const { send, clock, hooks, fault, withFile, maxPayloadBytes = MAX_PAYLOAD_BYTES } = deps

  /** What plugins make of the body; null when one of them cancels it. A retry sends what the first try has sent. */
  async function throughHooks(delivery: OpenDelivery, body: string): Promise<string | null> {
    const { sessionId, event, webhookId, id: deliveryId } = delivery
    const of = { sessionId, source: 'WebhookService' as const }
    if (hooks.order('webhook:before').length > 0) {
      const payload = JSON.parse(body) as Record<string, unknown>
      const answer = await hooks.run('webhook:before', { sessionId, event, payload }, of)
      if (!answer.continue) return null
      body = toJson(answer.data.payload)
    }
    if (hooks.order('webhook:queued').length > 0)
      await hooks.run('webhook:queued', { sessionId, event, webhookId, deliveryId }, of)
    return body
  }

  /** Nearly always by nobody. */
  const isHeard = () => hooks.order('webhook:before').length > 0 || hooks.order('webhook:queued').length > 0

  return async (delivery, endpoint) => {
    const { data, event, sessionId, idempotencyKey, id: deliveryId, attempts } = delivery
    const envelope: Envelope = {
      event,
      timestamp: new Date(clock.now()).toISOString(),
      sessionId,
      idempotencyKey,
      deliveryId,
    }
    if (attempts > 0) fault('webhook-between-retries')
    let rewritten = delivery.rewritten
    const { events } = endpoint.row
    if (!events.includes(event) && !events.includes('*'))
      return { kind: 'cancelled', why: 'The webhook does not want this event any more', rewritten }
    let text: string
    if (rewritten !== null) text = withEnvelope(rewritten, envelope)
    else if (data === null)
      return { kind: 'unsendable', why: 'The event log has forgotten the event', rewritten }
    else {
      text = bodyOf(envelope, withFile ? await withFile({ event, sessionId, data }) : data)
      if (attempts === 0 && isHeard()) {
        const changed = await throughHooks(delivery, text)
        if (changed === null) return { kind: 'cancelled', why: 'A plugin cancelled the delivery', rewritten }
        if (changed !== text && !isSameJson(changed, text)) {
          rewritten = changed
          text = withEnvelope(changed, envelope)
        }
      }
    }
    let body = Buffer.from(text)
    if (body.length > maxPayloadBytes) body = Buffer.from(withoutMedia(text))
    if (body.length > maxPayloadBytes) {
      const why = `The payload has ${body.length} bytes, exceeding the ${maxPayloadBytes}-byte cap`
      return { kind: 'unsendable', why, rewritten: null }
    }
    fault('webhook-before-post')
    const { url } = endpoint.row
    const answer = await send({ endpoint, url, envelope, body, eventId: delivery.eventId, attempts })
    fault('webhook-after-post')
    return { kind: 'answered', answer, rewritten }
  }
}

/** Parsed and written again: number forms that only the text had are no change by a plugin. */
const isSameJson = (a: string, b: string) => a === toJson(JSON.parse(b))

function withoutMedia(body: string): string {
  const payload = JSON.parse(body) as Record<string, unknown>
  if (typeof payload.data !== 'object' || payload.data === null) return body
  return toJson({ ...payload, data: withoutLargeMedia(payload.data, 0) })
}
