// What each kind of send is made of: how its input is read, and the message and row that come of it. A row per kind.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import { ChatId, WaMessageId } from '../../src/contract/ids.ts'
import { type MessageType, OutgoingText, Reply } from '../../src/contract/message.ts'
import {
  ClickButton,
  Forward,
  type MediaKind,
  SendAudio,
  SendContact,
  SendLocation,
  SendMedia,
  SendPoll,
} from '../../src/contract/outgoing.ts'
import type { MessageRow } from '../../src/db/messages.ts'
import { fromMetadata, type RowDetails } from '../../src/db/row-details.ts'
import type { FileSource, OutgoingFiles, StagedFile, Upload } from '../media/outgoing-files.ts'
import type { PreviewLink } from '../net/link-preview.ts'
import { type OutgoingContent, vcardOf } from '../sessions/outgoing-content.ts'

/** A message that is not composed yet: what goes out, and what its row says. */
export interface Draft {
  content: OutgoingContent
  type: MessageType
  body: string
  details: RowDetails
  /** In the store. */
  file?: StagedFile
}

/** What a draft may need of the session that it is for. */
export interface DraftContext {
  sessionId: string
  upload: Upload
  /** The stored message, its protobuf, and its file if that is here. Rejects with `not_found`. */
  original(
    chatId: string,
    waMessageId: string,
  ): Promise<{ row: MessageRow; proto: Uint8Array; file: StagedFile | null }>
}

/** What all inputs have in common. */
export interface SendInput {
  chatId: ChatId
  mentions?: readonly string[] | undefined
  quotedMessageId?: string | undefined
}

/** After the hook: what a plugin adds besides is dropped, so these take any object. */
const inputs = {
  text: v.object(OutgoingText.entries),
  reply: v.object(Reply.entries),
  image: v.object(SendMedia.entries),
  video: v.object(SendMedia.entries),
  audio: v.object(SendAudio.entries),
  voice: v.object(SendAudio.entries),
  document: v.object(SendMedia.entries),
  sticker: v.object(SendMedia.entries),
  location: v.object(SendLocation.entries),
  contact: v.object(SendContact.entries),
  poll: v.object(SendPoll.entries),
  button: v.object({ ...ClickButton.entries, quotedMessageId: WaMessageId }),
  forward: v.object({ ...Forward.entries, chatId: ChatId, messageId: WaMessageId }),
} as const

export type SendKind = keyof typeof inputs
export type InputOf<K extends SendKind> = v.InferOutput<(typeof inputs)[K]>

/** Reads what a plugin may have changed. Null for what no client could have asked for. */
export function readInput<K extends SendKind>(kind: K, given: unknown): InputOf<K> | null {
  const parsed = v.safeParse(inputs[kind], given)
  return parsed.success ? (parsed.output as InputOf<K>) : null
}

type Makers = { [K in SendKind]: (input: InputOf<K>, context: DraftContext) => Promise<Draft> | Draft }

export interface Drafts {
  /** The input as plugins may see it: small. */
  prepare<K extends SendKind>(kind: K, input: InputOf<K>): Promise<InputOf<K>>
  make<K extends SendKind>(kind: K, input: InputOf<K>, context: DraftContext): Promise<Draft>
}

const VOICE = 'audio/ogg; codecs=opus'

export function createDrafts(deps: {
  files: OutgoingFiles
  preview: PreviewLink
  randomBytes: (length: number) => Uint8Array
}): Drafts {
  const { files, preview, randomBytes } = deps

  const media =
    (kind: MediaKind, type: MessageType) =>
    async (input: InputOf<'audio'>, { upload, sessionId }: DraftContext): Promise<Draft> => {
      const ptt = type === 'voice'
      const mimetype = input.mimetype ?? (ptt ? VOICE : undefined)
      const file = await files.stage({ ...input, mimetype }, kind, sessionId)
      const caption = input.caption ?? null
      const look = await files.lookOf(file, kind)
      return {
        content: {
          kind: 'media',
          media: await files.upload(file, kind, upload),
          caption,
          ptt,
          look,
        },
        type,
        body: caption ?? '',
        details: { media: { ...mediaDetails(file), ...look } },
        file,
      }
    }

  const text = async (input: InputOf<'text'> | InputOf<'reply'>): Promise<Draft> => ({
    content: {
      kind: 'text',
      text: input.text,
      preview: 'linkPreview' in input && input.linkPreview === true ? await preview(input.text) : null,
    },
    type: 'text',
    body: input.text,
    details: {},
  })

  const makers: Makers = {
    text,
    reply: text,
    image: media('image', 'image'),
    video: media('video', 'video'),
    audio: media('audio', 'audio'),
    voice: media('audio', 'voice'),
    document: media('document', 'document'),
    sticker: media('sticker', 'sticker'),
    location: ({ latitude, longitude, description = null, address = null }) => ({
      content: { kind: 'location', latitude, longitude, description, address },
      type: 'location',
      body: '',
      details: {
        location: { latitude, longitude, ...(description && { description }), ...(address && { address }) },
      },
    }),
    contact: ({ contactName: name, contactNumber: number }) => ({
      content: { kind: 'contact', name, number },
      type: 'contact',
      body: '',
      details: { vcards: [vcardOf(name, number)] },
    }),
    poll: ({ name, options, allowMultipleAnswers = false }) => ({
      content: { kind: 'poll', name, options, allowMultipleAnswers, secret: randomBytes(32) },
      type: 'poll',
      body: name,
      details: { poll: { name, options, allowMultipleAnswers } },
    }),
    async button({ chatId, messageId, buttonId, text: given }, { original }) {
      const { row, proto } = await original(chatId, messageId)
      const offered = fromMetadata(row.metadata).buttons ?? []
      const button = offered.find(({ id }) => id === buttonId)
      if (!button)
        throw new GatewayError('invalid_input', `Message ${messageId} has no such button`, {
          details: { messages: [`buttonId must be one of ${offered.map(({ id }) => id).join(', ')}`] },
        })
      const text = given || button.text
      return {
        content: { kind: 'button', original: proto, id: buttonId, text },
        type: 'text',
        body: text,
        details: { button: { id: buttonId, text } },
      }
    },
    async forward({ fromChatId, messageId }, { original }) {
      const { row, proto, file } = await original(fromChatId, messageId)
      const {
        quotedMessage: _quote,
        ephemeralDuration: _timer,
        isViewOnce,
        ...details
      } = fromMetadata(row.metadata)
      if (isViewOnce)
        throw new GatewayError('invalid_input', 'A message that is to be seen once cannot be forwarded')
      return {
        content: { kind: 'forward', original: proto, secret: randomBytes(32) },
        type: row.type,
        body: row.body ?? '',
        details,
        ...(file && { file }),
      }
    },
  }

  return {
    prepare: async (_kind, input) =>
      'base64' in input ? await files.withoutBase64(input as typeof input & FileSource) : input,
    // A union of names cannot be called with a union of inputs; the signature has matched them.
    make: async (kind, input, context) =>
      await (makers[kind] as (input: unknown, context: DraftContext) => Promise<Draft> | Draft)(
        input,
        context,
      ),
  }
}

/** What a row says of a file that is in the store. */
const mediaDetails = ({ mimetype, filename, bytes }: StagedFile) => ({
  mimetype,
  ...(filename !== null && { filename }),
  sizeBytes: bytes,
})
