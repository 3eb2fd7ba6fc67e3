// Idempotency keys in the database: which key of a client has led to which message.
import { and, eq, gt } from 'drizzle-orm'
import type { Db, Statement } from './db.ts'
import { idempotencyKeys } from './schema.ts'

export type IdempotencyKeyRow = typeof idempotencyKeys.$inferSelect

/** The use of a key since a time. */
export async function findIdempotencyKey(
  db: Db,
  of: { sessionId: string; key: string; since: number },
): Promise<IdempotencyKeyRow | null> {
  const [row] = await db
    .select()
    .from(idempotencyKeys)
    .where(
      and(
        eq(idempotencyKeys.sessionId, of.sessionId),
        eq(idempotencyKeys.key, of.key),
        gt(idempotencyKeys.createdAt, of.since),
      ),
    )
  return row ?? null
}

/** To be committed with the message. Fails there with a unique violation when the key is in use since `since`. */
export const insertIdempotencyKey = (row: IdempotencyKeyRow, since: number): Statement[] => [
  {
    sql: 'DELETE FROM idempotency_keys WHERE session_id = ? AND key = ? AND created_at <= ?',
    args: [row.sessionId, row.key, since],
  },
  {
    sql: 'INSERT INTO idempotency_keys (session_id, key, hash, message_id, wa_message_id, timestamp, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    args: [row.sessionId, row.key, row.hash, row.messageId, row.waMessageId, row.timestamp, row.createdAt],
  },
]

/** The message was proven not to be sent: its key may lead to another one. */
export const freeIdempotencyKey = (messageId: string): Statement => ({
  sql: 'DELETE FROM idempotency_keys WHERE message_id = ?',
  args: [messageId],
})

export const pruneIdempotencyKeys = (before: number): Statement => ({
  sql: 'DELETE FROM idempotency_keys WHERE created_at <= ?',
  args: [before],
})
