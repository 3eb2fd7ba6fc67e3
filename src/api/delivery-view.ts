// Deliveries as the API shows them beyond the list: OpenWA's view of a dead letter, and one with the request it would send.
import type { DeliveryDetail, DeliveryFailure } from '../contract/webhook.ts'
import { isReplayable, type QueuedDelivery, toDelivery } from '../db/deliveries.ts'
import type { WebhookRow } from '../db/webhooks.ts'
import { bodyOf, headersOf, withEnvelope } from '../webhooks/envelope.ts'

/** Stands where a header's value is: it may be a credential, and the database has it sealed. */
const MASK = '***'

export function toDeliveryFailure(row: QueuedDelivery): DeliveryFailure {
  return {
    id: row.id,
    webhookId: row.webhookId,
    sessionId: row.sessionId,
    event: row.event,
    url: row.url,
    idempotencyKey: row.idempotencyKey,
    deliveryId: row.id,
    attempts: row.attempts,
    lastStatusCode: row.lastStatus,
    lastError: row.lastError ?? '',
    createdAt: new Date(row.createdAt).toISOString(),
    replayable: isReplayable(row),
  }
}

/** `request` is null where its event is forgotten or its webhook deleted: it would not be sent. */
export function toDeliveryDetail(
  row: QueuedDelivery,
  webhook: WebhookRow | null,
  now: number,
): DeliveryDetail {
  const delivery = { ...toDelivery(row), responseBody: row.responseBody }
  if (webhook === null || (row.data === null && row.rewritten === null)) return { ...delivery, request: null }
  const envelope = {
    event: row.event,
    timestamp: new Date(now).toISOString(),
    sessionId: row.sessionId,
    idempotencyKey: row.idempotencyKey,
    deliveryId: row.id,
  }
  const custom = Object.fromEntries(webhook.headerNames.map(name => [name, MASK]))
  const timestamp = Math.floor(now / 1_000)
  return {
    ...delivery,
    request: {
      method: 'POST',
      url: webhook.url,
      headers: headersOf(envelope, { eventId: row.eventId, attempts: row.attempts, timestamp, custom }),
      body:
        row.rewritten === null ? bodyOf(envelope, row.data ?? 'null') : withEnvelope(row.rewritten, envelope),
    },
  }
}
