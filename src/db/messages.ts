// Messages in the database: the list of the API and look-ups. What changes them is in message-writes.ts.
import { and, count, desc, eq, gte, inArray, isNull, like, lt, or, type SQL, sql } from 'drizzle-orm'
import type { MessageType, StoredMessage } from '../contract/message.ts'
import type { Db } from './db.ts'
import { messages } from './schema.ts'

export type MessageRow = typeof messages.$inferSelect
export type NewMessageRow = typeof messages.$inferInsert

export interface MessageFilter {
  sessionId: string
  chatId?: string | undefined
  from?: string | undefined
  /** The id that WhatsApp knows. */
  messageId?: string | undefined
  /** Epoch milliseconds; `until` is exclusive. Rows whose time is unknown match neither. */
  since?: number | undefined
  until?: number | undefined
  direction?: 'incoming' | 'outgoing' | undefined
  type?: MessageType | undefined
}

export interface MessagePage {
  limit: number
  offset: number
  /** Row id of the last message of the page before. */
  after?: string | undefined
  orderBy: 'createdAt' | 'timestamp'
}

/** Everything but the sealed protobuf, which is for the engine alone. */
const listed = {
  id: messages.id,
  sessionId: messages.sessionId,
  waMessageId: messages.waMessageId,
  chatId: messages.chatId,
  from: messages.from,
  to: messages.to,
  chatName: messages.chatName,
  author: messages.author,
  body: messages.body,
  type: messages.type,
  direction: messages.direction,
  timestamp: messages.timestamp,
  metadata: messages.metadata,
  mediaPath: messages.mediaPath,
  mediaMimetype: messages.mediaMimetype,
  status: messages.status,
  error: messages.error,
  createdAt: messages.createdAt,
}

type Listed = Pick<MessageRow, keyof typeof listed>

/** A row as the API and plugins see it; one that is about to be stored may leave out what it does not have. */
export function toStored(row: Pick<NewMessageRow, keyof Listed>): StoredMessage {
  const fields = Object.fromEntries(
    Object.keys(listed).map(name => [name, row[name as keyof Listed] ?? null]),
  )
  return { ...(fields as Listed), createdAt: new Date(row.createdAt).toISOString() }
}

/** A chat with one person may be asked for by either of the person's ids; it is stored under the phone where that is known. */
export function inChat(chatId: string): SQL | undefined {
  if (!chatId.endsWith('@lid')) return eq(messages.chatId, chatId)
  return or(eq(messages.chatId, chatId), and(eq(messages.lidId, chatId), like(messages.chatId, '%@c.us')))
}

function untimed(filter: MessageFilter): SQL | undefined {
  return and(
    eq(messages.sessionId, filter.sessionId),
    filter.chatId === undefined ? undefined : inChat(filter.chatId),
    filter.from === undefined ? undefined : eq(messages.from, filter.from),
    filter.messageId === undefined ? undefined : eq(messages.waMessageId, filter.messageId),
    filter.direction === undefined ? undefined : eq(messages.direction, filter.direction),
    filter.type === undefined ? undefined : eq(messages.type, filter.type),
  )
}

const timed = (filter: MessageFilter) =>
  and(
    filter.since === undefined ? undefined : gte(messages.timestamp, filter.since / 1000),
    filter.until === undefined ? undefined : lt(messages.timestamp, filter.until / 1000),
  )

/** Rows without a time sort as the oldest, so that a cursor can stand on them too. */
const sortKeys = {
  createdAt: sql<number>`${messages.createdAt}`,
  timestamp: sql<number>`coalesce(${messages.timestamp}, -1)`,
}

/**
 * One page, newest first, and how many rows match in all. Null when `page.after` is not a row of this session: a cursor
 * from elsewhere.
 */
export async function listMessages(
  db: Db,
  filter: MessageFilter,
  page: MessagePage,
): Promise<{ messages: StoredMessage[]; total: number; unknownTimestampTotal?: number } | null> {
  const key = sortKeys[page.orderBy]
  let behind: SQL | undefined
  if (page.after !== undefined) {
    const [cursor] = await db
      .select({ key })
      .from(messages)
      .where(and(eq(messages.id, page.after), eq(messages.sessionId, filter.sessionId)))
    if (cursor === undefined) return null
    behind = sql`(${key}, ${messages.id}) < (${cursor.key}, ${page.after})`
  }
  const matching = and(untimed(filter), timed(filter))
  // What names one message or one person has an index that finds a few rows, and no statistics say so.
  const isNarrow = filter.messageId !== undefined || filter.chatId?.endsWith('@lid')
  const rows = await db
    .select(listed)
    .from(messages)
    .where(and(matching, behind))
    .orderBy(isNarrow ? sql`+${key} DESC` : desc(key), desc(messages.id))
    .limit(page.limit)
    .offset(page.offset)
  const found = rows.map(toStored)
  const total = await countRows(db, matching)
  if (filter.since === undefined && filter.until === undefined) return { messages: found, total }
  const unknownTimestampTotal = await countRows(db, and(untimed(filter), isNull(messages.timestamp)))
  return { messages: found, total, unknownTimestampTotal }
}

async function countRows(db: Db, where: SQL | undefined): Promise<number> {
  const [row] = await db.select({ rows: count() }).from(messages).where(where)
  return row?.rows ?? 0
}

/** The message with that WhatsApp id; `chatId` narrows it down, since two chats may use one id. With its sealed protobuf. */
export async function findByWaId(
  db: Db,
  of: { sessionId: string; waMessageId: string; chatId?: string },
): Promise<MessageRow | null> {
  const [row] = await db
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, of.sessionId),
        eq(messages.waMessageId, of.waMessageId),
        of.chatId === undefined ? undefined : inChat(of.chatId),
      ),
    )
    // With the plus, the index of times does not look better to the planner than the one of ids: it would read the session.
    .orderBy(sql`+${messages.createdAt} DESC`)
    .limit(1)
  return row ?? null
}

/** True when stored messages show that `chatId` and one of `others` are the phone and the lid of one person. */
export async function isTwinOfAny(
  db: Db,
  of: { sessionId: string; chatId: string; others: readonly string[] },
): Promise<boolean> {
  const others = of.others.filter(id => id.endsWith('@c.us') || id.endsWith('@lid'))
  if (others.length === 0 || !/@(c\.us|lid)$/.test(of.chatId)) return false
  const [row] = await db
    .select({ id: messages.id })
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, of.sessionId),
        or(
          and(
            eq(messages.chatId, of.chatId),
            or(inArray(messages.lidId, others), inArray(messages.phoneId, others)),
          ),
          and(
            inArray(messages.chatId, others),
            or(eq(messages.lidId, of.chatId), eq(messages.phoneId, of.chatId)),
          ),
        ),
      ),
    )
    .limit(1)
  return row !== undefined
}

/** One row, by its own id. */
export async function findMessage(db: Db, id: string): Promise<MessageRow | null> {
  const [row] = await db.select().from(messages).where(eq(messages.id, id)).limit(1)
  return row ?? null
}

/** As they came. Sorted and not read in that order: with the plus, the partial index of these few looks better than all ids. */
const inOrder = sql`+${messages.id}`

/** Own messages that WhatsApp was not seen to have, in the order of acceptance; the literals let the index of exactly these serve. */
const unacked = sql`${messages.ackedAt} IS NULL AND ${messages.direction} = 'outgoing'`

/** What was accepted and WhatsApp has not answered yet: in one session, or before a time in all. */
export async function pendingMessages(
  db: Db,
  of: { sessionId: string } | { before: number; limit: number },
): Promise<MessageRow[]> {
  const found = db
    .select()
    .from(messages)
    .where(
      and(
        // With the plus, the index of the few that wait in all sessions looks better than those of all messages of this one.
        'sessionId' in of
          ? sql`+${messages.sessionId} = ${of.sessionId}`
          : sql`+${messages.createdAt} < ${of.before}`,
        unacked,
        eq(messages.status, 'pending'),
        isNull(messages.undecryptedSince),
      ),
    )
    .orderBy(inOrder)
  return await ('limit' in of ? found.limit(of.limit) : found)
}

/** Own messages whose receipts came although their acknowledgement was never seen: nobody has been told of them yet. */
export async function unannouncedMessages(
  db: Db,
  of?: { sessionId: string; waMessageId: string },
): Promise<MessageRow[]> {
  return await db
    .select()
    .from(messages)
    .where(
      and(
        unacked,
        inArray(messages.status, ['sent', 'delivered', 'read', 'played']),
        isNull(messages.undecryptedSince),
        of && and(eq(messages.sessionId, of.sessionId), eq(messages.waMessageId, of.waMessageId)),
      ),
    )
    .orderBy(inOrder)
}

/** Messages of which plugins have not heard to the end, in order. */
export async function untoldMessages(
  db: Db,
): Promise<{ id: string; sessionId: string; chatId: string; direction: string; untold: string | null }[]> {
  return await db
    .select({
      id: messages.id,
      sessionId: messages.sessionId,
      chatId: messages.chatId,
      direction: messages.direction,
      untold: messages.untold,
    })
    .from(messages)
    .where(sql`${messages.untold} IS NOT NULL`)
    .orderBy(inOrder)
}

/** Messages that wait for a content that can be decrypted. */
export async function undecryptedMessages(db: Db): Promise<{ sessionId: string; waMessageId: string }[]> {
  return await db
    .select({ sessionId: messages.sessionId, waMessageId: messages.waMessageId })
    .from(messages)
    .where(sql`${messages.undecryptedSince} IS NOT NULL`)
}
