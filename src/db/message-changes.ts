// What is done to messages: the statements that record a change once and carry it out, in the turn in which it came, and what
// polls and reactions add up to. Nothing is read before it is written: a target may be queued and not yet in the database.
import { and, desc, eq, sql } from 'drizzle-orm'
import type { Db, SqlValue, Statement } from './db.ts'
import { inChat } from './messages.ts'
import { messageChanges, messages } from './schema.ts'

export type ChangeRow = typeof messageChanges.$inferSelect

export interface NewChange {
  id: string
  sessionId: string
  waMessageId: string
  chatId: string
  /** The chat and its other id, where it is one person's. */
  chatIds: readonly string[]
  senderId: string
  phoneId: string | null
  lidId: string | null
  targetId: string
  kind: ChangeRow['kind']
  value: Record<string, unknown>
  protoSealed?: Uint8Array | null
  at: number
  createdAt: number
}

/** Kinds that only the writer of a message may do to it; in a group an admin may revoke, which is the server's to judge. */
const authorOnly = (change: NewChange) =>
  change.kind === 'edit' ||
  change.kind === 'sealed-edit' ||
  (change.kind === 'revoke' && !change.chatId.endsWith('@g.us'))

/** The row of the message that is changed, under any id of its chat. */
const TARGET = `session_id = ?1 AND wa_message_id = ?2 AND chat_id IN (?3, ?4, ?5)`
const targetArgs = ({ sessionId, targetId, chatIds }: NewChange): SqlValue[] => [
  sessionId,
  targetId,
  chatIds[0] ?? null,
  chatIds[1] ?? null,
  chatIds[2] ?? null,
]

/** True of a message that somebody else wrote than the one who changes it. */
const FOREIGN = `EXISTS (SELECT 1 FROM messages WHERE ${TARGET} AND CASE ?6 WHEN '' THEN direction <> 'outgoing'
  ELSE direction = 'outgoing' OR NOT (sender_id = ?6 OR coalesce(phone_id = ?7, 0) OR coalesce(lid_id = ?8, 0)) END)`

/** Changes no row when the change came before, or when it is not its sender's to make. An event can hang on it. */
export function insertChange(change: NewChange): Statement {
  const { id, senderId, phoneId, lidId, waMessageId, chatId, kind, value, protoSealed, at, createdAt } =
    change
  return {
    sql: `INSERT INTO message_changes (id, session_id, wa_message_id, chat_id, sender_id, phone_id, lid_id, target_id, kind,
      value, proto_sealed, is_open, at, created_at)
      SELECT ?9, ?1, ?10, ?11, ?6, ?7, ?8, ?2, ?12, ?13, ?14,
        ?12 = 'vote' OR NOT EXISTS (SELECT 1 FROM messages WHERE ${TARGET}), ?15, ?16
      WHERE ${authorOnly(change) ? `NOT ${FOREIGN}` : 'true'}
      ON CONFLICT (session_id, chat_id, sender_id, wa_message_id) DO NOTHING`,
    args: [
      ...targetArgs(change),
      senderId,
      phoneId,
      lidId,
      id,
      waMessageId,
      chatId,
      kind,
      JSON.stringify(value),
      protoSealed ?? null,
      at,
      createdAt,
    ],
  }
}

/** The changes of one kind to the message `m`. `inChat` says which of them are in its chat. */
const changesOf = (kind: string, inChat: string) =>
  `message_changes c WHERE c.session_id = m.session_id AND c.target_id = m.wa_message_id AND c.kind = '${kind}' AND ${inChat}`

/** As far as the rows alone tell: the chat under any id that is known of it. */
const SAME_CHAT = `(c.chat_id = m.chat_id OR (c.chat_id NOT LIKE '%@g.us' AND m.chat_id NOT LIKE '%@g.us'
  AND (c.chat_id IN (m.phone_id, m.lid_id) OR m.chat_id IN (c.phone_id, c.lid_id))))`

const BY_AUTHOR = `CASE c.sender_id WHEN '' THEN m.direction = 'outgoing' ELSE m.direction <> 'outgoing'
  AND (m.sender_id = c.sender_id OR coalesce(m.phone_id = c.phone_id, 0) OR coalesce(m.lid_id = c.lid_id, 0)) END`

const AUTHOR_ONLY = `(c.kind IN ('edit', 'sealed-edit') OR (c.kind = 'revoke' AND c.chat_id NOT LIKE '%@g.us'))`

/** Which of several changes counts: the youngest as its sender tells it, whatever came first. */
const AGE = `printf('%020d %s', c.at, c.wa_message_id)`
const YOUNGEST = `ORDER BY ${AGE} DESC LIMIT 1`

/** What the row says once its changes are carried out, by kind: metadata to merge, where null takes away. */
const metadataOf = {
  reaction:
    changes => `(SELECT json_object('reactions', json_group_object(who, json(CASE emoji WHEN '' THEN 'null'
    ELSE json_object('emoji', emoji, 'timestamp', at / 1000) END))) FROM (SELECT max(${AGE}), c.at AS at,
    CASE c.sender_id WHEN '' THEN coalesce(json_extract(c.value, '$.me'), '') ELSE c.sender_id END AS who,
    json_extract(c.value, '$.emoji') AS emoji FROM ${changes} GROUP BY who))`,
  edit: changes => `(SELECT json_object('editedAt', c.at / 1000,
    'mentionedIds', json(coalesce(json_extract(c.value, '$.mentionedIds'), 'null'))) FROM ${changes} ${YOUNGEST})`,
  'sealed-edit': changes => `(SELECT json_object('sealedEditAt', c.at / 1000) FROM ${changes} ${YOUNGEST})`,
  pin: changes => `(SELECT json_object('pinned', json(CASE WHEN json_extract(c.value, '$.pinned') THEN
    json_object('until', c.at / 1000 + json_extract(c.value, '$.seconds'), 'by', c.sender_id) ELSE 'null' END))
    FROM ${changes} ${YOUNGEST})`,
} as const satisfies Partial<Record<NewChange['kind'], (changes: string) => string>>

const bodyOf = (changes: string) => `(SELECT json_extract(c.value, '$.body') FROM ${changes} ${YOUNGEST})`

const REVOKED = `SET type = 'revoked', body = '', metadata = NULL, media_path = NULL, media_mimetype = NULL, proto_sealed = NULL`

/** Sets rows of `m` to what the recorded changes of one kind add up to, so that the order of their arrival makes no difference. */
function project(kind: NewChange['kind'], where: string, inChat: string): string[] {
  switch (kind) {
    case 'reaction':
    case 'edit':
    case 'sealed-edit':
    case 'pin': {
      const changes = changesOf(kind, inChat)
      const body = kind === 'edit' ? `body = ${bodyOf(changes)}, ` : ''
      return [
        `UPDATE messages AS m SET ${body}metadata = json_patch(coalesce(metadata, '{}'), ${metadataOf[kind](changes)})
          WHERE ${where} AND type <> 'revoked'`,
      ]
    }
    // `hide`: on the devices of this account alone; what is kept here goes all the same.
    case 'hide':
    case 'revoke':
      return [
        `DELETE FROM message_media WHERE message_id IN (SELECT m.id FROM messages m WHERE ${where})`,
        `UPDATE messages AS m ${REVOKED} WHERE ${where}`,
      ]
    // Counted once it is decrypted.
    case 'vote':
      return []
  }
}

/** Only where the change is new: it was recorded in the same transaction. */
const IF_NEW = 'EXISTS (SELECT 1 FROM message_changes WHERE message_changes.id = ?6)'

/** Carries a change out on the row of its message, where that is here. To follow `insertChange` in the same commit. */
export const applyChange = (change: NewChange): Statement[] =>
  project(change.kind, `${TARGET} AND ${IF_NEW}`, 'c.chat_id IN (?3, ?4, ?5)').map(sql => ({
    sql,
    args: [...targetArgs(change), change.id],
  }))

const THESE = 'm.id IN (SELECT value FROM json_each(?1))'
const OF_THESE = `SELECT c.id FROM messages m JOIN message_changes c ON c.session_id = m.session_id
  AND c.target_id = m.wa_message_id AND ${SAME_CHAT} WHERE ${THESE}`
const LATE = [
  // Nobody could tell before whose message it is.
  `DELETE FROM message_changes WHERE id IN (${OF_THESE} AND ${AUTHOR_ONLY} AND NOT (${BY_AUTHOR}))`,
  ...(['reaction', 'edit', 'sealed-edit', 'pin', 'hide', 'revoke'] as const).flatMap(kind =>
    project(kind, `${THESE} AND EXISTS (SELECT 1 FROM ${changesOf(kind, SAME_CHAT)})`, SAME_CHAT),
  ),
  `UPDATE message_changes SET is_open = 0 WHERE kind <> 'vote' AND id IN (${OF_THESE} AND c.is_open = 1)`,
]

/** Carries out what came before its message. To be committed behind the rows of the messages. */
export const applyEarlier = (messageIds: readonly string[]): Statement[] =>
  LATE.map(sql => ({ sql, args: [JSON.stringify(messageIds)] }))

/** Takes away old changes, votes that their voter has replaced long ago, and old votes on polls that are not here. */
export const pruneChanges = (of: { before: number; strayVotesBefore: number }): Statement[] => [
  { sql: `DELETE FROM message_changes WHERE created_at < ? AND kind <> 'vote'`, args: [of.before] },
  {
    sql: `DELETE FROM message_changes WHERE created_at < ? AND kind = 'vote' AND NOT EXISTS (SELECT 1 FROM messages m
      WHERE m.session_id = message_changes.session_id AND m.wa_message_id = message_changes.target_id)`,
    args: [of.strayVotesBefore],
  },
  {
    sql: `DELETE FROM message_changes AS c WHERE created_at < ? AND kind = 'vote' AND is_open = 0 AND EXISTS (
      SELECT 1 FROM message_changes n WHERE n.session_id = c.session_id AND n.target_id = c.target_id AND n.kind = 'vote'
      AND n.sender_id = c.sender_id AND n.at > c.at)`,
    args: [of.before],
  },
]

export const dropChange = (id: string): Statement => ({
  sql: 'DELETE FROM message_changes WHERE id = ?',
  args: [id],
})

/** Writes down what the votes of a poll add up to, and that those of `voters` are in it, as far as they were read. */
export function countVotes(of: {
  sessionId: string
  targetId: string
  pollRowId: string
  votes: unknown
  voters: readonly string[]
  /** The youngest vote that was there. */
  upTo: string
}): Statement[] {
  return [
    {
      sql: `UPDATE messages SET metadata = json_patch(coalesce(metadata, '{}'), ?2) WHERE id = ?1 AND type = 'poll'`,
      args: [of.pollRowId, JSON.stringify({ poll: { votes: of.votes } })],
    },
    {
      sql: `UPDATE message_changes SET is_open = 0 WHERE session_id = ?1 AND target_id = ?2 AND kind = 'vote' AND is_open = 1
        AND id <= ?3 AND sender_id IN (SELECT value FROM json_each(?4))`,
      args: [of.sessionId, of.targetId, of.upTo, JSON.stringify(of.voters)],
    },
  ]
}

export type Vote = Pick<ChangeRow, 'senderId' | 'phoneId' | 'lidId' | 'waMessageId' | 'value'>

/** The last vote of each voter on a poll, the oldest first, and the youngest row of all. Null where there is none. */
export async function lastVotesOn(
  db: Db,
  of: { sessionId: string; targetId: string },
): Promise<{ votes: Vote[]; upTo: string } | null> {
  const rows = await db.all<Omit<Vote, 'value'> & { value: string; upTo: string }>(sql`
    SELECT v.sender_id AS senderId, v.phone_id AS phoneId, v.lid_id AS lidId, v.wa_message_id AS waMessageId, v.value,
      last.up_to AS upTo
    FROM (SELECT id, max(id) OVER () AS up_to,
        row_number() OVER (PARTITION BY sender_id ORDER BY at DESC, id DESC) AS place
      FROM message_changes WHERE session_id = ${of.sessionId} AND target_id = ${of.targetId} AND kind = 'vote') last
    JOIN message_changes v ON v.id = last.id WHERE last.place = 1 ORDER BY v.at, v.id`)
  const [first] = rows
  if (!first) return null
  const votes = rows.map(({ upTo: _, ...vote }) => ({ ...vote, value: JSON.parse(vote.value) }))
  return { votes, upTo: first.upTo }
}

/** Polls with votes that no tally has yet: a crash came between, or the poll itself was not here. */
export async function openPolls(db: Db): Promise<{ sessionId: string; chatId: string; targetId: string }[]> {
  const { sessionId, chatId, targetId } = messageChanges
  return await db
    .selectDistinct({ sessionId, chatId, targetId })
    .from(messageChanges)
    .where(and(eq(messageChanges.isOpen, true), eq(messageChanges.kind, 'vote')))
}

/** The messages that are not here and were changed all the same, those changed last first. */
export async function changedBefore(
  db: Db,
  limit: number,
): Promise<{ sessionId: string; targetId: string }[]> {
  const { sessionId, targetId, isOpen, createdAt } = messageChanges
  return await db
    .select({ sessionId, targetId })
    .from(messageChanges)
    .where(eq(isOpen, true))
    .orderBy(desc(createdAt))
    .limit(limit)
}

/** The protobuf of an own change, sealed. */
export async function findOwnChange(
  db: Db,
  of: { sessionId: string; waMessageId: string },
): Promise<ChangeRow | null> {
  const [row] = await db
    .select()
    .from(messageChanges)
    .where(
      and(
        eq(messageChanges.sessionId, of.sessionId),
        eq(messageChanges.waMessageId, of.waMessageId),
        eq(messageChanges.senderId, ''),
      ),
    )
    .limit(1)
  return row ?? null
}

/** Who reacted to a message and how, as its row has it. Null for a message that is not here. */
export async function reactionsTo(
  db: Db,
  of: { sessionId: string; chatId: string; waMessageId: string },
): Promise<{ emoji: string; senderId: string; timestamp: number }[] | null> {
  const [row] = await db
    .select({ metadata: messages.metadata })
    .from(messages)
    .where(
      and(eq(messages.sessionId, of.sessionId), eq(messages.waMessageId, of.waMessageId), inChat(of.chatId)),
    )
    .limit(1)
  if (!row) return null
  const found = (row.metadata?.reactions ?? {}) as Record<string, { emoji: string; timestamp: number }>
  return Object.entries(found).map(([senderId, reaction]) => ({ senderId, ...reaction }))
}
