// The decrypt journal in the database: what each ciphertext said, by its hash, sealed. Fixed texts, as auth-keys.ts.
import { and, asc, eq, ne, notExists } from 'drizzle-orm'
import { type Db, type Statement, statement } from './db.ts'
import { decryptJournal, messages } from './schema.ts'

/** Which ciphertexts are known, and since when; oldest first. */
export async function journalHashes(db: Db, sessionId: string): Promise<JournalKey[]> {
  return await db
    .select({ hash: decryptJournal.hash, createdAt: decryptJournal.createdAt })
    .from(decryptJournal)
    .where(eq(decryptJournal.sessionId, sessionId))
    .orderBy(decryptJournal.createdAt)
}

/** A ciphertext, and since when it is known: together they find its row. */
export interface JournalKey {
  hash: string
  createdAt: number
}

/** The sealed entry of a ciphertext. */
export async function journalEntry(db: Db, sessionId: string, key: JournalKey): Promise<Uint8Array | null> {
  const [row] = await db
    .select({ entrySealed: decryptJournal.entrySealed })
    .from(decryptJournal)
    .where(
      and(
        eq(decryptJournal.sessionId, sessionId),
        eq(decryptJournal.createdAt, key.createdAt),
        eq(decryptJournal.hash, key.hash),
      ),
    )
  return row?.entrySealed ?? null
}

/** What was decrypted and has no message of its id: a crash came between, or it never was a message. Oldest first. */
export async function journalOrphans(
  db: Db,
  sessionId: string,
): Promise<{ hash: string; entrySealed: Uint8Array }[]> {
  const itsMessage = db
    .select({ id: messages.id })
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, decryptJournal.sessionId),
        eq(messages.waMessageId, decryptJournal.waMessageId),
      ),
    )
  return await db
    .select({ hash: decryptJournal.hash, entrySealed: decryptJournal.entrySealed })
    .from(decryptJournal)
    .where(
      and(eq(decryptJournal.sessionId, sessionId), ne(decryptJournal.waMessageId, ''), notExists(itsMessage)),
    )
    .orderBy(asc(decryptJournal.createdAt))
}

export const insertJournalEntry = (
  sessionId: string,
  entry: JournalKey & { waMessageId: string; entrySealed: Uint8Array },
): Statement => ({
  sql: 'INSERT INTO decrypt_journal (session_id, hash, wa_message_id, entry_sealed, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  args: [sessionId, entry.hash, entry.waMessageId, entry.entrySealed, entry.createdAt],
})

/** The ciphertext came again: its age counts from now. */
export const touchJournalEntry = (sessionId: string, key: JournalKey, now: number): Statement => ({
  sql: 'UPDATE decrypt_journal SET created_at = ? WHERE session_id = ? AND created_at = ? AND hash = ?',
  args: [now, sessionId, key.createdAt, key.hash],
})

export const pruneJournal = (sessionId: string, before: number): Statement => ({
  sql: 'DELETE FROM decrypt_journal WHERE session_id = ? AND created_at < ?',
  args: [sessionId, before],
})

/** With the identity goes what it has read. */
export function deleteJournal(db: Db, sessionId: string): Statement {
  return statement(db.delete(decryptJournal).where(eq(decryptJournal.sessionId, sessionId)))
}
