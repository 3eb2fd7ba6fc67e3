// The last messages of a chat, as they are stored.
import { and, desc, eq, sql } from 'drizzle-orm'
import { chatKind } from '../contract/chat-id.ts'
import type { IncomingMessage } from '../contract/message.ts'
import type { Db } from './db.ts'
import { inChat, type MessageRow } from './messages.ts'
import { fromMetadata } from './row-details.ts'
import { messages } from './schema.ts'

export type HistoryRow = Omit<MessageRow, 'protoSealed'>

/** Oldest first. */
export async function chatHistory(
  db: Db,
  of: { sessionId: string; chatId: string; limit: number },
): Promise<HistoryRow[]> {
  const rows = await db.query.messages.findMany({
    columns: { protoSealed: false },
    where: and(eq(messages.sessionId, of.sessionId), inChat(of.chatId)),
    // The plus: see findByWaId.
    orderBy: [
      of.chatId.endsWith('@lid') ? sql`+${messages.createdAt} DESC` : desc(messages.createdAt),
      desc(messages.id),
    ],
    limit: of.limit,
  })
  return rows.reverse()
}

/** A stored message as hooks and webhooks had it, without what only its arrival told. */
export function toIncomingMessage(row: HistoryRow): IncomingMessage {
  const kind = chatKind(row.chatId)
  return {
    id: row.waMessageId,
    from: row.from,
    to: row.to,
    chatId: row.chatId,
    body: row.body ?? '',
    type: row.type,
    timestamp: row.timestamp ?? Math.floor(row.createdAt / 1_000),
    fromMe: row.direction === 'outgoing',
    isGroup: kind === 'group',
    kind,
    ...(row.author !== null && { author: row.author }),
    ...fromMetadata(row.metadata),
  }
}
