// The outbox in the database: filled with an event, worked off in the order of each lane. Every statement here runs for each
// delivery or each look at the queue, so they are written out, go by index however much waits, and take many rows at once.
import { and, eq, inArray, sql } from 'drizzle-orm'
import { type Db, type Statement, statement } from './db.ts'
import type { DeliveryRow } from './deliveries.ts'
import { deliveries } from './schema.ts'

/** What may be tried, with the JSON of its event's data; null when the log has forgotten it. */
export type OpenDelivery = Pick<
  DeliveryRow,
  | 'position'
  | 'id'
  | 'webhookId'
  | 'sessionId'
  | 'eventId'
  | 'event'
  | 'lane'
  | 'idempotencyKey'
  | 'attempts'
  | 'nextAt'
  | 'rewritten'
> & { data: string | null }

export interface NewDelivery {
  id: string
  webhookId: string
  eventId: string
  idempotencyKey: string
  now: number
  replayOf: string | null
}

/** What is not settled yet, in the words of the index over it: in others SQLite does not see that the index will do. */
const OPEN = `(d.status = 'due' OR d.status = 'waiting')`

/**
 * Filled from the event and the webhook as they are when the transaction runs: neither an event that was recorded before nor a
 * webhook that was switched off meanwhile gets a row. A row waits when its lane has an earlier one.
 */
const INSERT = `INSERT INTO deliveries
  (id, webhook_id, session_id, event_id, event, lane, idempotency_key, url, status, next_at, replay_of, created_at)
SELECT ?1, w.id, e.session_id, e.id, e.event, coalesce(e.chat_id, ''), ?2, w.url,
  CASE WHEN w.ordered AND EXISTS (SELECT 1 FROM deliveries d
    WHERE d.webhook_id = w.id AND d.lane = coalesce(e.chat_id, '') AND ${OPEN})
  THEN 'waiting' ELSE 'due' END, ?3, ?4, ?3
FROM events e, webhooks w WHERE e.id = ?5 AND w.id = ?6 AND w.active`

export function insertDelivery(row: NewDelivery): Statement {
  const { id, idempotencyKey, now, replayOf, eventId, webhookId } = row
  return { sql: INSERT, args: [id, idempotencyKey, now, replayOf, eventId, webhookId] }
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

/** What may be tried at one webhook by `now`, but for `except`: the oldest first, or with `newest` the newest. */
export async function dueDeliveries(
  db: Db,
  webhookId: string,
  page: { now: number; limit: number; except: readonly number[]; newest?: boolean },
): Promise<OpenDelivery[]> {
  const { now, limit, except, newest = false } = page
  const order = newest ? sql`next_at DESC, position DESC` : sql`next_at, position`
  return await db.all<OpenDelivery>(sql`SELECT due.position AS "position", due.id AS "id", due.webhook_id AS "webhookId",
      due.session_id AS "sessionId", due.event_id AS "eventId", due.event AS "event", due.lane AS "lane",
      due.idempotency_key AS "idempotencyKey", due.attempts AS "attempts", due.next_at AS "nextAt",
      due.rewritten AS "rewritten", e.data AS "data"
    FROM (SELECT * FROM deliveries WHERE status = 'due' AND webhook_id = ${webhookId} AND next_at <= ${now}
      AND position NOT IN (SELECT value FROM json_each(${JSON.stringify(except)})) ORDER BY ${order} LIMIT ${limit}) due
    LEFT JOIN events e ON e.id = due.event_id`)
}

/** When the next one falls due that is to be tried at a later time; null where there is none. */
export async function nextDueAt(db: Db, webhookId: string, now: number): Promise<number | null> {
  const [row] = await db.all<{ nextAt: number | null }>(sql`SELECT min(next_at) AS "nextAt" FROM deliveries
    WHERE status = 'due' AND webhook_id = ${webhookId} AND next_at > ${now}`)
  return row?.nextAt ?? null
}

type Patchable =
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
export type DeliveryPatch = Partial<Pick<DeliveryRow, Patchable>>

/** What an endpoint's answer changes; without a `status` the delivery stays open, without a `nextAt` that stays. */
export type AnsweredPatch = Required<Omit<DeliveryPatch, 'status' | 'nextAt' | 'settledAt'>> &
  Pick<DeliveryPatch, 'status' | 'nextAt' | 'settledAt'>

const isAnswered = (patch: DeliveryPatch): patch is AnsweredPatch => 'responseMs' in patch

const ANSWERED = `UPDATE deliveries SET status = coalesce(j.value ->> 1, status), next_at = coalesce(j.value ->> 2, next_at),
  settled_at = j.value ->> 3, attempts = j.value ->> 4, url = j.value ->> 5, last_attempt_at = j.value ->> 6,
  last_status = j.value ->> 7, last_result = j.value ->> 8, last_error = j.value ->> 9, response_ms = j.value ->> 10,
  response_body = j.value ->> 11, rewritten = j.value ->> 12
FROM json_each(?1) AS j WHERE position = j.value ->> 0 AND status IN ('due', 'waiting')`

const rowOf = (position: number, patch: AnsweredPatch) => [
  position,
  patch.status ?? null,
  patch.nextAt ?? null,
  patch.settledAt ?? null,
  patch.attempts,
  patch.url,
  patch.lastAttemptAt,
  patch.lastStatus,
  patch.lastResult,
  patch.lastError,
  patch.responseMs,
  // SQLite ends a text of JSON at the first nought in it.
  patch.responseBody?.replaceAll('\u0000', '\ufffd') ?? null,
  patch.rewritten,
]

/**
 * Notes what came of deliveries under way. Changes no row that has been settled otherwise meanwhile; one may have been put back
 * in its lane, where its webhook has become an ordered one.
 */
export function updateDeliveries(
  db: Db,
  changes: readonly { position: number; patch: DeliveryPatch }[],
): Statement[] {
  const answered: unknown[] = []
  const statements: Statement[] = []
  for (const { position, patch } of changes)
    if (isAnswered(patch)) answered.push(rowOf(position, patch))
    else
      statements.push(
        statement(
          db
            .update(deliveries)
            .set(patch)
            .where(and(eq(deliveries.position, position), inArray(deliveries.status, ['due', 'waiting']))),
        ),
      )
  if (answered.length > 0) statements.push({ sql: ANSWERED, args: [JSON.stringify(answered)] })
  return statements
}

/** Lets the next of each lane go in which one of these was, where none is under way. Changes one row for each that may go. */
const PROMOTE = `UPDATE deliveries SET status = 'due' WHERE position IN (
  SELECT (SELECT min(d.position) FROM deliveries d
    WHERE d.webhook_id = s.webhook_id AND d.lane = s.lane AND d.status = 'waiting')
  FROM json_each(?1) j CROSS JOIN deliveries s ON s.position = j.value
  WHERE NOT EXISTS (SELECT 1 FROM deliveries d
    WHERE d.webhook_id = s.webhook_id AND d.lane = s.lane AND d.status = 'due'))`

export function promoteLanes(settled: readonly number[]): Statement {
  return { sql: PROMOTE, args: [JSON.stringify(settled)] }
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
      ? `UPDATE deliveries AS d SET status = CASE WHEN position IN (SELECT min(d.position) FROM deliveries d
           WHERE d.webhook_id = ?1 AND ${OPEN} GROUP BY d.lane) THEN 'due' ELSE 'waiting' END
         WHERE d.webhook_id = ?1 AND ${OPEN}`
      : `UPDATE deliveries SET status = 'due' WHERE webhook_id = ?1 AND status = 'waiting'`,
    args: [webhookId],
  }
}
