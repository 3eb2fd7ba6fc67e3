// From a message as Baileys gives it to OpenWA's IncomingMessage and what the row needs beside it. Pure.
import { getContentType, normalizeMessageContent, proto, toNumber, type WAMessage } from 'baileys'
import type { IncomingMessage, MessageType, QuotedMessage } from '../../src/contract/message.ts'
import { chatKind, isLidId, isPhoneId, STATUS_CHAT, toNeutral, userOf } from './jid.ts'
import { type AddressBook, bothIds, type PersonIds, preferredId } from './people.ts'

/** A message that came over the socket, our own included, ready to be stored. */
export interface ReceivedMessage {
  message: IncomingMessage
  /** Neutral id of the writer, empty for own messages: part of the identity of a message. */
  senderId: string
  /** Both ids of the person at the other end; in a group, of the author. */
  person: PersonIds
  /** Key and content as WhatsApp sent them: to quote the message, and to answer a retry receipt. */
  proto: Uint8Array
}

/** Whose session it is, and what it knows of people. */
export interface Receiver {
  me: PersonIds
  book: AddressBook
}

type Content = proto.IMessage

/** What each content is called, and where its text is. Any other is a message of type `unknown`. */
const contents: Partial<Record<keyof Content, { type: MessageType; text?: (content: Content) => unknown }>> =
  {
    conversation: { type: 'text', text: c => c.conversation },
    extendedTextMessage: { type: 'text', text: c => c.extendedTextMessage?.text },
    buttonsResponseMessage: { type: 'text', text: c => c.buttonsResponseMessage?.selectedDisplayText },
    listResponseMessage: { type: 'text', text: c => c.listResponseMessage?.title },
    templateButtonReplyMessage: {
      type: 'text',
      text: c => c.templateButtonReplyMessage?.selectedDisplayText,
    },
    interactiveResponseMessage: { type: 'text', text: c => c.interactiveResponseMessage?.body?.text },
    buttonsMessage: { type: 'text', text: c => c.buttonsMessage?.contentText },
    listMessage: { type: 'text', text: c => c.listMessage?.description },
    templateMessage: { type: 'text', text: c => c.templateMessage?.hydratedTemplate?.hydratedContentText },
    interactiveMessage: { type: 'text', text: c => c.interactiveMessage?.body?.text },
    groupInviteMessage: { type: 'text', text: c => c.groupInviteMessage?.caption },
    imageMessage: { type: 'image', text: c => c.imageMessage?.caption },
    videoMessage: { type: 'video', text: c => c.videoMessage?.caption },
    ptvMessage: { type: 'video' },
    audioMessage: { type: 'audio' },
    documentMessage: { type: 'document', text: c => c.documentMessage?.caption },
    stickerMessage: { type: 'sticker' },
    lottieStickerMessage: { type: 'sticker' },
    locationMessage: { type: 'location', text: c => c.locationMessage?.comment },
    liveLocationMessage: { type: 'location', text: c => c.liveLocationMessage?.caption },
    contactMessage: { type: 'contact' },
    contactsArrayMessage: { type: 'contact' },
    pollCreationMessage: { type: 'poll', text: c => c.pollCreationMessage?.name },
    pollCreationMessageV2: { type: 'poll', text: c => c.pollCreationMessageV2?.name },
    pollCreationMessageV3: { type: 'poll', text: c => c.pollCreationMessageV3?.name },
    callLogMesssage: { type: 'call' },
    orderMessage: { type: 'order', text: c => c.orderMessage?.message },
    productMessage: { type: 'product', text: c => c.productMessage?.body },
  }

/** These change something else, or carry keys; they are no messages of their own. */
const changes: ReadonlySet<keyof Content> = new Set<keyof Content>([
  'protocolMessage',
  'reactionMessage',
  'encReactionMessage',
  'pollUpdateMessage',
  'pinInChatMessage',
  'keepInChatMessage',
  'encCommentMessage',
  'encEventResponseMessage',
  'secretEncryptedMessage',
  'senderKeyDistributionMessage',
  'fastRatchetKeySenderKeyDistributionMessage',
  'deviceSentMessage',
  'placeholderMessage',
  'messageHistoryBundle',
  'messageHistoryNotice',
  'stickerSyncRmrMessage',
  // The cover of an album; its pictures follow as messages.
  'albumMessage',
])

/** Null when it is no message: a stub without content, or a content that changes something else. */
export function toReceived(given: WAMessage, to: Receiver): ReceivedMessage | null {
  const { key } = given
  const content = normalizeMessageContent(given.message)
  const named = contentOf(content)
  if (!content || !named || !key.id || !key.remoteJid) return null

  const fromMe = key.fromMe === true
  const remote = toNeutral(key.remoteJid)
  const kind = chatKind(remote)
  const isDirect = kind === 'individual'
  const person = isDirect
    ? bothIds(to.book, key.remoteJid, fromMe ? notMine(key.remoteJidAlt, to.me) : key.remoteJidAlt)
    : bothIds(to.book, key.participant ?? given.participant, key.participantAlt)
  const chatId = isDirect ? (preferredId(person) ?? remote) : remote
  const me = preferredId(to.me) ?? ''
  const author = isDirect ? null : fromMe ? me : preferredId(person)
  const senderId = fromMe ? '' : (author ?? chatId)

  const context = contextOf(content)
  const mentionedIds = (context?.mentionedJid ?? []).map(
    jid => preferredId(bothIds(to.book, jid)) ?? toNeutral(jid),
  )
  const ephemeralDuration = context?.expiration ?? 0
  const quotedMessage = quotedOf(context)
  const message: IncomingMessage = {
    id: key.id,
    from: fromMe ? me : chatId,
    to: fromMe ? chatId : me,
    chatId,
    body: named.body,
    type: named.type,
    timestamp: toNumber(given.messageTimestamp),
    fromMe,
    isGroup: kind === 'group',
    kind,
    ...(author && { author }),
    ...(!fromMe && isLidId(senderId) && { isLidSender: true }),
    ...(remote === STATUS_CHAT && { isStatusBroadcast: true }),
    ...(mentionedIds.length > 0 && { mentionedIds }),
    ...(!fromMe && { contact: contactOf(senderId, given.pushName) }),
    ...(quotedMessage && { quotedMessage }),
    ...(ephemeralDuration > 0 && { ephemeralDuration }),
  }
  const bytes = proto.WebMessageInfo.encode(
    proto.WebMessageInfo.create({ key: plainKey(key), message: given.message ?? null }),
  ).finish()
  return { message, senderId, person: fromMe && !isDirect ? to.me : person, proto: bytes }
}

function contentOf(content: Content | undefined): { type: MessageType; body: string } | null {
  const name = getContentType(content)
  if (!content || !name || changes.has(name)) return null
  const row = contents[name]
  const text = row?.text?.(content)
  const type = content.audioMessage?.ptt ? 'voice' : (row?.type ?? 'unknown')
  return { type, body: typeof text === 'string' ? text : '' }
}

function contextOf(content: Content): proto.IContextInfo | null {
  const name = getContentType(content)
  const inner: unknown = name && content[name]
  if (typeof inner !== 'object' || inner === null || !('contextInfo' in inner)) return null
  return (inner.contextInfo as proto.IContextInfo | null | undefined) ?? null
}

function quotedOf(context: proto.IContextInfo | null): QuotedMessage | null {
  if (!context?.stanzaId || !context.quotedMessage) return null
  const quoted = contentOf(normalizeMessageContent(context.quotedMessage))
  return { id: context.stanzaId, body: quoted?.body ?? '' }
}

function contactOf(id: string, pushName: string | null | undefined) {
  return {
    id,
    ...(isPhoneId(id) && { number: userOf(id) }),
    ...(pushName && { name: pushName, pushName }),
  }
}

/** For own messages Baileys takes the other id from the sender, who is not the person at the other end. */
function notMine(jid: string | undefined, me: PersonIds): string | undefined {
  const id = jid && toNeutral(jid)
  return id === me.phoneId || id === me.lidId ? undefined : jid
}

/** What the protobuf has room for; the other ids are in the row. */
const plainKey = (key: WAMessage['key']): proto.IMessageKey => ({
  remoteJid: key.remoteJid ?? null,
  fromMe: key.fromMe ?? null,
  id: key.id ?? null,
  participant: key.participant ?? null,
})
