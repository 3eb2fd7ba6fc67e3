// What each content of WhatsApp is called, where its words are, and which contents are no messages. A table.
import { getContentType, type proto } from 'baileys'
import type { MessageType, QuotedMessage } from '../../src/contract/message.ts'
import { bare } from './incoming-details.ts'
import type { Receiver } from './incoming-where.ts'
import { toNeutral } from './jid.ts'
import { bothIds, preferredId } from './people.ts'

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
    locationMessage: { type: 'location', text: c => c.locationMessage?.comment },
    liveLocationMessage: { type: 'location', text: c => c.liveLocationMessage?.caption },
    contactMessage: { type: 'contact' },
    contactsArrayMessage: { type: 'contact' },
    pollCreationMessage: { type: 'poll', text: c => c.pollCreationMessage?.name },
    pollCreationMessageV2: { type: 'poll', text: c => c.pollCreationMessageV2?.name },
    pollCreationMessageV3: { type: 'poll', text: c => c.pollCreationMessageV3?.name },
    pollCreationMessageV5: { type: 'poll', text: c => c.pollCreationMessageV5?.name },
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

/** Baileys goes by the word "Message", which WhatsApp once misspelt. */
const nameOf = (content: Content | undefined): keyof Content | undefined =>
  getContentType(content) ?? (content?.callLogMesssage ? 'callLogMesssage' : undefined)

/** Type and words; null for what is no message of its own. `content` is without wrappers. */
export function contentOf(content: Content | undefined): { type: MessageType; body: string } | null {
  const name = nameOf(content)
  if (!content || !name || changes.has(name)) return null
  const row = contents[name]
  const text = row?.text?.(content)
  const type = content.audioMessage?.ptt ? 'voice' : (row?.type ?? 'unknown')
  return { type, body: typeof text === 'string' ? text : '' }
}

/** What a content says of its surroundings: the quote, the mentioned, the timer. */
export function contextOf(content: Content): proto.IContextInfo | null {
  const name = getContentType(content)
  const inner: unknown = name && content[name]
  if (typeof inner !== 'object' || inner === null || !('contextInfo' in inner)) return null
  return (inner.contextInfo as proto.IContextInfo | null | undefined) ?? null
}

export function quotedOf(context: proto.IContextInfo | null): QuotedMessage | null {
  if (!context?.stanzaId || !context.quotedMessage) return null
  return { id: context.stanzaId, body: contentOf(bare(context.quotedMessage))?.body ?? '' }
}

/** The mentioned people, by their preferred ids. */
export const mentionsOf = (context: proto.IContextInfo | null, to: Receiver): string[] =>
  (context?.mentionedJid ?? []).map(jid => preferredId(bothIds(to.book, jid)) ?? toNeutral(jid))
