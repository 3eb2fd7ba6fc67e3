// Sends to come in the database: the rows that the runner works off, and the statements that move them on.
import { and, asc, count, desc, eq, inArray, isNotNull, isNull, min, sql } from 'drizzle-orm'
import type { JobError, JobState, ScheduledSend } from '../contract/job.ts'
import { type Db, type Statement, statement } from './db.ts'
import { sendBatches, sendJobs } from './schema.ts'

export type JobRow = typeof sendJobs.$inferSelect
export type NewJobRow = typeof sendJobs.$inferInsert
export type JobOrigin = JobRow['origin']

/** A job with what its batch says of it. */
export interface QueuedJob extends JobRow {
  batchOf: typeof sendBatches.$inferSelect | null
}

const iso = (ms: number) => new Date(ms).toISOString()

/** A failure as the API shows it. */
export const toJobError = ({ errorCode, error }: JobRow): JobError | null =>
  errorCode === null ? null : { code: errorCode.toUpperCase(), message: error ?? '' }

/** A row as the API lists it. */
export function toScheduledSend(row: JobRow): ScheduledSend {
  const error = toJobError(row)
  return {
    jobId: row.id,
    sessionId: row.sessionId,
    chatId: row.chatId,
    type: row.type,
    sendAt: iso(row.sendAt),
    status: row.state,
    ...(row.waMessageId !== null && { messageId: row.waMessageId }),
    ...(row.state === 'sent' && row.settledAt !== null && { sentAt: iso(row.settledAt) }),
    ...(error && { error }),
    createdAt: iso(row.createdAt),
  }
}

/** Sessions with something to look at, and when; soonest first. */
export async function dueSessions(db: Db): Promise<{ sessionId: string; dueAt: number }[]> {
  const soonest = min(sendJobs.dueAt)
  const rows = await db
    .select({ sessionId: sendJobs.sessionId, dueAt: soonest })
    .from(sendJobs)
    .where(isNotNull(sendJobs.dueAt))
    .groupBy(sendJobs.sessionId)
    .orderBy(soonest)
  return rows.map(({ sessionId, dueAt }) => ({ sessionId, dueAt: dueAt ?? 0 }))
}

/** What a session is to send next. */
export async function nextJob(db: Db, sessionId: string, now: number): Promise<QueuedJob | null> {
  const [row] = await db
    .select({ job: sendJobs, batchOf: sendBatches })
    .from(sendJobs)
    .leftJoin(sendBatches, eq(sendBatches.id, sendJobs.batch))
    .where(and(eq(sendJobs.sessionId, sessionId), sql`${sendJobs.dueAt} <= ${now}`))
    .orderBy(asc(sendJobs.dueAt), asc(sendJobs.createdAt), asc(sendJobs.id))
    .limit(1)
  return row ? { ...row.job, batchOf: row.batchOf } : null
}

export async function findScheduled(db: Db, sessionId: string, id: string): Promise<JobRow | null> {
  const [row] = await db
    .select()
    .from(sendJobs)
    .where(and(eq(sendJobs.sessionId, sessionId), eq(sendJobs.id, id), eq(sendJobs.origin, 'scheduled')))
    .limit(1)
  return row ?? null
}

export async function findScheduledByKey(db: Db, sessionId: string, key: string): Promise<JobRow | null> {
  const [row] = await db
    .select()
    .from(sendJobs)
    .where(and(eq(sendJobs.sessionId, sessionId), eq(sendJobs.clientKey, key)))
    .limit(1)
  return row ?? null
}

/** What is still to come: soonest first; what is over: newest first. */
export async function listScheduled(
  db: Db,
  filter: { sessionId: string; state?: JobState | undefined; limit: number; offset: number },
): Promise<JobRow[]> {
  return await db
    .select()
    .from(sendJobs)
    .where(
      and(
        eq(sendJobs.sessionId, filter.sessionId),
        eq(sendJobs.origin, 'scheduled'),
        filter.state === undefined ? undefined : eq(sendJobs.state, filter.state),
      ),
    )
    .orderBy(
      asc(isNotNull(sendJobs.settledAt)),
      sql`iif(${isNull(sendJobs.settledAt)}, ${sendJobs.sendAt}, -${sendJobs.sendAt})`,
      asc(sendJobs.id),
    )
    .limit(filter.limit)
    .offset(filter.offset)
}

export async function countWaiting(db: Db, sessionId: string): Promise<number> {
  const [row] = await db
    .select({ jobs: count() })
    .from(sendJobs)
    .where(
      and(
        eq(sendJobs.sessionId, sessionId),
        eq(sendJobs.origin, 'scheduled'),
        inArray(sendJobs.state, ['waiting', 'sending']),
      ),
    )
  return row?.jobs ?? 0
}

/** Automatic answers to a chat since a time, up to `limit`. */
export async function recentAnswers(
  db: Db,
  of: { sessionId: string; chatId: string; since: number; limit: number },
): Promise<number> {
  const rows = await db
    .select({ id: sendJobs.id })
    .from(sendJobs)
    .where(
      and(
        eq(sendJobs.sessionId, of.sessionId),
        eq(sendJobs.origin, 'automation'),
        sql`${sendJobs.createdAt} > ${of.since}`,
        eq(sendJobs.chatId, of.chatId),
      ),
    )
    .orderBy(desc(sendJobs.createdAt))
    .limit(of.limit)
  return rows.length
}

export const insertJob = (db: Db, row: NewJobRow): Statement => statement(db.insert(sendJobs).values(row))

/** Changes no row when the job is there already, or is not wanted since the statement before it changed nothing. */
export const insertJobOnce = (row: Omit<NewJobRow, 'batch' | 'position'>): Statement => ({
  sql: `INSERT INTO send_jobs (id, session_id, origin, chat_id, type, input, send_at, due_at, state, created_at)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE changes() > 0 ON CONFLICT (id) DO NOTHING`,
  args: [
    row.id,
    row.sessionId,
    row.origin,
    row.chatId,
    row.type,
    row.input ?? null,
    row.sendAt,
    row.dueAt ?? null,
    row.state,
    row.createdAt,
  ],
})

/** To stand before an insert with the same key: a key that is older than `since` may name another job. */
export const freeClientKey = (sessionId: string, key: string, since: number): Statement => ({
  sql: 'UPDATE send_jobs SET client_key = NULL WHERE session_id = ? AND client_key = ? AND created_at <= ?',
  args: [sessionId, key, since],
})

/** From here on it may be sent. Changes no row when it was cancelled or settled meanwhile. */
export const claimJob = (id: string, now: number): Statement => ({
  sql: `UPDATE send_jobs SET state = 'sending', attempts = attempts + 1, claimed_at = coalesce(claimed_at, ?)
    WHERE id = ? AND due_at IS NOT NULL AND state IN ('waiting', 'sending')`,
  args: [now, id],
})

/** Nothing went out: it waits as before, and can be cancelled again. */
export const returnJob = (id: string, dueAt: number): Statement => ({
  sql: `UPDATE send_jobs SET state = 'waiting', attempts = attempts - 1, claimed_at = NULL, due_at = ?
    WHERE id = ? AND state = 'sending'`,
  args: [dueAt, id],
})

/** It is not known whether it went out: it stays on its way, to be looked at again. */
export const postponeJob = (id: string, dueAt: number): Statement => ({
  sql: `UPDATE send_jobs SET due_at = ? WHERE id = ? AND state = 'sending'`,
  args: [dueAt, id],
})

export type JobEnd =
  | { state: 'sent'; waMessageId: string }
  | { state: 'failed'; code: string; message: string }
  | { state: 'cancelled' }

/** Its end. What was to be sent is forgotten. */
export const settleJob = (id: string, end: JobEnd, now: number): Statement => ({
  sql: `UPDATE send_jobs SET state = ?, wa_message_id = ?, error_code = ?, error = ?, input = NULL, due_at = NULL, settled_at = ?
    WHERE id = ? AND state IN ('waiting', 'sending')`,
  args: [
    end.state,
    end.state === 'sent' ? end.waMessageId : null,
    end.state === 'failed' ? end.code : null,
    end.state === 'failed' ? end.message : null,
    now,
    id,
  ],
})

/** Changes no row unless it waits. */
export const cancelJob = (id: string, now: number): Statement => ({
  sql: `UPDATE send_jobs SET state = 'cancelled', input = NULL, due_at = NULL, settled_at = ?
    WHERE id = ? AND state = 'waiting'`,
  args: [now, id],
})

export const pruneJobs = (before: number): Statement => ({
  sql: 'DELETE FROM send_jobs WHERE settled_at <= ? AND batch IS NULL',
  args: [before],
})
