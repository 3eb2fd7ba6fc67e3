// The pieces of history in the database: which the phone has announced, and how far each is stored.
import { and, asc, eq, sql } from 'drizzle-orm'
import type { Db, Statement } from './db.ts'
import { historyChunks } from './schema.ts'

export interface PendingChunk {
  id: string
  noticeSealed: Uint8Array
  /** Messages of it that have been gone through. */
  taken: number
}

/** Changes nothing for one that was announced before: WhatsApp redelivers. */
export const announceChunk = (of: {
  sessionId: string
  id: string
  noticeSealed: Uint8Array
  now: number
}): Statement => ({
  sql: `INSERT INTO history_chunks (session_id, id, notice_sealed, state, created_at) VALUES (?, ?, ?, 'pending', ?)
    ON CONFLICT (session_id, id) DO NOTHING`,
  args: [of.sessionId, of.id, of.noticeSealed, of.now],
})

/** To be committed with the rows of the step that it marks. */
export const markChunk = (of: {
  sessionId: string
  id: string
  taken: number
  rows: number
  bytes: number
}): Statement => ({
  sql: `UPDATE history_chunks SET taken = ?3, rows = rows + ?4, bytes = bytes + ?5 WHERE session_id = ?1 AND id = ?2`,
  args: [of.sessionId, of.id, of.taken, of.rows, of.bytes],
})

/** `cut`: the limits were reached; `lost`: WhatsApp does not have it any more. */
export const endChunk = (sessionId: string, id: string, state: 'done' | 'cut' | 'lost'): Statement => ({
  sql: 'UPDATE history_chunks SET state = ?3, notice_sealed = NULL WHERE session_id = ?1 AND id = ?2',
  args: [sessionId, id, state],
})

/** Oldest announcement first. */
export async function pendingChunks(db: Db, sessionId: string): Promise<PendingChunk[]> {
  const rows = await db
    .select({ id: historyChunks.id, noticeSealed: historyChunks.noticeSealed, taken: historyChunks.taken })
    .from(historyChunks)
    .where(and(eq(historyChunks.sessionId, sessionId), eq(historyChunks.state, 'pending')))
    .orderBy(asc(historyChunks.createdAt), sql`rowid`)
  return rows.flatMap(({ id, noticeSealed, taken }) => (noticeSealed ? [{ id, noticeSealed, taken }] : []))
}

/** What the history of a session weighs so far. */
export async function historyTotals(db: Db, sessionId: string): Promise<{ rows: number; bytes: number }> {
  const [row] = await db
    .select({
      rows: sql<number>`coalesce(sum(${historyChunks.rows}), 0)`,
      bytes: sql<number>`coalesce(sum(${historyChunks.bytes}), 0)`,
    })
    .from(historyChunks)
    .where(eq(historyChunks.sessionId, sessionId))
  return row ?? { rows: 0, bytes: 0 }
}
