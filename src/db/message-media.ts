// Files of messages in the database: what is here, what is still to be fetched, and what may go.
import { and, asc, desc, eq, getTableColumns, gt, gte, lte, or, type SQL, sql } from 'drizzle-orm'
import type { Db, Statement } from './db.ts'
import { inChat, type NewMessageRow } from './messages.ts'
import { messageMedia, messages } from './schema.ts'

export type MediaRow = typeof messageMedia.$inferSelect

/** A size beyond every file, as older versions stored it for a stranger, would make the driver refuse all that is read with it. */
const readable = {
  ...getTableColumns(messageMedia),
  bytes: sql<number | null>`iif(${messageMedia.bytes} <= 9007199254740991, ${messageMedia.bytes}, NULL)`.as(
    'size',
  ),
}

const COLUMNS = `message_id, session_id, hash, mimetype, filename, bytes, state, next_at, created_at, stored_at`

/** To follow `insertMessage` in its commit. Changes no row where that inserted none. */
export function insertMedia(
  row: Pick<NewMessageRow, 'id' | 'sessionId' | 'createdAt'>,
  file: {
    mimetype: string
    filename: string | null
    bytes: number | null
    hash?: string
    /** Nobody fetches it before it is asked for. */
    isRemote?: boolean
  },
): Statement {
  const { hash = null, isRemote = false } = file
  return {
    sql: `INSERT INTO message_media (${COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9
      WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?1)`,
    args: [
      row.id,
      row.sessionId,
      hash,
      file.mimetype,
      file.filename,
      file.bytes,
      hash !== null ? 'stored' : isRemote ? 'remote' : 'waiting',
      row.createdAt,
      hash === null ? null : row.createdAt,
    ],
  }
}

/** The folder below which `media_path` names files. */
const pathOf = (hash: string) => `media/${hash.slice(0, 2)}/${hash}`

/** A file has come: its message says so. Does nothing to one that was revoked meanwhile. */
export const storeMedia = (of: {
  messageId: string
  hash: string
  bytes: number
  at: number
}): Statement[] => [
  {
    sql: `UPDATE message_media SET state = 'stored', hash = ?2, bytes = ?3, stored_at = ?4, error = NULL WHERE message_id = ?1`,
    args: [of.messageId, of.hash, of.bytes, of.at],
  },
  {
    sql: `UPDATE messages SET media_path = ?2, metadata = json_patch(coalesce(metadata, '{}'), ?3)
      WHERE id = ?1 AND type <> 'revoked'`,
    args: [
      of.messageId,
      pathOf(of.hash),
      JSON.stringify({ media: { omitted: null, archived: true, sizeBytes: of.bytes } }),
    ],
  },
]

/** What a message's row says of a file that is here from the start. */
export const storedMedia = (file: { hash: string; mimetype: string }) => ({
  mediaPath: pathOf(file.hash),
  mediaMimetype: file.mimetype,
})

export const retryMedia = (of: { messageId: string; nextAt: number; error: string }): Statement => ({
  sql: `UPDATE message_media SET attempts = attempts + 1, next_at = ?2, error = ?3 WHERE message_id = ?1`,
  args: [of.messageId, of.nextAt, of.error],
})

/** Somebody asks for it: changes no row but of one that nobody has asked for yet. */
export const wantMedia = (of: { messageId: string; at: number }): Statement => ({
  sql: `UPDATE message_media SET state = 'waiting', next_at = ?2, attempts = 0 WHERE message_id = ?1 AND state = 'remote'`,
  args: [of.messageId, of.at],
})

/** It will not come. */
export const giveUpMedia = (of: {
  messageId: string
  state: 'lost' | 'refused'
  error: string
}): Statement => ({
  sql: `UPDATE message_media SET state = ?2, error = ?3 WHERE message_id = ?1 AND state IN ('waiting', 'remote')`,
  args: [of.messageId, of.state, of.error],
})

/** Its file is taken off the disk: by age, or for room. */
export const expireMedia = (hash: string): Statement[] => [
  {
    sql: `UPDATE messages SET media_path = NULL, metadata = json_patch(coalesce(metadata, '{}'), '{"media":{"omitted":true,"archived":null}}')
      WHERE type <> 'revoked' AND id IN (SELECT message_id FROM message_media WHERE hash = ?1)`,
    args: [hash],
  },
  { sql: `UPDATE message_media SET state = 'expired', hash = NULL WHERE hash = ?1`, args: [hash] },
]

/** With what it takes to fetch it. */
export type DueMedia = MediaRow & { protoSealed: Uint8Array | null }

/** Literals, so that the indexes of exactly these serve. */
const waiting = sql`${messageMedia.state} = 'waiting'`
const remote = (since: number) =>
  and(sql`${messageMedia.state} = 'remote'`, gte(messageMedia.createdAt, since))

async function withProto(db: Db, where: SQL | undefined, order: SQL, limit: number): Promise<DueMedia[]> {
  const rows = await db
    .select({ media: readable, protoSealed: messages.protoSealed })
    .from(messageMedia)
    .innerJoin(messages, eq(messages.id, messageMedia.messageId))
    .where(where)
    .orderBy(order)
    .limit(limit)
  return rows.map(({ media, protoSealed }) => ({ ...media, protoSealed }))
}

/** Files that are due to be tried, the longest due first. */
export const dueMedia = (db: Db, until: number, limit: number): Promise<DueMedia[]> =>
  withProto(db, and(waiting, lte(messageMedia.nextAt, until)), asc(messageMedia.nextAt), limit)

/** The youngest file that nobody has asked for, of messages that are not older than `since`. */
export async function dueRemote(db: Db, of: { since: number; until: number }): Promise<DueMedia | null> {
  const where = and(remote(of.since), lte(messageMedia.nextAt, of.until))
  return (await withProto(db, where, desc(messageMedia.createdAt), 1))[0] ?? null
}

/**
 * When the next file becomes due after `now`, those of old messages since `remoteSince` included; null when none does. What is
 * due already is not the next: while one is being fetched, the others must not wait for its end.
 */
export async function nextMediaDue(
  db: Db,
  { now, remoteSince }: { now: number; remoteSince: number | null },
): Promise<number | null> {
  const [row] = await db
    .select({ at: sql<number | null>`min(${messageMedia.nextAt})` })
    .from(messageMedia)
    .where(
      and(remoteSince === null ? waiting : or(waiting, remote(remoteSince)), gt(messageMedia.nextAt, now)),
    )
  return row?.at ?? null
}

export async function findMedia(db: Db, messageId: string): Promise<MediaRow | null> {
  const [row] = await db
    .select(readable)
    .from(messageMedia)
    .where(eq(messageMedia.messageId, messageId))
    .limit(1)
  return row ?? null
}

/** The file of a message that WhatsApp knows under this id. */
export async function findMediaByWaId(
  db: Db,
  of: { sessionId: string; chatId: string; waMessageId: string },
): Promise<MediaRow | null> {
  const [row] = await db
    .select({ media: readable })
    .from(messages)
    .innerJoin(messageMedia, eq(messages.id, messageMedia.messageId))
    .where(
      and(eq(messages.sessionId, of.sessionId), eq(messages.waMessageId, of.waMessageId), inChat(of.chatId)),
    )
    .limit(1)
  return row?.media ?? null
}

/** Files that messages refer to, with the time at which the youngest of them came, the oldest file first. */
export async function storedFiles(db: Db): Promise<{ hash: string; bytes: number; storedAt: number }[]> {
  const rows = await db
    .select({
      hash: messageMedia.hash,
      bytes: sql<number>`max(${messageMedia.bytes})`,
      storedAt: sql<number>`max(${messageMedia.storedAt})`,
    })
    .from(messageMedia)
    .where(sql`${messageMedia.hash} IS NOT NULL`)
    .groupBy(messageMedia.hash)
    .orderBy(sql`max(${messageMedia.storedAt})`)
  return rows.flatMap(({ hash, ...rest }) => (hash === null ? [] : [{ hash, ...rest }]))
}
