// What is done to messages: the statements that record a change once and carry it out, in the turn in which it came, and what
// polls and reactions add up to. Nothing is read before it is written: a target may be queued and not yet in the database.
import { and, asc, eq } from 'drizzle-orm'
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
  change.kind === 'edit' || (change.kind === 'revoke' && !change.chatId.endsWith('@g.us'))

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
      SELECT ?9, ?1, ?10, ?11, ?6, ?7, ?8, ?2, ?12, ?13, ?14, ?15, ?16, ?17
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
      kind === 'vote' ? 1 : 0,
      at,
      createdAt,
    ],
  }
}

/** Only where the change is new: it was recorded in the same transaction. */
const IF_NEW = 'EXISTS (SELECT 1 FROM message_changes WHERE message_changes.id = ?6)'
const PATCH = `metadata = json_patch(coalesce(metadata, '{}'), ?7)`

const patch = (change: NewChange, metadata: unknown, more = '', ...args: SqlValue[]): Statement => ({
  sql: `UPDATE messages SET ${PATCH}${more} WHERE ${TARGET} AND type <> 'revoked' AND ${IF_NEW}`,
  args: [...targetArgs(change), change.id, JSON.stringify(metadata), ...args],
})

const seconds = (ms: number) => Math.floor(ms / 1000)

/** Carries a change out on the row of its message, where that is here. To follow `insertChange` in the same commit. */
export function applyChange(change: NewChange): Statement[] {
  const { value, at, senderId } = change
  switch (change.kind) {
    case 'reaction': {
      const emoji = String(value.emoji)
      // Of a merge patch: null takes away.
      const entry = emoji === '' ? null : { emoji, timestamp: seconds(at) }
      return [patch(change, { reactions: { [senderId || String(value.me ?? '')]: entry } })]
    }
    case 'edit':
      return [
        patch(
          change,
          { editedAt: seconds(at), mentionedIds: (value.mentionedIds as string[]) ?? null },
          ', body = ?8',
          String(value.body),
        ),
      ]
    // `hide`: on the devices of this account alone; what is kept here goes all the same.
    case 'hide':
    case 'revoke':
      return [
        {
          sql: `DELETE FROM message_media WHERE message_id IN (SELECT id FROM messages WHERE ${TARGET}) AND ${IF_NEW}`,
          args: [...targetArgs(change), change.id],
        },
        {
          sql: `UPDATE messages SET type = 'revoked', body = '', metadata = NULL, media_path = NULL, media_mimetype = NULL,
            proto_sealed = NULL WHERE ${TARGET} AND ${IF_NEW}`,
          args: [...targetArgs(change), change.id],
        },
      ]
    case 'pin':
      return [
        patch(change, {
          pinned: value.pinned ? { until: seconds(at) + Number(value.seconds), by: senderId } : null,
        }),
      ]
    // Counted once it is decrypted.
    case 'vote':
      return []
  }
}

export const dropChange = (id: string): Statement => ({
  sql: 'DELETE FROM message_changes WHERE id = ?',
  args: [id],
})

/** Writes down what the votes of a poll add up to, and that these are in it. */
export function countVotes(pollRowId: string, votes: unknown, counted: readonly string[]): Statement[] {
  return [
    {
      sql: `UPDATE messages SET metadata = json_patch(coalesce(metadata, '{}'), ?2) WHERE id = ?1 AND type = 'poll'`,
      args: [pollRowId, JSON.stringify({ poll: { votes } })],
    },
    {
      sql: 'UPDATE message_changes SET is_open = 0 WHERE id IN (SELECT value FROM json_each(?))',
      args: [JSON.stringify(counted)],
    },
  ]
}

/** All votes on a poll, the oldest first. */
export async function votesOn(db: Db, of: { sessionId: string; targetId: string }): Promise<ChangeRow[]> {
  return await db
    .select()
    .from(messageChanges)
    .where(
      and(
        eq(messageChanges.sessionId, of.sessionId),
        eq(messageChanges.targetId, of.targetId),
        eq(messageChanges.kind, 'vote'),
      ),
    )
    .orderBy(asc(messageChanges.at), asc(messageChanges.id))
}

/** Polls with votes that no tally has yet: a crash came between, or the poll itself was not here. */
export async function openPolls(db: Db): Promise<{ sessionId: string; chatId: string; targetId: string }[]> {
  const { sessionId, chatId, targetId } = messageChanges
  return await db
    .selectDistinct({ sessionId, chatId, targetId })
    .from(messageChanges)
    .where(eq(messageChanges.isOpen, true))
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
