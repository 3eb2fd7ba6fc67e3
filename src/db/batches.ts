// Bulk sends in the database. The state of a batch follows from its jobs; the statements here keep its row in step.
import { and, asc, count, eq, isNull } from 'drizzle-orm'
import type { BatchProgress, BatchView } from '../contract/bulk.ts'
import { type Db, type Statement, statement } from './db.ts'
import { toJobError } from './jobs.ts'
import { sendBatches, sendJobs } from './schema.ts'

export type BatchRow = typeof sendBatches.$inferSelect

export async function findBatch(db: Db, sessionId: string, batchId: string): Promise<BatchRow | null> {
  const [row] = await db
    .select()
    .from(sendBatches)
    .where(and(eq(sendBatches.sessionId, sessionId), eq(sendBatches.batchId, batchId)))
    .limit(1)
  return row ?? null
}

export async function countOpenBatches(db: Db, sessionId: string): Promise<number> {
  const [row] = await db
    .select({ batches: count() })
    .from(sendBatches)
    .where(and(eq(sendBatches.sessionId, sessionId), isNull(sendBatches.completedAt)))
  return row?.batches ?? 0
}

export async function batchProgress(db: Db, id: string): Promise<BatchProgress> {
  const rows = await db
    .select({ state: sendJobs.state, jobs: count() })
    .from(sendJobs)
    .where(eq(sendJobs.batch, id))
    .groupBy(sendJobs.state)
  const progress = { total: 0, sent: 0, failed: 0, pending: 0, cancelled: 0 }
  for (const { state, jobs } of rows) {
    progress.total += jobs
    progress[state === 'waiting' || state === 'sending' ? 'pending' : state] += jobs
  }
  return progress
}

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** A batch with what has become of each of its messages, in their order. */
export async function viewBatch(db: Db, row: BatchRow): Promise<BatchView> {
  const jobs = await db
    .select()
    .from(sendJobs)
    .where(eq(sendJobs.batch, row.id))
    .orderBy(asc(sendJobs.position))
  return {
    batchId: row.batchId,
    status: row.status,
    progress: await batchProgress(db, row.id),
    results: jobs.map(job => {
      const { state, settledAt } = job
      const error = toJobError(job)
      return {
        chatId: job.chatId,
        status: state === 'waiting' || state === 'sending' ? 'pending' : state,
        ...(job.waMessageId !== null && { messageId: job.waMessageId }),
        ...(state === 'sent' && settledAt !== null && { sentAt: new Date(settledAt).toISOString() }),
        ...(error && { error }),
      }
    }),
    startedAt: iso(row.startedAt),
    completedAt: iso(row.completedAt),
  }
}

/** Fails on commit with a unique violation when the session has a batch of this name. */
export const insertBatch = (db: Db, row: BatchRow): Statement => statement(db.insert(sendBatches).values(row))

export const startBatch = (id: string, now: number): Statement => ({
  sql: `UPDATE send_batches SET status = 'processing', started_at = ? WHERE id = ? AND status = 'pending'`,
  args: [now, id],
})

/** The first that is open gets its turn at `dueAt`. To follow the end of the one before. */
export const callNext = (id: string, dueAt: number): Statement => ({
  sql: `UPDATE send_jobs SET due_at = ? WHERE id =
    (SELECT id FROM send_jobs WHERE batch = ? AND state = 'waiting' ORDER BY position LIMIT 1)`,
  args: [dueAt, id],
})

/** Its end, when none is open any more; failed when none was sent. */
export const finishBatch = (id: string, now: number): Statement => ({
  sql: `UPDATE send_batches SET completed_at = ?1, status =
      iif(EXISTS (SELECT 1 FROM send_jobs WHERE batch = ?2 AND state = 'sent'), 'completed', 'failed')
    WHERE id = ?2 AND completed_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM send_jobs WHERE batch = ?2 AND state IN ('waiting', 'sending'))`,
  args: [now, id],
})

/** Ends it before its time: the first statement changes no row when it has ended already. What is on its way stays so. */
export const stopBatch = (id: string, status: 'cancelled' | 'failed', now: number): Statement[] => [
  {
    sql: 'UPDATE send_batches SET status = ?, completed_at = ? WHERE id = ? AND completed_at IS NULL',
    args: [status, now, id],
  },
  {
    sql: `UPDATE send_jobs SET state = 'cancelled', input = NULL, due_at = NULL, settled_at = ?
      WHERE batch = ? AND state = 'waiting'`,
    args: [now, id],
  },
]

/** Takes its messages with it. */
export const pruneBatches = (before: number): Statement => ({
  sql: 'DELETE FROM send_batches WHERE completed_at <= ?',
  args: [before],
})
