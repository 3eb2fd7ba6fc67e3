// What a client may send besides a text, and do to a message that is there: one schema per route (REST spec, rows 36 to 53).
import * as v from 'valibot'
import { ChatId, WaMessageId } from './ids.ts'
import { isMediaType, MAX_MEDIA_TYPE } from './media-type.ts'
import { Reply, SendText } from './message.ts'

/** OpenWA's bounds. */
const MAX_CAPTION = 1024
const MAX_FILENAME = 255
const MAX_POLL_NAME = 255
const MAX_OPTION = 100
const MAX_OPTIONS = 12
const MAX_LABEL = 1024

const isHttp = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
const label = (max: number) =>
  v.pipe(
    v.string('must be a string'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(max, `must be at most ${max} characters`),
  )
const atMost = (max: number) =>
  v.pipe(v.string('must be a string'), v.maxLength(max, `must be at most ${max} characters`))
const coordinate = (limit: number) =>
  v.pipe(
    v.number('must be a number'),
    v.minValue(-limit, `must be between -${limit} and ${limit}`),
    v.maxValue(limit, `must be between -${limit} and ${limit}`),
  )
const yes = (message = 'must be true or false') => v.boolean(message)

/** What a file is sent as. */
export const mediaKinds = ['image', 'video', 'audio', 'document', 'sticker'] as const
export type MediaKind = (typeof mediaKinds)[number]

const Mimetype = v.pipe(
  v.string('must be a string'),
  v.maxLength(MAX_MEDIA_TYPE, 'is too long'),
  v.check(isMediaType, 'must be a media type, as image/png'),
)

/** Base64, or a `data:` URL of it. */
const Base64 = v.pipe(
  v.string('must be a string'),
  v.transform(text => text.replace(/^data:[\w.+/-]*(;[^,;]{1,64}){0,4};base64,/, '')),
  v.check(
    text => text.length > 0 && text.length % 4 === 0 && !/[^A-Za-z0-9+/=]|=[^=]/.test(text),
    'must be base64',
  ),
)

const mediaEntries = {
  chatId: ChatId,
  url: v.optional(v.pipe(atMost(2048), v.check(isHttp, 'must be an http or https URL'))),
  base64: v.optional(Base64),
  /** A file that was uploaded before, by the id that the upload has answered. */
  uploadId: v.optional(
    v.pipe(v.string('must be a string'), v.regex(/^[0-9a-f]{64}$/, 'must be an upload id')),
  ),
  mimetype: v.optional(Mimetype),
  filename: v.optional(atMost(MAX_FILENAME)),
  caption: v.optional(atMost(MAX_CAPTION)),
  mentions: SendText.entries.mentions,
  quotedMessageId: v.optional(WaMessageId),
}

interface Source {
  url?: string | undefined
  base64?: string | undefined
  uploadId?: string | undefined
  mimetype?: string | undefined
}

const sources = ({ url, base64, uploadId }: Source) =>
  [url, base64, uploadId].filter(given => given !== undefined)

const SOURCE = 'url, base64 or uploadId must be given, and only one of them'
const TYPE = 'mimetype is required with base64'

export const SendMedia = v.pipe(
  v.strictObject(mediaEntries),
  v.check(input => sources(input).length === 1, SOURCE),
  v.check(({ base64, mimetype }) => base64 === undefined || mimetype !== undefined, TYPE),
)
export type SendMedia = v.InferOutput<typeof SendMedia>

/** `ptt`: it plays as a voice note. */
export const SendAudio = v.pipe(
  v.strictObject({ ...mediaEntries, ptt: v.optional(yes()) }),
  v.check(input => sources(input).length === 1, SOURCE),
  v.check(
    ({ base64, mimetype, ptt }) => base64 === undefined || mimetype !== undefined || ptt === true,
    TYPE,
  ),
)
export type SendAudio = v.InferOutput<typeof SendAudio>

export const SendLocation = v.strictObject({
  chatId: ChatId,
  latitude: coordinate(90),
  longitude: coordinate(180),
  description: v.optional(atMost(MAX_LABEL)),
  address: v.optional(atMost(MAX_LABEL)),
  quotedMessageId: v.optional(WaMessageId),
})
export type SendLocation = v.InferOutput<typeof SendLocation>

export const SendContact = v.strictObject({
  chatId: ChatId,
  contactName: label(MAX_LABEL),
  contactNumber: v.pipe(
    v.string('must be a string'),
    v.transform(text => text.replace(/[\s().+-]/g, '')),
    v.regex(/^\d{5,20}$/, 'must be a phone number with its country code'),
  ),
  quotedMessageId: v.optional(WaMessageId),
})
export type SendContact = v.InferOutput<typeof SendContact>

export const SendPoll = v.strictObject({
  chatId: ChatId,
  name: label(MAX_POLL_NAME),
  options: v.pipe(
    v.array(label(MAX_OPTION), 'must be a list'),
    v.minLength(2, 'must have at least 2 options'),
    v.maxLength(MAX_OPTIONS, `must have at most ${MAX_OPTIONS} options`),
    // A vote names its option by a digest of the text: two alike could not be told apart.
    v.check(options => new Set(options).size === options.length, 'must not hold an option twice'),
  ),
  allowMultipleAnswers: v.optional(yes()),
  quotedMessageId: v.optional(WaMessageId),
})
export type SendPoll = v.InferOutput<typeof SendPoll>

export const Forward = v.strictObject({ fromChatId: ChatId, toChatId: ChatId, messageId: WaMessageId })
export type Forward = v.InferOutput<typeof Forward>

const target = { chatId: ChatId, messageId: WaMessageId }

/** Presses a button, or chooses a row, of a message that offers them. */
export const ClickButton = v.strictObject({
  ...target,
  buttonId: label(256),
  /** What it says, where another text than the button's is to be shown. */
  text: v.optional(atMost(4096)),
})
export type ClickButton = v.InferOutput<typeof ClickButton>

/** Longest emoji: some are made of a dozen code points. */
const MAX_EMOJI = 64

export const React = v.strictObject({ ...target, emoji: atMost(MAX_EMOJI) })
export type React = v.InferOutput<typeof React>

export const DeleteMessage = v.strictObject({ ...target, forEveryone: v.optional(yes(), true) })
export type DeleteMessage = v.InferOutput<typeof DeleteMessage>

export const EditMessage = v.strictObject({
  ...target,
  body: Reply.entries.text,
  mentions: SendText.entries.mentions,
})
export type EditMessage = v.InferOutput<typeof EditMessage>

/** A day, a week, a month: WhatsApp knows no other. */
export const pinDurations = [86_400, 604_800, 2_592_000] as const

export const PinMessage = v.strictObject({
  ...target,
  durationSeconds: v.optional(v.picklist(pinDurations, `must be one of ${pinDurations.join(', ')}`), 86_400),
})
export type PinMessage = v.InferOutput<typeof PinMessage>

export const UnpinMessage = v.strictObject(target)
export type UnpinMessage = v.InferOutput<typeof UnpinMessage>

export const StarMessage = v.strictObject({ ...target, star: yes() })
export type StarMessage = v.InferOutput<typeof StarMessage>

/** The answer of what changes something and sends no message of its own. */
export const Done = v.strictObject({ success: v.boolean() })
export type Done = v.InferOutput<typeof Done>

export const Reactions = v.array(
  v.strictObject({
    emoji: v.string(),
    senders: v.array(v.strictObject({ senderId: v.string(), emoji: v.string(), timestamp: v.number() })),
  }),
)
export type Reactions = v.InferOutput<typeof Reactions>
