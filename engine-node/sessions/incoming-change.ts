// A message that changes another one: a reaction, an edit, a revocation, a vote, a pin. Pure; whether it may is asked where the
// other one is known.
import { type BaileysEventMap, proto, type WAMessage } from 'baileys'
import type { MessageType } from '../../src/contract/message.ts'
import { bare } from './incoming-details.ts'
import { contentOf, contextOf, mentionsOf } from './incoming-text.ts'
import { type Receiver, type Where, whereOf } from './incoming-where.ts'
import { type PersonIds, preferredId } from './people.ts'
import { momentOf, sentAt } from './told-numbers.ts'

export type Change =
  | { kind: 'reaction'; emoji: string }
  | { kind: 'edit'; body: string; type: MessageType; mentionedIds: string[] }
  | { kind: 'revoke' }
  /** For this account alone, on another of its devices. */
  | { kind: 'hide' }
  /** Base64, as it came: encrypted once more with a secret of the message that it edits. */
  | { kind: 'sealed-edit'; payload: string; iv: string }
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
  /** Epoch milliseconds, as the sender tells them where that can be. */
  at: number
  change: Change
}

const { REVOKE, MESSAGE_EDIT } = proto.Message.ProtocolMessage.Type
const { PIN_FOR_ALL } = proto.Message.PinInChatMessage.Type
const { MESSAGE_EDIT: SEALED_EDIT } = proto.Message.SecretEncryptedMessage.SecretEncType

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
  const { reactionMessage, pollUpdateMessage, pinInChatMessage, protocolMessage, secretEncryptedMessage } =
    content
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
  if (secretEncryptedMessage) {
    const { targetMessageKey, encPayload, encIv, secretEncType } = secretEncryptedMessage
    if (secretEncType !== SEALED_EDIT) return null
    return {
      targetId: targetMessageKey?.id,
      change: {
        kind: 'sealed-edit',
        payload: base64(encPayload ?? new Uint8Array()),
        iv: base64(encIv ?? new Uint8Array()),
      },
    }
  }
  return protocolMessage ? ofProtocol(protocolMessage, to) : null
}

/** Messages that were deleted for this account on another of its devices: no message says so, they share it as a setting. */
export function toHidden(
  deleted: BaileysEventMap['messages.delete'],
  to: Receiver,
  now: number,
): ReceivedChange[] {
  const keys = 'keys' in deleted ? deleted.keys : []
  return keys.map(key => hidden(key, to, now)).filter(each => each !== null)
}

function hidden(key: WAMessage['key'], to: Receiver, at: number): ReceivedChange | null {
  const where = whereOf({ key }, to)
  if (!where || !key.id) return null
  const { chatId, kind } = where
  return {
    // Its own name: of whoever tells of the deletion first, the other one changes nothing.
    waMessageId: `${key.id}:deleted`,
    ...chatOf(where),
    senderId: '',
    sender: to.me,
    fromMe: true,
    isGroup: kind === 'group',
    from: preferredId(to.me) ?? '',
    to: chatId,
    author: null,
    targetId: key.id,
    at,
    change: { kind: 'hide' },
  }
}

/** The chat, and its other id where it is one person's. */
const chatOf = ({ chatId, kind, person }: Where) => {
  const others = kind === 'individual' ? [person.phoneId, person.lidId] : []
  return { chatId, chatIds: [...new Set([chatId, ...others.filter(id => id !== null)])] }
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
  const { person, author, senderId, fromMe, from, to: recipient, kind } = where
  const sender = fromMe ? to.me : person
  return {
    waMessageId: key.id,
    ...chatOf(where),
    senderId,
    sender,
    fromMe,
    isGroup: kind === 'group',
    from,
    to: recipient,
    author,
    targetId: found.targetId,
    at: momentOf(found.at, sentAt(given.messageTimestamp) * 1000),
    change: found.change,
  }
}
