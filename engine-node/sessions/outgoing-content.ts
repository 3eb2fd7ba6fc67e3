// What a client wants to send or do, as WhatsApp's message for it: a row per kind. Pure.
import { generateForwardMessageContent, normalizeMessageContent, proto } from 'baileys'
import type { MediaLook } from '../media/media-ref.ts'
import type { UploadedFile } from '../media/outgoing-files.ts'
import type { LinkPreview } from '../net/link-preview.ts'
import { bare, pollNames } from './incoming-details.ts'
import { toJid } from './jid.ts'
import { readProto } from './outgoing.ts'

/** Protobufs are those of rows: key and message. */
export type OutgoingContent =
  | { kind: 'text'; text: string; preview?: LinkPreview | null }
  | { kind: 'media'; media: UploadedFile; caption: string | null; ptt: boolean; look: MediaLook }
  | {
      kind: 'location'
      latitude: number
      longitude: number
      description: string | null
      address: string | null
    }
  | { kind: 'contact'; name: string; number: string }
  | {
      kind: 'poll'
      name: string
      options: readonly string[]
      allowMultipleAnswers: boolean
      secret: Uint8Array
    }
  /** An answer to a message that offers buttons or rows. */
  | { kind: 'button'; original: Uint8Array; id: string; text: string }
  | { kind: 'forward'; original: Uint8Array; secret: Uint8Array }
  | { kind: 'reaction'; target: Uint8Array; emoji: string; at: number }
  | { kind: 'edit'; target: Uint8Array; body: string; at: number }
  | { kind: 'revoke'; target: Uint8Array }
  | { kind: 'pin'; target: Uint8Array; seconds: number | null; at: number }

type Of<K extends OutgoingContent['kind']> = Extract<OutgoingContent, { kind: K }>
type Makers = { [K in OutgoingContent['kind']]: (content: Of<K>) => proto.IMessage }

const { REVOKE, MESSAGE_EDIT } = proto.Message.ProtocolMessage.Type
const { PIN_FOR_ALL, UNPIN_FOR_ALL } = proto.Message.PinInChatMessage.Type

const keyOf = (target: Uint8Array) => readProto(target).key

function media({ media: file, caption, ptt, look }: Of<'media'>): proto.IMessage {
  const { kind, mimetype, filename, bytes, mediaKey, sha256, encSha256, directPath, url, uploadedAt } = file
  const part = {
    ...(url !== null && { url }),
    directPath,
    mediaKey,
    mediaKeyTimestamp: uploadedAt,
    fileSha256: sha256,
    fileEncSha256: encSha256,
    fileLength: bytes,
    mimetype,
  }
  const { width, height, seconds } = look
  const size = width !== undefined && height !== undefined ? { width, height } : {}
  const time = seconds === undefined ? {} : { seconds }
  const said = caption === null || caption === '' ? {} : { caption }
  switch (kind) {
    case 'image':
      return { imageMessage: { ...part, ...size, ...said } }
    case 'video':
      return { videoMessage: { ...part, ...size, ...time, ...said } }
    case 'audio':
      return { audioMessage: { ...part, ptt, ...time } }
    case 'sticker':
      return { stickerMessage: { ...part, ...size, stickerSentTs: uploadedAt } }
    case 'document': {
      const name = filename ?? 'file'
      const documentMessage = { ...part, fileName: name, title: name, ...said }
      return caption ? { documentWithCaptionMessage: { message: { documentMessage } } } : { documentMessage }
    }
  }
}

/** Without what belonged to the place that it was in: the key of a group, and the secret of a poll, which gets its own. */
function forward({ original, secret }: Of<'forward'>): proto.IMessage {
  const { key, message } = readProto(original)
  const { senderKeyDistributionMessage: _key, messageContextInfo: _info, ...content } = bare(message) ?? {}
  const made = generateForwardMessageContent({ key, message: content }, false)
  return pollNames.some(name => made[name])
    ? { ...made, messageContextInfo: { messageSecret: secret } }
    : made
}

/** The answer has the form of what is answered. */
function button({ original, id, text }: Of<'button'>): proto.IMessage {
  const asked = bare(readProto(original).message)
  if (asked?.templateMessage)
    return { templateButtonReplyMessage: { selectedId: id, selectedDisplayText: text } }
  if (asked?.listMessage)
    return {
      listResponseMessage: {
        title: text,
        listType: proto.Message.ListResponseMessage.ListType.SINGLE_SELECT,
        singleSelectReply: { selectedRowId: id },
      },
    }
  if (asked?.interactiveMessage)
    return {
      interactiveResponseMessage: {
        body: { text },
        nativeFlowResponseMessage: { name: 'quick_reply', paramsJson: JSON.stringify({ id }), version: 1 },
      },
    }
  return {
    buttonsResponseMessage: {
      selectedButtonId: id,
      selectedDisplayText: text,
      type: proto.Message.ButtonsResponseMessage.Type.DISPLAY_TEXT,
    },
  }
}

/** A card's text must not begin a line of its own. */
const line = (text: string) => text.replace(/[\r\n]+/g, ' ').replace(/([\\;,])/g, '\\$1')

/** An edit of a file's caption says so by the kind of the file. */
function edited(target: Uint8Array, body: string): proto.IMessage {
  const content = normalizeMessageContent(readProto(target).message)
  if (content?.imageMessage) return { imageMessage: { caption: body } }
  if (content?.videoMessage) return { videoMessage: { caption: body } }
  if (content?.documentMessage) return { documentMessage: { caption: body } }
  return { extendedTextMessage: { text: body } }
}

const makers: Makers = {
  text: ({ text, preview }) => ({
    extendedTextMessage: {
      text,
      ...(preview && {
        matchedText: preview.url,
        title: preview.title,
        ...(preview.description !== null && { description: preview.description }),
        previewType: 0,
      }),
    },
  }),
  media,
  location: ({ latitude, longitude, description, address }) => ({
    locationMessage: {
      degreesLatitude: latitude,
      degreesLongitude: longitude,
      ...(description && { name: description }),
      ...(address && { address }),
    },
  }),
  contact: ({ name, number }) => ({ contactMessage: { displayName: name, vcard: vcardOf(name, number) } }),
  poll({ name, options, allowMultipleAnswers, secret }) {
    const poll = {
      name,
      options: options.map(optionName => ({ optionName })),
      selectableOptionsCount: allowMultipleAnswers ? 0 : 1,
    }
    return {
      ...(allowMultipleAnswers ? { pollCreationMessage: poll } : { pollCreationMessageV3: poll }),
      // Votes are encrypted with it.
      messageContextInfo: { messageSecret: secret },
    }
  },
  button,
  forward,
  reaction: ({ target, emoji, at }) => ({
    reactionMessage: { key: keyOf(target), text: emoji, senderTimestampMs: at },
  }),
  edit: ({ target, body, at }) => ({
    protocolMessage: {
      key: keyOf(target),
      type: MESSAGE_EDIT,
      editedMessage: edited(target, body),
      timestampMs: at,
    },
  }),
  revoke: ({ target }) => ({ protocolMessage: { key: keyOf(target), type: REVOKE } }),
  pin: ({ target, seconds, at }) => ({
    pinInChatMessage: {
      key: keyOf(target),
      type: seconds === null ? UNPIN_FOR_ALL : PIN_FOR_ALL,
      senderTimestampMs: at,
    },
    messageContextInfo: { messageAddOnDurationInSecs: seconds ?? 0 },
  }),
}

/** The card of a person, with the number that WhatsApp makes a button of. */
export function vcardOf(name: string, number: string): string {
  return [
    'BEGIN:VCARD',
    'VERSION:3.0',
    `FN:${line(name)}`,
    `TEL;type=CELL;type=VOICE;waid=${number}:+${number}`,
    'END:VCARD',
  ].join('\n')
}

/** A fresh message: what is done to it later touches nothing else. `mentions` are neutral ids. */
export function toContent(content: OutgoingContent, mentions: readonly string[] = []): proto.IMessage {
  const made = (makers[content.kind] as (content: OutgoingContent) => proto.IMessage)(content)
  if (mentions.length === 0) return made
  const inner = content.kind === 'edit' ? made.protocolMessage?.editedMessage : normalizeMessageContent(made)
  for (const part of Object.values(inner ?? {}))
    if (typeof part === 'object' && part !== null && !(part instanceof Uint8Array))
      part.contextInfo = { ...part.contextInfo, mentionedJid: mentions.map(toJid) }
  return made
}

/** What must stand on the outside of a message of this content, where the server acts on it. */
export function outsideOf(message: proto.IMessage): {
  additionalAttributes?: { [name: string]: string }
  additionalNodes?: { tag: string; attrs: { [name: string]: string } }[]
} {
  const content = normalizeMessageContent(message)
  const { protocolMessage: change } = content ?? {}
  if (change?.key && (change.type ?? REVOKE) === REVOKE) {
    const isByAdmin = change.key.remoteJid?.endsWith('@g.us') && change.key.fromMe !== true
    return { additionalAttributes: { edit: isByAdmin ? '8' : '7' } }
  }
  if (change?.type === MESSAGE_EDIT) return { additionalAttributes: { edit: '1' } }
  if (content?.pinInChatMessage) return { additionalAttributes: { edit: '2' } }
  if (content?.pollCreationMessage || content?.pollCreationMessageV3)
    return { additionalNodes: [{ tag: 'meta', attrs: { polltype: 'creation' } }] }
  return {}
}
