// A message that changes another one: a reaction, an edit, a revocation, a vote, a pin. Pure; whether it may is asked where the
// other one is known.
import { proto, toNumber, type WAMessage } from 'baileys'
import type { MessageType } from '../../src/contract/message.ts'
import { bare } from './incoming-details.ts'
import { contentOf, contextOf, mentionsOf } from './incoming-text.ts'
import { type Receiver, whereOf } from './incoming-where.ts'
import type { PersonIds } from './people.ts'

export type Change =
  | { kind: 'reaction'; emoji: string }
  | { kind: 'edit'; body: string; type: MessageType; mentionedIds: string[] }
  | { kind: 'revoke' }
  /** Base64, as it came; it is opened where the poll is known. */
  | { kind: 'vote'; payload: string; iv: string }
  | { kind: 'pin'; pinned: boolean; seconds: number }

export interface ReceivedChange {
  /** Of the message that says so. */
  waMessageId: string
  chatId: string
  /** The chat and its other id, where it is one person's. */
  chatIds: string[]
  /** Neutral id of who says so, empty for this account. */
  senderId: string
  /** Both ids of who says so. */
  sender: PersonIds
  fromMe: boolean
  isGroup: boolean
  from: string
  to: string
  author: string | null
  /** Of the message that is changed. */
  targetId: string
  /** Epoch milliseconds, as the sender tells them. */
  at: number
  change: Change
}

const { REVOKE, MESSAGE_EDIT } = proto.Message.ProtocolMessage.Type
const { PIN_FOR_ALL } = proto.Message.PinInChatMessage.Type

interface Found {
  targetId: string | null | undefined
  at?: number | Long | null | undefined
  change: Change
}
type Long = NonNullable<proto.Message.IReactionMessage['senderTimestampMs']>

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

function ofProtocol(part: proto.Message.IProtocolMessage, to: Receiver): Found | null {
  const targetId = part.key?.id
  // A revocation has the number 0, which is not sent.
  switch (part.type ?? REVOKE) {
    case REVOKE:
      return targetId ? { targetId, change: { kind: 'revoke' } } : null
    case MESSAGE_EDIT: {
      const edited = bare(part.editedMessage)
      const said = contentOf(edited)
      if (!edited || !said) return null
      const mentionedIds = mentionsOf(contextOf(edited), to)
      return { targetId, at: part.timestampMs, change: { kind: 'edit', ...said, mentionedIds } }
    }
    default:
      return null
  }
}

function find(content: proto.IMessage, to: Receiver): Found | null {
  const { reactionMessage, pollUpdateMessage, pinInChatMessage, protocolMessage } = content
  if (reactionMessage)
    return {
      targetId: reactionMessage.key?.id,
      at: reactionMessage.senderTimestampMs,
      change: { kind: 'reaction', emoji: reactionMessage.text ?? '' },
    }
  if (pollUpdateMessage) {
    const { encPayload, encIv } = pollUpdateMessage.vote ?? {}
    if (!encPayload?.length || !encIv?.length) return null
    return {
      targetId: pollUpdateMessage.pollCreationMessageKey?.id,
      at: pollUpdateMessage.senderTimestampMs,
      change: { kind: 'vote', payload: base64(encPayload), iv: base64(encIv) },
    }
  }
  if (pinInChatMessage)
    return {
      targetId: pinInChatMessage.key?.id,
      at: pinInChatMessage.senderTimestampMs,
      change: {
        kind: 'pin',
        pinned: pinInChatMessage.type === PIN_FOR_ALL,
        seconds: content.messageContextInfo?.messageAddOnDurationInSecs ?? 0,
      },
    }
  return protocolMessage ? ofProtocol(protocolMessage, to) : null
}

/** Null when the message changes nothing that is kept here. */
export function toChange(given: WAMessage, to: Receiver): ReceivedChange | null {
  const { key } = given
  const content = bare(given.message)
  if (!content || !key.id || !key.remoteJid) return null
  const found = find(content, to)
  if (!found?.targetId) return null
  const where = whereOf(given, to)
  if (where === null) return null
  const { chatId, person, author, senderId, fromMe, from, to: recipient, kind } = where
  const isDirect = kind === 'individual'
  const sender = fromMe ? to.me : person
  return {
    waMessageId: key.id,
    chatId,
    chatIds: isDirect
      ? [...new Set([chatId, ...[person.phoneId, person.lidId].filter(id => id !== null)])]
      : [chatId],
    senderId,
    sender,
    fromMe,
    isGroup: kind === 'group',
    from,
    to: recipient,
    author,
    targetId: found.targetId,
    at: found.at == null ? toNumber(given.messageTimestamp) * 1000 : toNumber(found.at),
    change: found.change,
  }
}
