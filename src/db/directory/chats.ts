// The chats of an account in the database: what the phone says of them, beside the messages that are stored of them.
import { and, desc, eq, gt, inArray, or, sql } from 'drizzle-orm'
import type { MessageType } from '../../contract/message.ts'
import type { Db, Statement } from '../db.ts'
import type { MessageRow } from '../messages.ts'
import { chats, contacts, messages } from '../schema.ts'

/** What was said of a chat: undefined says nothing. A chat with one person is named by the person's ids, any other by its own. */
export interface ChatFact {
  person?: { phoneId: string | null; lidId: string | null } | undefined
  chatId: string
  name?: string | undefined
  /** Seconds. */
  lastAt?: number | undefined
  archived?: boolean | undefined
  /** 0: not pinned. */
  pinnedAt?: number | undefined
  /** Milliseconds; 0: not muted, -1: for ever. */
  mutedUntil?: number | undefined
  /** How many messages up to `countedAt` (milliseconds) are unread; -1: marked as unread by hand. */
  unreadBase?: number | undefined
  countedAt?: number | undefined
  /** 0: messages stay. */
  ephemeralSeconds?: number | undefined
}

const keep = (column: string) => `${column} = coalesce(excluded.${column}, chats.${column})`

const UPSERT = `INSERT INTO chats (session_id, peer, name, last_at, archived, pinned_at, muted_until, unread_base,
    counted_at, ephemeral_seconds, changed_at)
  SELECT ?1, peer, value->>'n', value->>'t', value->>'a', value->>'p', value->>'m', value->>'u', value->>'c', value->>'e', ?3
  FROM (SELECT value, coalesce(value->>'o',
    (SELECT id FROM contacts WHERE session_id = ?1 AND lid_id = value->>'l'),
    (SELECT id FROM contacts WHERE session_id = ?1 AND phone_id = value->>'f')) AS peer FROM json_each(?2))
  WHERE peer IS NOT NULL
  ON CONFLICT (session_id, peer) DO UPDATE SET
    last_at = max(coalesce(excluded.last_at, 0), coalesce(chats.last_at, 0)),
    ${['name', 'archived', 'pinned_at', 'muted_until', 'unread_base', 'counted_at', 'ephemeral_seconds'].map(keep).join(', ')},
    changed_at = excluded.changed_at`

/** Takes in what was said of chats; their people must have been learnt before (people.ts). */
export function learnChats(sessionId: string, facts: readonly ChatFact[], now: number): Statement {
  const given = facts.map(fact => ({
    o: fact.person ? null : fact.chatId,
    f: fact.person?.phoneId,
    l: fact.person?.lidId,
    n: fact.name,
    t: fact.lastAt,
    a: fact.archived === undefined ? undefined : Number(fact.archived),
    p: fact.pinnedAt,
    m: fact.mutedUntil,
    u: fact.unreadBase,
    c: fact.countedAt,
    e: fact.ephemeralSeconds,
  }))
  return { sql: UPSERT, args: [sessionId, JSON.stringify(given), now] }
}

/** The row of a chat that is named by any of its ids, as a condition; `?1` is the session and `?2` the id. */
const NAMED = `chats.session_id = ?1 AND chats.peer IN (?2,
  (SELECT id FROM contacts WHERE session_id = ?1 AND (phone_id = ?2 OR lid_id = ?2)))`

/** Another device of the account has read up to this message, or all that is there where no message is named. */
export const markRead = (of: {
  sessionId: string
  chatId: string
  waMessageId?: string
  now: number
}): Statement => ({
  sql: `UPDATE chats SET unread_base = 0, counted_at = max(coalesce(counted_at, 0), coalesce(
      (SELECT max(created_at) FROM messages WHERE session_id = ?1 AND wa_message_id = ?3), ?4)), changed_at = ?5
    WHERE ${NAMED}`,
  args: [
    of.sessionId,
    of.chatId,
    of.waMessageId ?? null,
    of.waMessageId === undefined ? of.now : null,
    of.now,
  ],
})

/** Takes the chat out of the list, and its messages with it; the person stays known. */
export const deleteChat = (sessionId: string, chatId: string): Statement[] => [
  ...clearChat(sessionId, chatId),
  { sql: `DELETE FROM chats WHERE ${NAMED}`, args: [sessionId, chatId] },
]

/** All ids of the chat. */
const IDS = `(?2, (SELECT phone_id FROM contacts WHERE session_id = ?1 AND lid_id = ?2),
  (SELECT lid_id FROM contacts WHERE session_id = ?1 AND phone_id = ?2))`

const saidIn = (table: string) => `EXISTS (SELECT 1 FROM ${table} t WHERE t.session_id = ?1
  AND t.wa_message_id = decrypt_journal.wa_message_id AND t.chat_id IN ${IDS})`

const CLEAR = [
  // What was read of the chat is in the journal for a while, and without its message it would become one again. It still answers
  // when WhatsApp delivers once more.
  `UPDATE decrypt_journal SET wa_message_id = '' WHERE session_id = ?1 AND wa_message_id <> ''
    AND (${saidIn('messages')} OR ${saidIn('message_changes')})`,
  // An edit holds the text that a message had.
  `DELETE FROM message_changes WHERE session_id = ?1 AND chat_id IN ${IDS}`,
  `DELETE FROM messages WHERE session_id = ?1 AND chat_id IN ${IDS}`,
]

/** Deletes the stored messages of a chat, and what was done to them. */
export const clearChat = (sessionId: string, chatId: string): Statement[] =>
  CLEAR.map(sql => ({ sql, args: [sessionId, chatId] }))

export interface ChatListRow {
  /** The id that stands for it outside. */
  id: string
  phoneId: string | null
  lidId: string | null
  /** As the phone's address book, the group or the phone's list has it. */
  name: string | null
  pushName: string | null
  timestamp: number
  lastMessage: string | null
  lastMessageType: MessageType | null
  unread: number
  archived: number | null
  pinnedAt: number | null
  mutedUntil: number | null
}

/** More unread messages than this are told as this many: counting is work for every list. */
const MAX_UNREAD = 999

/** The chats of a session, the one with the youngest message first. `only`: those with one of these ids. */
export async function listChatRows(
  db: Db,
  sessionId: string,
  page: { limit: number; offset: number; only?: readonly string[] | null },
): Promise<ChatListRow[]> {
  const only = page.only == null ? null : JSON.stringify(page.only)
  return await db.all<ChatListRow>(sql`
    WITH known AS (
      SELECT h.*, c.phone_id, c.lid_id, c.push_name, coalesce(c.phone_id, c.lid_id, h.peer) AS id,
        coalesce(c.name, g.subject, h.name, c.verified_name) AS title,
        (SELECT m.rowid FROM messages m WHERE m.session_id = h.session_id
          AND m.chat_id = coalesce(c.phone_id, c.lid_id, h.peer)
          ORDER BY m.created_at DESC, m.id DESC LIMIT 1) AS last_row
      FROM chats h LEFT JOIN contacts c ON c.id = h.peer
      LEFT JOIN groups g ON g.session_id = h.session_id AND g.group_id = h.peer
      WHERE h.session_id = ${sessionId} AND (${only} IS NULL OR h.peer IN (SELECT value FROM json_each(${only}))
        OR c.phone_id IN (SELECT value FROM json_each(${only})) OR c.lid_id IN (SELECT value FROM json_each(${only})))
    ), page AS (
      SELECT known.*, last.body, last.type, max(coalesce(known.last_at, 0), coalesce(last.timestamp, 0)) AS at
      FROM known LEFT JOIN messages last ON last.rowid = known.last_row
      ORDER BY at DESC, known.id LIMIT ${page.limit} OFFSET ${page.offset}
    )
    SELECT id, phone_id AS phoneId, lid_id AS lidId, title AS name, push_name AS pushName, at AS timestamp,
      body AS lastMessage, type AS lastMessageType, archived, pinned_at AS pinnedAt, muted_until AS mutedUntil,
      CASE WHEN fresh > 0 THEN fresh + max(coalesce(unread_base, 0), 0) ELSE coalesce(unread_base, 0) END AS unread
    FROM (SELECT page.*, (SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.session_id = page.session_id
      AND m.chat_id = page.id AND m.created_at > coalesce(page.counted_at, 0) AND m.direction = 'incoming'
      LIMIT ${MAX_UNREAD})) AS fresh FROM page)
    ORDER BY at DESC, id`)
}

/**
 * Tells the seconds after which messages of a chat disappear; 0 where they stay or nothing is known. Prepared once, as every
 * send asks.
 */
export function chatTimers(db: Db): (sessionId: string, chatId: string) => Promise<number> {
  const query = db
    .select({ seconds: sql<number | null>`coalesce(h.ephemeral_seconds, g.ephemeral_seconds)` })
    .from(
      sql`(SELECT ${sql.placeholder('sessionId')} AS session_id, ${sql.placeholder('chatId')} AS chat_id) x
      LEFT JOIN contacts c ON c.session_id = x.session_id AND (c.phone_id = x.chat_id OR c.lid_id = x.chat_id)
      LEFT JOIN chats h ON h.session_id = x.session_id AND h.peer = coalesce(c.id, x.chat_id)
      LEFT JOIN groups g ON g.session_id = x.session_id AND g.group_id = x.chat_id`,
    )
    .prepare()
  return async (sessionId, chatId) => {
    const [row] = await query.all({ sessionId, chatId })
    return row?.seconds ?? 0
  }
}

/** The youngest messages of a chat, with their sealed protobufs; `unread` leaves out own ones and those read before. */
export async function youngestMessages(
  db: Db,
  of: { sessionId: string; chatId: string; limit: number; unread?: boolean; ids?: readonly string[] },
): Promise<MessageRow[]> {
  const { sessionId, chatId } = of
  const [person] = await db
    .select({ id: contacts.id, phoneId: contacts.phoneId, lidId: contacts.lidId })
    .from(contacts)
    .where(
      and(eq(contacts.sessionId, sessionId), or(eq(contacts.phoneId, chatId), eq(contacts.lidId, chatId))),
    )
  const [chat] = await db
    .select({ countedAt: chats.countedAt })
    .from(chats)
    .where(and(eq(chats.sessionId, sessionId), eq(chats.peer, person?.id ?? chatId)))
  const ids = [chatId, person?.phoneId, person?.lidId].filter(id => id != null)
  return await db
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, sessionId),
        inArray(messages.chatId, [...new Set(ids)]),
        of.unread ? eq(messages.direction, 'incoming') : undefined,
        of.unread && of.ids === undefined ? gt(messages.createdAt, chat?.countedAt ?? 0) : undefined,
        of.ids === undefined ? undefined : inArray(messages.waMessageId, [...of.ids]),
      ),
    )
    .orderBy(desc(messages.createdAt), desc(messages.id))
    .limit(of.limit)
}

/** True for a chat that is in the list. */
export async function hasChat(db: Db, sessionId: string, chatId: string): Promise<boolean> {
  const rows = await listChatRows(db, sessionId, { limit: 1, offset: 0, only: [chatId] })
  return rows.length > 0
}
