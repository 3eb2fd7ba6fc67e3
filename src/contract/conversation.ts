// Conversations of another system and the chats they stand for: what a plugin says of them (plugin contract, section 11).
import * as v from 'valibot'

/** Who answers in a mapped chat. In `human` and `closed` only the plugin that owns the mapping hears of messages. */
export const handoverStates = ['bot', 'human', 'closed'] as const
export const HandoverState = v.picklist(handoverStates, 'must be bot, human or closed')
export type HandoverState = v.InferOutput<typeof HandoverState>

/** Longest id of another system's conversation or instance: it is a key, not a text. */
const MAX_ID = 256

const id = (what: string) =>
  v.pipe(
    // An absent one gets the same text as an empty one.
    v.optional(v.string(`${what} must be a string`), ''),
    v.nonEmpty(`${what} is required`),
    v.maxLength(MAX_ID, `${what} is longer than ${MAX_ID} characters`),
  )

export const ProviderConversationId = id('providerConversationId')
export const MappingInstanceId = id('instanceId')

/** A chat of a session, for one instance of the plugin. The instance need not be a provisioned one. */
export const ConversationKey = v.object({
  sessionId: id('sessionId'),
  chatId: id('chatId'),
  instanceId: MappingInstanceId,
})
export type ConversationKey = v.InferOutput<typeof ConversationKey>

export const conversationTypes = ['text', 'image', 'file', 'audio', 'video', 'voice', 'location'] as const
export type ConversationType = (typeof conversationTypes)[number]

/** Longest URL and longest text that an envelope may carry; the text's own bound is that of a message. */
const MAX_URL = 2_048
const MAX_ENVELOPE_TEXT = 65_536

const Coordinate = (limit: number) => v.pipe(v.number(), v.minValue(-limit), v.maxValue(limit))

/** What `conversations.send` takes. Fields that the host does not know are the plugin's own. */
export const ConversationEnvelope = v.object({
  sessionId: id('conversation.send: sessionId'),
  instanceId: v.nullish(MappingInstanceId),
  chatId: v.nullish(id('chatId')),
  type: v.picklist(conversationTypes, `type must be one of ${conversationTypes.join(', ')}`),
  text: v.nullish(v.pipe(v.string(), v.maxLength(MAX_ENVELOPE_TEXT)), ''),
  mediaUrl: v.nullish(v.pipe(v.string(), v.maxLength(MAX_URL))),
  replyTo: v.nullish(v.pipe(v.string(), v.maxLength(128))),
  linkPreview: v.nullish(v.boolean()),
  latitude: v.nullish(Coordinate(90)),
  longitude: v.nullish(Coordinate(180)),
  source: v.nullish(
    v.object({ provider: v.nullish(v.string()), externalConversationId: ProviderConversationId }),
  ),
})
export type ConversationEnvelope = v.InferOutput<typeof ConversationEnvelope>
