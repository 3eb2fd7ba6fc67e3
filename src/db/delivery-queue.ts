// The outbox in the database: filled with an event, worked off in the order of each lane. Every statement here runs for each
// delivery, so they are written out, go by index however much waits, and take many rows at once. Reads: delivery-reads.ts.
import { and, eq, inArray } from 'drizzle-orm'
import { type Db, type Statement, statement } from './db.ts'
import type { DeliveryRow } from './deliveries.ts'
import { deliveries } from './schema.ts'

export interface NewDelivery {
  id: string
  webhookId: string
  idempotencyKey: string
  replayOf: string | null
}

/** What is not settled yet, in the words of the index over it: in others SQLite does not see that the index will do. */
const OPEN = `(d.status = 'due' OR d.status = 'waiting')`

/**
 * Filled from the event and the webhooks as they are when the transaction runs: neither an event that was recorded before nor a
 * webhook that was switched off meanwhile gets a row. A row waits when its lane has an earlier one.
 */
const INSERT = `INSERT INTO deliveries
  (id, webhook_id, session_id, event_id, event, lane, idempotency_key, url, status, next_at, replay_of, created_at)
SELECT j.value ->> 0, w.id, e.session_id, e.id, e.event, coalesce(e.chat_id, ''), j.value ->> 2, w.url,
  CASE WHEN w.ordered AND EXISTS (SELECT 1 FROM deliveries d
    WHERE d.webhook_id = w.id AND d.lane = coalesce(e.chat_id, '') AND ${OPEN})
  THEN 'waiting' ELSE 'due' END, ?2, j.value ->> 3, ?2
FROM json_each(?3) j CROSS JOIN webhooks w ON w.id = j.value ->> 1 AND w.active CROSS JOIN events e ON e.id = ?1`

/** One event on its way to webhooks, each of them once. `now` in epoch milliseconds. */
export function insertDeliveries(eventId: string, rows: readonly NewDelivery[], now: number): Statement {
  const list = rows.map(row => [row.id, row.webhookId, withoutNought(row.idempotencyKey), row.replayOf])
  return { sql: INSERT, args: [eventId, now, JSON.stringify(list)] }
}

/** SQLite ends a text of JSON at the first nought in it. */
const withoutNought = (text: string) => text.replaceAll('\u0000', '\ufffd')

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
  patch.responseBody === null ? null : withoutNought(patch.responseBody),
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

/** Epoch milliseconds: the hour that it is, and the latest one at which anything may be due that was put off by now. */
export interface Hours {
  now: number
  latest: number
}

/** An hour that can only have been noted while the clock was wrong is the hour that it is. */
const SANE = 'CASE WHEN next_at > ?3 THEN ?2 ELSE next_at END'

/** Lets the next of each lane go in which one of these was, where none is under way. Changes one row for each that may go. */
const PROMOTE = `UPDATE deliveries SET status = 'due', next_at = ${SANE} WHERE position IN (
  SELECT (SELECT min(d.position) FROM deliveries d
    WHERE d.webhook_id = s.webhook_id AND d.lane = s.lane AND d.status = 'waiting')
  FROM json_each(?1) j CROSS JOIN deliveries s ON s.position = j.value
  WHERE NOT EXISTS (SELECT 1 FROM deliveries d
    WHERE d.webhook_id = s.webhook_id AND d.lane = s.lane AND d.status = 'due'))`

export function promoteLanes(settled: readonly number[], { now, latest }: Hours): Statement {
  return { sql: PROMOTE, args: [JSON.stringify(settled), now, latest] }
}

/** What falls due later than any pause lasts goes now: the clock was ahead when that was noted, and has been put right. */
export function bringForward({ now, latest }: Hours): Statement {
  return {
    sql: `UPDATE deliveries SET next_at = ?1 WHERE status = 'due' AND next_at > ?2`,
    args: [now, latest],
  }
}

/**
 * Ends open deliveries of a webhook that is no more, up to `limit` of each kind, but for `except`; run it until it changes
 * nothing. Those that wait go first, since a webhook with nothing due is not looked at again.
 */
export function endDeliveries(
  webhookId: string,
  to: {
    status: 'dead' | 'cancelled'
    why: string
    now: number
    limit: number
    except: readonly number[]
  },
): Statement[] {
  const end = (which: string) => ({
    sql: `UPDATE deliveries SET status = ?1, last_error = ?2, settled_at = ?3 WHERE position IN (SELECT position
      FROM deliveries WHERE webhook_id = ?4 AND status = ${which}
      AND position NOT IN (SELECT value FROM json_each(?6)) LIMIT ?5)`,
    args: [to.status, to.why, to.now, webhookId, to.limit, JSON.stringify(to.except)],
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
