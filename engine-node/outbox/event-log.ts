// Makes the statements that record an event, with a delivery for each webhook that wants it. Whoever caused the event commits
// them together with the cause, so neither exists without the other.
import { hash as digest } from 'node:crypto'
import { type EventData, type EventName, identify } from '../../src/contract/events.ts'
import type { Statement } from '../../src/db/db.ts'
import { insertDeliveries, type NewDelivery } from '../../src/db/delivery-queue.ts'
import { type Condition, insertEvent } from '../../src/db/events.ts'
import type { WebhookRow } from '../../src/db/webhooks.ts'
import { toJson, withoutLargeMedia } from '../../src/webhooks/envelope.ts'
import { wants } from '../../src/webhooks/filter.ts'

export interface EventFacts {
  /** Epoch milliseconds at which it happened; part of some idempotency keys, so the same for the same cause. */
  occurredAt: number
  /** Where the data does not say it. */
  chatId?: string
  /** Without it the event is recorded whatever became of its cause. */
  onlyIf?: Condition
  /** JSON of the data, where somebody has made it already. */
  json?: string | null | undefined
}

export interface EventLog {
  /** The statements, to be committed in this order and right after those of the cause. */
  record<N extends EventName>(event: N, sessionId: string, data: EventData<N>, facts: EventFacts): Statement[]
}

/** Hex digits of a digest in a key: enough that no sender finds a second text with the same ones. */
const HASH_LENGTH = 32

const hash = (text: string) => digest('sha256', text, 'hex').slice(0, HASH_LENGTH)

export function createEventLog(deps: {
  /** The webhooks of a session, from memory: recording must not wait for a query. */
  webhooksOf(sessionId: string): readonly WebhookRow[]
  now(): number
  /** A UUID. */
  newId(): string
  /** Hears the JSON of an event that webhooks want: they will ask for it. */
  onData?(eventId: string, data: string): void
  /** Largest media inside an event, in bytes; 0 for none. */
  maxInlineMediaBytes: number
}): EventLog {
  return {
    record(event, sessionId, given, { occurredAt, chatId, onlyIf, json: made }) {
      const now = deps.now()
      const data = withoutLargeMedia(given, deps.maxInlineMediaBytes)
      const found = identify(event, data, { sessionId, occurredAt, hash })
      const id = `evt_${deps.newId()}`
      const json = (data === given && made) || toJson(data)
      const row = {
        id,
        event,
        sessionId,
        chatId: chatId ?? found.chatId,
        data: json,
        occurredAt,
        createdAt: now,
      }
      const deliveries: NewDelivery[] = []
      for (const webhook of deps.webhooksOf(sessionId)) {
        if (!webhook.active || !wants(webhook, event, data as Readonly<Record<string, unknown>>)) continue
        const idempotencyKey = `${found.key}_${webhook.id}`
        deliveries.push({ id: `dlv_${deps.newId()}`, webhookId: webhook.id, idempotencyKey, replayOf: null })
      }
      if (deliveries.length === 0) return [insertEvent(row, onlyIf)]
      deps.onData?.(id, json)
      return [insertEvent(row, onlyIf), insertDeliveries(id, deliveries, now)]
    },
  }
}
