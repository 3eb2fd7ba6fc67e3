// The row of a message that WhatsApp has: one that has just come, or one that the phone remembers.
import type { MessageStatus } from '../../src/contract/message.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import { toMetadata } from '../../src/db/row-details.ts'
import type { ReceivedMessage } from '../sessions/incoming.ts'
import { sealProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'

/** `ownStatus` is for messages of the account itself; those of others have been delivered by coming here. */
export function receivedRow(
  { message, senderId, person, proto }: ReceivedMessage,
  facts: Pick<NewMessageRow, 'id' | 'sessionId' | 'createdAt' | 'untold'> & {
    sealer: Sealer
    ownStatus: MessageStatus
  },
): NewMessageRow {
  const { id, sessionId, createdAt, untold, sealer, ownStatus } = facts
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
    status: message.fromMe ? ownStatus : 'delivered',
    protoSealed: sealProto(sealer, sessionId, id, proto),
    ackedAt: message.fromMe ? createdAt : null,
    ...(untold === undefined ? {} : { untold }),
    createdAt,
  }
}
