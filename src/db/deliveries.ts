// Deliveries as they are listed, shown and cleared away. How they are queued and worked off: delivery-queue.ts.
import { and, asc, count, desc, eq, gte, inArray, lt, sql } from 'drizzle-orm'
import type { Delivery, DeliveryStatus } from '../contract/webhook.ts'
import type { Db, Statement } from './db.ts'
import { deliveries, events } from './schema.ts'
import type { SessionScope } from './sessions.ts'

export type DeliveryRow = typeof deliveries.$inferSelect
/** With the JSON of its event's data; null when the log has forgotten it. */
export interface QueuedDelivery extends DeliveryRow {
  data: string | null
}

export interface DeliveryFilter {
  scope: SessionScope
  sessionId?: string | undefined
  webhookId?: string | undefined
  ids?: readonly string[] | undefined
  events?: readonly string[] | undefined
  status?: readonly DeliveryStatus[] | undefined
  /** Of the event, epoch milliseconds; `until` is exclusive. Rows whose event is forgotten match neither. */
  since?: number | undefined
  until?: number | undefined
}

/** Written into the statement: of a value that is bound later SQLite does not know that the index of the dead will do. */
const isOneOf = (statuses: readonly DeliveryStatus[]) =>
  statuses.length === 1
    ? sql.raw(`deliveries.status = '${statuses[0]}'`)
    : sql.raw(`deliveries.status IN (${statuses.map(status => `'${status}'`).join(', ')})`)

const matching = (filter: DeliveryFilter) =>
  and(
    filter.scope === null ? undefined : inArray(deliveries.sessionId, [...filter.scope]),
    filter.sessionId === undefined ? undefined : eq(deliveries.sessionId, filter.sessionId),
    filter.webhookId === undefined ? undefined : eq(deliveries.webhookId, filter.webhookId),
    filter.ids === undefined ? undefined : inArray(deliveries.id, [...filter.ids]),
    filter.events === undefined ? undefined : inArray(deliveries.event, [...filter.events]),
    filter.status === undefined ? undefined : isOneOf(filter.status),
    filter.since === undefined ? undefined : gte(events.occurredAt, filter.since),
    filter.until === undefined ? undefined : lt(events.occurredAt, filter.until),
  )

/** Newest first, or oldest first for what is to be sent again. */
export async function listDeliveries(
  db: Db,
  filter: DeliveryFilter,
  page: { limit: number; offset: number; oldestFirst?: boolean },
): Promise<QueuedDelivery[]> {
  const rows = await db
    .select({ delivery: deliveries, data: events.data })
    .from(deliveries)
    .leftJoin(events, eq(events.id, deliveries.eventId))
    .where(matching(filter))
    .orderBy(page.oldestFirst ? asc(deliveries.position) : desc(deliveries.position))
    .limit(page.limit)
    .offset(page.offset)
  return rows.map(({ delivery, data }) => ({ ...delivery, data }))
}

export async function countDeliveries(db: Db, filter: DeliveryFilter): Promise<number> {
  const [row] = await db
    .select({ rows: count() })
    .from(deliveries)
    .leftJoin(events, eq(events.id, deliveries.eventId))
    .where(matching(filter))
  return row?.rows ?? 0
}

/** Marks what a later delivery has taken the place of. A delivered one stays delivered. */
export function markReplayed(id: string, now: number): Statement {
  return {
    sql: `UPDATE deliveries SET status = 'replayed', settled_at = ? WHERE id = ? AND status IN ('dead', 'cancelled')`,
    args: [now, id],
  }
}

/** Dead letters of before that time. */
export function pruneDeadLetters(before: number): Statement {
  return { sql: `DELETE FROM deliveries WHERE status = 'dead' AND settled_at < ?`, args: [before] }
}

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** A row as the API shows it. */
export function toDelivery(row: QueuedDelivery): Delivery {
  return {
    id: row.id,
    webhookId: row.webhookId,
    sessionId: row.sessionId,
    eventId: row.eventId,
    event: row.event,
    chatId: row.lane || null,
    status: row.status,
    attempts: row.attempts,
    responseCode: row.lastStatus,
    responseTimeMs: row.responseMs,
    result: row.lastResult,
    error: row.lastError,
    createdAt: new Date(row.createdAt).toISOString(),
    lastAttemptAt: iso(row.lastAttemptAt),
    nextAttemptAt: row.status === 'due' ? iso(row.nextAt) : null,
    replayOf: row.replayOf,
    replayable: isReplayable(row),
  }
}

/** True for what has come to an end and can still be made again. */
export const isReplayable = (row: QueuedDelivery): boolean =>
  row.data !== null && ['dead', 'cancelled', 'delivered'].includes(row.status)
