// Chats, contacts and history as the stored messages tell them. What the phone alone knows is not in here.
import { and, desc, eq, isNotNull, like, or, sql } from 'drizzle-orm'
import type { MessageType } from '../contract/message.ts'
import type { Db } from './db.ts'
import { inChat, type MessageRow } from './messages.ts'
import { messages } from './schema.ts'

/** Bounds of one answer: both lists go to a plugin in one frame. */
export const MAX_CHATS = 1_000
export const MAX_CONTACTS = 5_000

export interface ChatRow {
  chatId: string
  chatName: string | null
  body: string | null
  type: MessageType
  timestamp: number | null
  createdAt: number
}

/** The latest message of each chat, the youngest chat first. */
export async function listChats(db: Db, sessionId: string): Promise<ChatRow[]> {
  return await db
    .select({
      chatId: messages.chatId,
      chatName: messages.chatName,
      body: messages.body,
      type: messages.type,
      timestamp: messages.timestamp,
      // SQLite takes the other columns from the row that has the maximum.
      createdAt: sql<number>`max(${messages.createdAt})`,
    })
    .from(messages)
    .where(eq(messages.sessionId, sessionId))
    .groupBy(messages.chatId)
    .orderBy(desc(sql`max(${messages.createdAt})`))
    .limit(MAX_CHATS)
}

export type HistoryRow = Omit<MessageRow, 'protoSealed'>

/** The last messages of a chat, oldest first. */
export async function chatHistory(
  db: Db,
  of: { sessionId: string; chatId: string; limit: number },
): Promise<HistoryRow[]> {
  const rows = await db.query.messages.findMany({
    columns: { protoSealed: false },
    where: and(eq(messages.sessionId, of.sessionId), inChat(of.chatId)),
    orderBy: [desc(messages.createdAt), desc(messages.id)],
    limit: of.limit,
  })
  return rows.reverse()
}

export interface PersonRow {
  phoneId: string | null
  lidId: string | null
}

/** Everybody who wrote, or was written to, in a chat of their own or in a group. */
export async function listPeople(db: Db, sessionId: string): Promise<PersonRow[]> {
  return await db
    .selectDistinct({ phoneId: messages.phoneId, lidId: messages.lidId })
    .from(messages)
    .where(
      and(
        eq(messages.sessionId, sessionId),
        or(isNotNull(messages.phoneId), isNotNull(messages.lidId)),
        // The person of an own message in a group is the account itself.
        or(
          eq(messages.direction, 'incoming'),
          like(messages.chatId, '%@c.us'),
          like(messages.chatId, '%@lid'),
        ),
      ),
    )
    .limit(2 * MAX_CONTACTS)
}

/** Both ids of a person, the latest pair that was seen; null for somebody who is in no stored message. */
export async function findPerson(db: Db, sessionId: string, id: string): Promise<PersonRow | null> {
  const [row] = await db
    .select({ phoneId: messages.phoneId, lidId: messages.lidId })
    .from(messages)
    .where(and(eq(messages.sessionId, sessionId), or(eq(messages.phoneId, id), eq(messages.lidId, id))))
    // A row that knows both is worth more than a younger one that knows half.
    .orderBy(
      desc(sql`(${messages.phoneId} is not null) + (${messages.lidId} is not null)`),
      desc(messages.createdAt),
    )
    .limit(1)
  return row ?? null
}
