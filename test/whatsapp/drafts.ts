// What a test may say when somebody writes, and the message a phone would make of it.
import { randomBytes } from 'node:crypto'
import type { proto } from 'baileys'
import { addressOf, type Person } from './account.ts'
import { type Quoted, readText } from './inbox.ts'
import type { Media } from './media.ts'
import type { MediaKind } from './media-seal.ts'

interface Captioned {
  readonly caption?: string
  readonly mimetype?: string
  /** Shown once, then gone. */
  readonly viewOnce?: boolean
}

export type Draft =
  | (Captioned & { readonly image: Uint8Array })
  | (Captioned & { readonly video: Uint8Array; readonly gif?: boolean })
  | {
      readonly audio: Uint8Array
      readonly mimetype?: string
      readonly voice?: boolean
      readonly seconds?: number
    }
  | {
      readonly document: Uint8Array
      readonly fileName: string
      readonly mimetype?: string
      readonly caption?: string
    }
  | { readonly sticker: Uint8Array; readonly mimetype?: string }
  | {
      readonly location: {
        readonly latitude: number
        readonly longitude: number
        readonly name?: string
        readonly address?: string
      }
    }
  | { readonly contact: { readonly name: string; readonly pn: string } }
  | {
      readonly poll: {
        readonly name: string
        readonly options: readonly string[]
        readonly selectable?: number
      }
    }

/** A text, a draft, or a message as it is. */
export type Content = string | Draft | proto.IMessage

export interface Quote extends Quoted {
  /** Who wrote what is quoted. */
  readonly from: Person
}

export interface Dressing {
  readonly quote?: Quote
  readonly mentions?: readonly Person[]
  /** Seconds after which it disappears, in a chat where messages do. */
  readonly ephemeral?: number
}

type Builder<D> = (draft: D, media: Media) => proto.IMessage
type DraftOf<K extends string> = Extract<Draft, { readonly [key in K]: unknown }>

const given = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }

const once = (viewOnce: boolean | undefined, message: proto.IMessage): proto.IMessage =>
  viewOnce ? { viewOnceMessageV2: { message } } : message

function put(media: Media, bytes: Uint8Array, kind: MediaKind, mimetype: string) {
  return { ...media.put(bytes, kind), mimetype }
}

const builders = {
  image: ({ image, caption, mimetype = 'image/jpeg', viewOnce }: DraftOf<'image'>, media: Media) =>
    once(viewOnce, { imageMessage: given({ ...put(media, image, 'Image', mimetype), caption, viewOnce }) }),
  video: ({ video, caption, mimetype = 'video/mp4', viewOnce, gif }: DraftOf<'video'>, media: Media) =>
    once(viewOnce, {
      videoMessage: given({ ...put(media, video, 'Video', mimetype), caption, viewOnce, gifPlayback: gif }),
    }),
  audio: (draft: DraftOf<'audio'>, media: Media) => {
    const { audio, mimetype = 'audio/ogg; codecs=opus', voice = false, seconds = 1 } = draft
    return { audioMessage: { ...put(media, audio, 'Audio', mimetype), ptt: voice, seconds } }
  },
  document: (draft: DraftOf<'document'>, media: Media) => {
    const { document, fileName, mimetype = 'application/octet-stream', caption } = draft
    const documentMessage = given({
      ...put(media, document, 'Document', mimetype),
      fileName,
      title: fileName,
      caption,
    })
    return caption === undefined
      ? { documentMessage }
      : { documentWithCaptionMessage: { message: { documentMessage } } }
  },
  sticker: ({ sticker, mimetype = 'image/webp' }: DraftOf<'sticker'>, media: Media) => ({
    stickerMessage: put(media, sticker, 'Image', mimetype),
  }),
  location: ({ location: { latitude, longitude, name, address } }: DraftOf<'location'>) => ({
    locationMessage: given({ degreesLatitude: latitude, degreesLongitude: longitude, name, address }),
  }),
  contact: ({ contact: { name, pn } }: DraftOf<'contact'>) => {
    const number = `TEL;type=CELL;type=VOICE;waid=${pn}:+${pn}`
    const vcard = ['BEGIN:VCARD', 'VERSION:3.0', `FN:${name}`, number, 'END:VCARD'].join('\n')
    return { contactMessage: { displayName: name, vcard } }
  },
  poll: ({ poll: { name, options, selectable = 1 } }: DraftOf<'poll'>) => ({
    pollCreationMessageV3: {
      name,
      options: options.map(optionName => ({ optionName })),
      selectableOptionsCount: selectable,
    },
    messageContextInfo: { messageSecret: randomBytes(32) },
  }),
} satisfies Record<string, Builder<never>>

function build(content: Content, media: Media): proto.IMessage {
  if (typeof content === 'string') return { conversation: content }
  const name = (Object.keys(builders) as (keyof typeof builders)[]).find(key => key in content)
  // Which builder fits which draft is known by the field that the draft has.
  return name ? (builders[name] as Builder<Draft>)(content as Draft, media) : (content as proto.IMessage)
}

function contextOf(
  { quote, mentions, ephemeral }: Dressing,
  by: 'pn' | 'lid',
): proto.IContextInfo | undefined {
  if (!quote && !mentions && ephemeral === undefined) return undefined
  return {
    ...(quote && {
      stanzaId: quote.id,
      participant: addressOf(quote.from, by),
      quotedMessage: { conversation: quote.text },
    }),
    ...(mentions && { mentionedJid: mentions.map(each => addressOf(each, by)) }),
    ...(ephemeral !== undefined && { expiration: ephemeral }),
  }
}

/** Puts the context where messages of this kind carry it. */
function withContext(message: proto.IMessage, contextInfo: proto.IContextInfo): proto.IMessage {
  const { conversation } = message
  if (conversation !== undefined) return { extendedTextMessage: { text: readText(message), contextInfo } }
  const entries = Object.entries(message).map(([name, part]) => {
    if (!/Message(V\d)?$/.test(name)) return [name, part]
    return [
      name,
      part.message ? { message: withContext(part.message, contextInfo) } : { ...part, contextInfo },
    ]
  })
  return Object.fromEntries(entries)
}

/** Makes the message. `by` is how people are addressed in the chat it goes to. */
export function compose(
  content: Content,
  dressing: Dressing,
  by: 'pn' | 'lid',
  media: Media,
): proto.IMessage {
  const plain = build(content, media)
  const context = contextOf(dressing, by)
  const message = context ? withContext(plain, context) : plain
  return dressing.ephemeral === undefined ? message : { ephemeralMessage: { message } }
}
