// From a message as Baileys gives it to OpenWA's IncomingMessage and what the row needs beside it. Pure.
import { proto, type WAMessage } from 'baileys'
import type { IncomingMessage, MessageType } from '../../src/contract/message.ts'
import type { MediaRef } from '../media/media-ref.ts'
import { bare, detailsOf, isViewOnce } from './incoming-details.ts'
import { mediaOf } from './incoming-media.ts'
import { contentOf, contextOf, mentionsOf, quotedOf } from './incoming-text.ts'
import { type Receiver, type Where, whereOf } from './incoming-where.ts'
import { isLidId, isPhoneId, STATUS_CHAT, userOf } from './jid.ts'
import type { PersonIds } from './people.ts'
import { sentAt } from './told-numbers.ts'

export type { Receiver } from './incoming-where.ts'

/** A message that came over the socket, our own included, ready to be stored. */
export interface ReceivedMessage {
  message: IncomingMessage
  /** Neutral id of the writer, empty for own messages: part of the identity of a message. */
  senderId: string
  /** Both ids of the person at the other end; in a group, of the author. */
  person: PersonIds
  /** Key and content as WhatsApp sent them: to quote the message, and to answer a retry receipt. */
  proto: Uint8Array
  /** Its file, which is still at WhatsApp. Until it is here, `message.media` says that it is omitted. */
  media: MediaRef | null
}

/** A message of which only the envelope came; what it says may still come, under the same id. */
export interface UndecryptedMessage
  extends Pick<Where, 'chatId' | 'senderId' | 'from' | 'to' | 'fromMe' | 'author' | 'person'> {
  waMessageId: string
  /** `masked`: it is to be seen once, and by the phone alone. */
  type: 'unknown' | 'masked'
  /** Seconds. */
  timestamp: number
  /** As Baileys says it; for people. */
  reason: string
}

/** Null when it is no message: a stub without content, or a content that changes something else. */
export function toReceived(given: WAMessage, to: Receiver): ReceivedMessage | null {
  const content = bare(given.message)
  const named = contentOf(content)
  const where = whereOf(given, to)
  if (!content || !named || !where) return null
  const context = contextOf(content)
  const mentionedIds = mentionsOf(context, to)
  const ephemeralDuration = context?.expiration ?? 0
  const quotedMessage = quotedOf(context)
  const media = mediaOf(content)
  const message: IncomingMessage = {
    ...headOf(given, where, named),
    ...(mentionedIds.length > 0 && { mentionedIds }),
    ...(quotedMessage && { quotedMessage }),
    ...(ephemeralDuration > 0 && { ephemeralDuration }),
    ...(isViewOnce(given.message) && { isViewOnce: true }),
    ...(media && { media: omitted(media) }),
    ...detailsOf(content),
  }
  return { message, ...storedOf(given, where), media }
}

/** Null for a message that came with its content. */
export function toUndecrypted(given: WAMessage, to: Receiver): UndecryptedMessage | null {
  const { key, message, messageStubType, messageStubParameters } = given
  const isUnreadable = messageStubType === proto.WebMessageInfo.StubType.CIPHERTEXT
  const where = whereOf(given, to)
  if (message || !key.id || !where || !(isUnreadable || key.isViewOnce)) return null
  const { chatId, senderId, from, to: recipient, fromMe, author, person } = where
  return {
    ...{ chatId, senderId, from, to: recipient, fromMe, author, person },
    waMessageId: key.id,
    type: key.isViewOnce ? 'masked' : 'unknown',
    timestamp: sentAt(given.messageTimestamp),
    reason: key.isViewOnce
      ? 'only the phone may see it'
      : String(messageStubParameters?.[0] ?? 'no content came'),
  }
}

/** For a message that cannot be made sense of, though it was decrypted: it is seen as such, and asked for no more. */
export function toUnreadable(given: WAMessage, to: Receiver): UndecryptedMessage | null {
  const where = whereOf(given, to)
  if (!given.key.id || !where) return null
  const { chatId, senderId, from, to: recipient, fromMe, author, person } = where
  return {
    ...{ chatId, senderId, from, to: recipient, fromMe, author, person },
    waMessageId: given.key.id,
    type: 'unknown',
    timestamp: sentAt(given.messageTimestamp),
    reason: `its content cannot be read: ${Object.keys(given.message ?? {})
      .join(', ')
      .slice(0, 200)}`,
  }
}

function headOf(
  given: WAMessage,
  { chatId, kind, fromMe, from, to, author, senderId }: Where,
  { type, body }: { type: MessageType; body: string },
): IncomingMessage {
  return {
    id: given.key.id ?? '',
    from,
    to,
    chatId,
    body,
    type,
    timestamp: sentAt(given.messageTimestamp),
    fromMe,
    isGroup: kind === 'group',
    kind,
    ...(author && { author }),
    ...(!fromMe && isLidId(senderId) && { isLidSender: true }),
    ...(chatId === STATUS_CHAT && { isStatusBroadcast: true }),
    ...(!fromMe && { contact: contactOf(senderId, given.pushName) }),
  }
}

const storedOf = ({ key, message }: WAMessage, { senderId, person }: Where) => ({
  senderId,
  person,
  proto: proto.WebMessageInfo.encode(
    proto.WebMessageInfo.create({ key: plainKey(key), message: message ?? null }),
  ).finish(),
})

const omitted = ({ mimetype, filename, bytes, look }: MediaRef) => ({
  mimetype,
  ...(filename !== null && { filename }),
  omitted: true,
  ...(bytes !== null && { sizeBytes: bytes }),
  ...look,
})

function contactOf(id: string, pushName: string | null | undefined) {
  return {
    id,
    ...(isPhoneId(id) && { number: userOf(id) }),
    ...(pushName && { name: pushName, pushName }),
  }
}

/** What the protobuf has room for; the other ids are in the row. */
const plainKey = (key: WAMessage['key']): proto.IMessageKey => ({
  remoteJid: key.remoteJid ?? null,
  fromMe: key.fromMe ?? null,
  id: key.id ?? null,
  participant: key.participant ?? null,
})
