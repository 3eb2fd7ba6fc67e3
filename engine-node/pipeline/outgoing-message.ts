// A message on its way out, as the pipeline holds it from acceptance to WhatsApp's answer; and how its row tells of it after a
// restart. Pure.
import type { IncomingMessage } from '../../src/contract/message.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import { fromMetadata } from '../../src/db/row-details.ts'
import { chatKind } from '../sessions/jid.ts'

export interface Outgoing {
  /** Of its row. */
  id: string
  sessionId: string
  waMessageId: string
  chatId: string
  /** Seconds. */
  timestamp: number
  /** Epoch milliseconds. */
  createdAt: number
  /** What plugins and webhooks get once WhatsApp has it. */
  message: IncomingMessage
  /** What was asked for, and what kind of send it was. */
  type: string
  input: { chatId: string; text?: string | undefined }
  /** Its bytes until the socket has had them once; from then on they are read from the row. */
  proto: Uint8Array | null
  /** Throws where it is not wanted any more, just before it would go: its plugin was stopped. */
  assertWanted?: () => void
}

/** What a row of an own message says of it. */
export function toOutgoing(row: NewMessageRow): Outgoing {
  const { id, sessionId, waMessageId, chatId, createdAt } = row
  const details = fromMetadata(row.metadata)
  const kind = chatKind(chatId)
  const timestamp = row.timestamp ?? Math.floor(createdAt / 1000)
  const message: IncomingMessage = {
    id: waMessageId,
    from: row.from,
    to: row.to,
    chatId,
    body: row.body ?? '',
    type: row.type,
    timestamp,
    fromMe: true,
    isGroup: kind === 'group',
    kind,
    ...(row.author && { author: row.author }),
    ...details,
  }
  return {
    id,
    sessionId,
    waMessageId,
    chatId,
    timestamp,
    createdAt,
    message,
    type: details.quotedMessage && row.type === 'text' ? 'reply' : row.type,
    input: { chatId, ...(row.body != null && { text: row.body }) },
    proto: null,
  }
}
