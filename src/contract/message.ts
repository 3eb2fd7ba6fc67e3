// Messages as plugins, webhooks and the API see them (plugin contract, section 7; REST spec, section 3).
import * as v from 'valibot'
import { ChatId, SessionId, Uuid, WaMessageId } from './ids.ts'

export const messageTypes = [
  'text',
  'image',
  'video',
  'audio',
  'voice',
  'document',
  'sticker',
  'location',
  'contact',
  'poll',
  'call',
  'revoked',
  'order',
  'product',
  'masked',
  'unknown',
] as const
export const MessageType = v.picklist(messageTypes)
export type MessageType = v.InferOutput<typeof MessageType>

export const chatKinds = ['individual', 'group', 'channel', 'status', 'broadcast', 'unknown'] as const
export const ChatKind = v.picklist(chatKinds)
export type ChatKind = v.InferOutput<typeof ChatKind>

/** `played`: of a voice note. OpenWA has it as `read`; its number for it is 4. */
export const messageStatuses = ['pending', 'sent', 'delivered', 'read', 'played', 'failed'] as const
export const MessageStatus = v.picklist(messageStatuses)
export type MessageStatus = v.InferOutput<typeof MessageStatus>

export const QuotedMessage = v.strictObject({ id: v.string(), body: v.string() })
export type QuotedMessage = v.InferOutput<typeof QuotedMessage>

/** The part of OpenWA's contact object that is known when a message arrives. */
export const MessageContact = v.looseObject({
  id: v.string(),
  number: v.optional(v.string()),
  name: v.optional(v.string()),
  pushName: v.optional(v.string()),
})

/** A file in a message. `omitted`: it is too large to stand here, or has not come yet; its route gives it once it is stored. */
export const MessageMedia = v.strictObject({
  mimetype: v.string(),
  filename: v.optional(v.string()),
  /** Base64. */
  data: v.optional(v.string()),
  omitted: v.optional(v.boolean()),
  sizeBytes: v.optional(v.number()),
  /** From here on what OpenWA does not have; as the sender says it. Pixels. */
  width: v.optional(v.number()),
  height: v.optional(v.number()),
  /** How long it plays. */
  seconds: v.optional(v.number()),
  /** Of a document. */
  pages: v.optional(v.number()),
  /** A small JPEG, in base64. */
  thumbnail: v.optional(v.string()),
  /** Of a voice note: 64 loudnesses from 0 to 100, in base64. */
  waveform: v.optional(v.string()),
  /** It plays again and again without sound. */
  gif: v.optional(v.boolean()),
  /** A stored file is at the media route. */
  archived: v.optional(v.boolean()),
})
export type MessageMedia = v.InferOutput<typeof MessageMedia>

/** `url` is that of a place, as somebody shared it; nothing fetches it. */
export const MessageLocation = v.strictObject({
  latitude: v.number(),
  longitude: v.number(),
  description: v.optional(v.string()),
  address: v.optional(v.string()),
  url: v.optional(v.string()),
})
export type MessageLocation = v.InferOutput<typeof MessageLocation>

export const MessagePoll = v.strictObject({
  name: v.string(),
  options: v.array(v.string()),
  allowMultipleAnswers: v.boolean(),
})
export type MessagePoll = v.InferOutput<typeof MessagePoll>

const Button = v.strictObject({ id: v.string(), text: v.string() })

/** OpenWA's IncomingMessage. `timestamp` is in seconds. Ids are neutral: `@c.us` where the phone is known, else `@lid`. */
export const IncomingMessage = v.looseObject({
  id: v.string(),
  from: v.string(),
  to: v.string(),
  chatId: v.string(),
  body: v.string(),
  type: MessageType,
  timestamp: v.number(),
  fromMe: v.boolean(),
  isGroup: v.boolean(),
  kind: ChatKind,
  author: v.optional(v.string()),
  isLidSender: v.optional(v.boolean()),
  isStatusBroadcast: v.optional(v.boolean()),
  senderPhone: v.optional(v.string()),
  mentionedIds: v.optional(v.array(v.string())),
  contact: v.optional(MessageContact),
  quotedMessage: v.optional(QuotedMessage),
  ephemeralDuration: v.optional(v.number()),
  media: v.optional(MessageMedia),
  location: v.optional(MessageLocation),
  poll: v.optional(MessagePoll),
  call: v.optional(v.strictObject({ video: v.boolean(), missed: v.boolean() })),
  /** The cards of a message of type `contact`, as vCard texts. */
  vcards: v.optional(v.array(v.string())),
  buttons: v.optional(v.array(Button)),
  button: v.optional(v.strictObject({ id: v.string(), text: v.optional(v.string()) })),
  order: v.optional(v.looseObject({ id: v.string() })),
  product: v.optional(v.looseObject({ id: v.string() })),
  /** To be seen once; `masked` where only the phone may see it. */
  isViewOnce: v.optional(v.boolean()),
  /** Of a text status. */
  backgroundColor: v.optional(v.string()),
  font: v.optional(v.number()),
})
export type IncomingMessage = v.InferOutput<typeof IncomingMessage>

/** A stored message as GET /messages lists it (REST spec, section 3, "Persisted Row"). */
export const StoredMessage = v.strictObject({
  id: Uuid,
  sessionId: Uuid,
  waMessageId: v.nullable(v.string()),
  chatId: v.string(),
  from: v.string(),
  to: v.string(),
  chatName: v.nullable(v.string()),
  author: v.nullable(v.string()),
  body: v.nullable(v.string()),
  type: MessageType,
  direction: v.picklist(['incoming', 'outgoing']),
  timestamp: v.nullable(v.number()),
  metadata: v.nullable(v.record(v.string(), v.unknown())),
  mediaPath: v.nullable(v.string()),
  mediaMimetype: v.nullable(v.string()),
  status: MessageStatus,
  /** Why it failed: WhatsApp's code, or a code of the gateway's own. Not one of OpenWA's fields. */
  error: v.nullable(v.string()),
  createdAt: v.string(),
})
export type StoredMessage = v.InferOutput<typeof StoredMessage>

/** Longest text that WhatsApp takes in one message (REST spec 34). */
const MAX_TEXT = 4096

/** Most people one message may mention: a group has at most 1024 members. */
const MAX_MENTIONS = 1024

const Text = v.pipe(
  v.string('must be a string'),
  v.minLength(1, 'must not be empty'),
  v.maxLength(MAX_TEXT, `must be at most ${MAX_TEXT} characters`),
)
const Mentions = v.pipe(v.array(ChatId), v.maxLength(MAX_MENTIONS, `must be at most ${MAX_MENTIONS} ids`))

export const SendText = v.strictObject({
  chatId: ChatId,
  text: Text,
  mentions: v.optional(Mentions),
  quotedMessageId: v.optional(WaMessageId),
  /** Fetches the first link of the text, to show what is behind it. Off unless asked for: the address may be a stranger's. */
  linkPreview: v.optional(v.boolean('must be true or false')),
})
export type SendText = v.InferOutput<typeof SendText>

/** Longest text that a template may become (OpenWA's `TEMPLATE_RENDER_MAX_CHARS`). */
export const MAX_RENDERED_TEXT = 64 * 1024

/** A text as it goes to the engine: rendered ones may be longer than what a client may write. */
export const OutgoingText = v.strictObject({
  ...SendText.entries,
  text: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_RENDERED_TEXT)),
})
export type OutgoingText = v.InferOutput<typeof OutgoingText>

export const Reply = v.strictObject({
  chatId: ChatId,
  quotedMessageId: WaMessageId,
  text: Text,
  mentions: v.optional(Mentions),
})
export type Reply = v.InferOutput<typeof Reply>

/**
 * The answer to every send: accepted, not delivered. `timestamp` in seconds. Who asked to wait for WhatsApp's answer also
 * gets the state, which is `pending` when none has come in time, and for a failed message the code.
 */
export const SendResult = v.strictObject({
  messageId: v.string(),
  timestamp: v.number(),
  state: v.optional(MessageStatus),
  error: v.optional(v.string()),
})
export type SendResult = v.InferOutput<typeof SendResult>

/** A message as the engine hands it to hooks: with the session that it belongs to. */
export const SessionMessage = v.strictObject({ sessionId: SessionId, message: IncomingMessage })
