// Deliveries in the database: the outbox that is filled with an event, worked off in the order of each lane, and listed.
import { and, asc, count, desc, eq, gte, inArray, lt, lte, sql } from 'drizzle-orm'
import type { Delivery, DeliveryStatus } from '../contract/webhook.ts'
import { type Db, type Statement, statement } from './db.ts'
import { deliveries, events } from './schema.ts'
import type { SessionScope } from './sessions.ts'

export type DeliveryRow = typeof deliveries.$inferSelect
/** With the JSON of its event's data; null when the log has forgotten it. */
export interface QueuedDelivery extends DeliveryRow {
  data: string | null
}

/**
 * Filled from the event and the webhook as they are when the transaction runs: neither an event that was recorded before nor a
 * webhook that was switched off meanwhile gets a row. A row waits when its lane has an earlier one.
 */
const INSERT = `INSERT INTO deliveries
  (id, webhook_id, session_id, event_id, event, lane, idempotency_key, url, status, next_at, replay_of, created_at)
SELECT ?1, w.id, e.session_id, e.id, e.event, coalesce(e.chat_id, ''), ?2, w.url,
  CASE WHEN w.ordered AND EXISTS (SELECT 1 FROM deliveries d
    WHERE d.webhook_id = w.id AND d.lane = coalesce(e.chat_id, '') AND d.status IN ('due', 'waiting'))
  THEN 'waiting' ELSE 'due' END, ?3, ?4, ?3
FROM events e, webhooks w WHERE e.id = ?5 AND w.id = ?6 AND w.active`

/** Lets the next of a lane go, where none is under way. */
const PROMOTE = `UPDATE deliveries SET status = 'due' WHERE position = (SELECT min(position) FROM deliveries
  WHERE webhook_id = ?1 AND lane = ?2 AND status = 'waiting')
AND NOT EXISTS (SELECT 1 FROM deliveries WHERE webhook_id = ?1 AND lane = ?2 AND status = 'due')`

export interface NewDelivery {
  id: string
  webhookId: string
  eventId: string
  idempotencyKey: string
  now: number
  replayOf: string | null
}

export function insertDelivery(row: NewDelivery): Statement {
  const { id, idempotencyKey, now, replayOf, eventId, webhookId } = row
  return { sql: INSERT, args: [id, idempotencyKey, now, replayOf, eventId, webhookId] }
}

export function promoteLane(webhookId: string, lane: string): Statement {
  return { sql: PROMOTE, args: [webhookId, lane] }
}

export type DeliveryPatch = Partial<
  Pick<
    DeliveryRow,
    | 'status'
    | 'attempts'
    | 'nextAt'
    | 'url'
    | 'lastAttemptAt'
    | 'lastStatus'
    | 'lastResult'
    | 'lastError'
    | 'responseMs'
    | 'responseBody'
    | 'rewritten'
    | 'settledAt'
  >
>

/**
 * Of a delivery under way. Changes no row when it has been settled otherwise meanwhile; it may have been put back in its lane,
 * where its webhook has become an ordered one.
 */
export function updateDelivery(db: Db, position: number, patch: DeliveryPatch): Statement {
  return statement(
    db
      .update(deliveries)
      .set(patch)
      .where(and(eq(deliveries.position, position), inArray(deliveries.status, ['due', 'waiting']))),
  )
}

/**
 * The webhooks that have a delivery to try, each with the time of its earliest. It jumps from one to the next in the index, so
 * its cost grows with endpoints and not with what is queued.
 */
export async function dueWebhooks(db: Db): Promise<{ webhookId: string; nextAt: number }[]> {
  return await db.all<{ webhookId: string; nextAt: number }>(sql`WITH RECURSIVE w(id) AS (
      SELECT min(webhook_id) FROM deliveries WHERE status = 'due'
      UNION ALL
      SELECT (SELECT min(webhook_id) FROM deliveries WHERE status = 'due' AND webhook_id > w.id)
      FROM w WHERE w.id IS NOT NULL
    ) SELECT id AS "webhookId", (SELECT min(next_at) FROM deliveries
      WHERE status = 'due' AND webhook_id = w.id) AS "nextAt" FROM w WHERE id IS NOT NULL`)
}

/**
 * What may be tried at one webhook, with what it carries: the oldest first, those whose time is still to come at the end; or,
 * with `newestBy`, the newest of those that were due by then.
 */
export async function nextDeliveries(
  db: Db,
  webhookId: string,
  page: { limit: number; newestBy?: number },
): Promise<QueuedDelivery[]> {
  const { limit, newestBy } = page
  const order = newestBy === undefined ? asc : desc
  const rows = await db
    .select({ delivery: deliveries, data: events.data })
    .from(deliveries)
    .leftJoin(events, eq(events.id, deliveries.eventId))
    .where(
      and(
        eq(deliveries.status, 'due'),
        eq(deliveries.webhookId, webhookId),
        newestBy === undefined ? undefined : lte(deliveries.nextAt, newestBy),
      ),
    )
    .orderBy(order(deliveries.nextAt), order(deliveries.position))
    .limit(limit)
  return rows.map(({ delivery, data }) => ({ ...delivery, data }))
}

/**
 * Ends open deliveries of a webhook that is no more, up to `limit` of each kind; run it until nothing is due. Those that wait go
 * first, since a webhook with nothing due is not looked at again.
 */
export function endDeliveries(
  webhookId: string,
  to: { status: 'dead' | 'cancelled'; why: string; now: number; limit: number },
): Statement[] {
  const end = (which: string) => ({
    sql: `UPDATE deliveries SET status = ?1, last_error = ?2, settled_at = ?3 WHERE position IN (SELECT position
      FROM deliveries WHERE webhook_id = ?4 AND status = ${which} LIMIT ?5)`,
    args: [to.status, to.why, to.now, webhookId, to.limit],
  })
  const noneWaits = `NOT EXISTS (SELECT 1 FROM deliveries WHERE webhook_id = ?4 AND status = 'waiting')`
  return [end(`'waiting'`), end(`'due' AND ${noneWaits}`)]
}

/** After a webhook's `ordered` has changed: who waits and who may go. */
export function reorderDeliveries(webhookId: string, ordered: boolean): Statement {
  return {
    sql: ordered
      ? `UPDATE deliveries SET status = CASE WHEN position IN (SELECT min(position) FROM deliveries
           WHERE webhook_id = ?1 AND status IN ('due', 'waiting') GROUP BY lane) THEN 'due' ELSE 'waiting' END
         WHERE webhook_id = ?1 AND status IN ('due', 'waiting')`
      : `UPDATE deliveries SET status = 'due' WHERE webhook_id = ?1 AND status = 'waiting'`,
    args: [webhookId],
  }
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

const matching = (filter: DeliveryFilter) =>
  and(
    filter.scope === null ? undefined : inArray(deliveries.sessionId, [...filter.scope]),
    filter.sessionId === undefined ? undefined : eq(deliveries.sessionId, filter.sessionId),
    filter.webhookId === undefined ? undefined : eq(deliveries.webhookId, filter.webhookId),
    filter.ids === undefined ? undefined : inArray(deliveries.id, [...filter.ids]),
    filter.events === undefined ? undefined : inArray(deliveries.event, [...filter.events]),
    filter.status === undefined ? undefined : inArray(deliveries.status, [...filter.status]),
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
