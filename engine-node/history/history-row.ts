// The row of a message that the phone remembers: as old as the message is, and nothing that plugins have to hear of.
import type { NewMessageRow } from '../../src/db/messages.ts'
import { toMetadata } from '../../src/db/row-details.ts'
import { sealProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { HistoryMessage } from './history.ts'

export function historyRow(
  sessionId: string,
  { message, senderId, person, proto, status }: HistoryMessage,
  { id, sealer }: { id: string; sealer: Sealer },
): NewMessageRow {
  const createdAt = message.timestamp * 1_000
  return {
    id,
    sessionId,
    waMessageId: message.id,
    chatId: message.chatId,
    senderId,
    from: message.from,
    to: message.to,
    phoneId: person.phoneId,
    lidId: person.lidId,
    author: message.author ?? null,
    body: message.body,
    type: message.type,
    direction: message.fromMe ? 'outgoing' : 'incoming',
    timestamp: message.timestamp,
    metadata: toMetadata(message),
    mediaMimetype: message.media?.mimetype ?? null,
    // Never pending: that would be sent again.
    status: message.fromMe ? (status ?? 'sent') : 'delivered',
    protoSealed: sealProto(sealer, sessionId, id, proto),
    ackedAt: message.fromMe ? createdAt : null,
    untold: null,
    createdAt,
  }
}
