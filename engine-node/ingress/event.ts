// A delivery as it lies in the queue: the request that a plugin will get, sealed with the place it belongs to.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import type { HookPayload } from '../../src/contract/hooks.ts'
import type { WebhookRequest } from '../../src/contract/ingress.ts'
import type { DeliveryKey, EventLane, IngressEventRow } from '../../src/db/ingress.ts'
import type { Sealer } from '../store/sealer.ts'

const StoredRequest = v.strictObject({
  method: v.string(),
  /** Redacted. */
  headers: v.record(v.string(), v.string()),
  query: v.record(v.string(), v.string()),
  rawBody: v.string(),
  verified: v.boolean(),
})
export type StoredRequest = v.InferOutput<typeof StoredRequest>

/** A delivery that was verified and is to be kept. */
export interface Delivery extends DeliveryKey {
  conversationId: string | null
  sessionId: string | null
  request: StoredRequest
}

const context = ({ pluginId, instanceId, route, deliveryId }: DeliveryKey) =>
  `ingress_events/${pluginId}/${instanceId}/${route}/${deliveryId}`

export const sealRequest = (sealer: Sealer, delivery: Delivery): Uint8Array =>
  sealer.seal(Buffer.from(JSON.stringify(delivery.request)), context(delivery))

/** Throws `credentials_unreadable` for a row whose request is gone or damaged. */
function openRequest(sealer: Sealer, row: IngressEventRow): StoredRequest {
  const sealed = row.requestSealed ?? new Uint8Array()
  return v.parse(StoredRequest, JSON.parse(Buffer.from(sealer.open(sealed, context(row))).toString('utf8')))
}

/** The stored delivery as its handler gets it. Throws as `openRequest`. */
export function toWebhook(sealer: Sealer, row: IngressEventRow): WebhookRequest {
  const { method, headers, query, rawBody, verified } = openRequest(sealer, row)
  return {
    instanceId: row.instanceId,
    method,
    headers,
    query,
    // OpenWA gives both the same text; handlers read either.
    body: rawBody,
    rawBody,
    verified,
    deliveryId: row.deliveryId,
    ...(row.sessionId === null ? {} : { sessionId: row.sessionId }),
  }
}

/** What plugins hear of a dead letter. One whose request cannot be read is told without it. */
export function toJob(sealer: Sealer, row: IngressEventRow, error: string): HookPayload<'ingress:error'> {
  const { pluginId, instanceId, route, deliveryId, attempts, sessionId, conversationId } = row
  const job = {
    pluginId,
    instanceId,
    route,
    deliveryId,
    attempts,
    error,
    ...(sessionId === null ? {} : { sessionId }),
    ...(conversationId === null ? {} : { providerConversationId: conversationId }),
  }
  try {
    const { method, headers, query, rawBody } = openRequest(sealer, row)
    return { ...job, method, payload: { headers, query, body: rawBody, rawBody } }
  } catch (thrown) {
    if (thrown instanceof GatewayError) return job
    throw thrown
  }
}

/** Events of one key run in order: those of a conversation, or all of an instance that have none. */
export const laneOf = ({ pluginId, instanceId, conversationId }: EventLane): string =>
  `${pluginId}/${instanceId}/${conversationId ?? ''}`
