// `conversations.*`, `handover.*` and `mappings.*`: another system's conversations as chats, and who answers in them
// (plugin contract, section 11). How a message goes out is the sender's business.
import * as v from 'valibot'
import type {
  ConversationEnvelope,
  ConversationType,
  HandoverState,
} from '../../../src/contract/conversation.ts'
import { GatewayError } from '../../../src/contract/errors.ts'
import { ChatId, SessionId, WaMessageId } from '../../../src/contract/ids.ts'
import { type Reply, type SendResult, SendText } from '../../../src/contract/message.ts'
import { type Db, isUniqueViolation, type Statement, type Writer } from '../../../src/db/db.ts'
import { findContact } from '../../../src/db/directory/people.ts'
import {
  deleteMapping,
  findByProvider,
  findMapping,
  type MappingKey,
  rebindMapping,
  setHandover,
  upsertMapping,
} from '../../../src/db/mappings.ts'
import type { CallOrigin, Verbs } from '../verb.ts'

/** A file that the gateway fetches and sends in its own form. */
export interface ConversationMedia {
  chatId: ChatId
  type: Exclude<ConversationType, 'text' | 'location'>
  url: string
  caption: string
  /** A recording that plays as a voice note. */
  ptt: boolean
}

export interface ConversationLocation {
  chatId: ChatId
  latitude: number
  longitude: number
  description: string
}

/** What the verbs need of the pipeline that also serves the API. A kind of message that it cannot send is left out. */
export interface ConversationSender {
  sendText(sessionId: SessionId, input: SendText, origin: CallOrigin): Promise<SendResult>
  reply(sessionId: SessionId, input: Reply, origin: CallOrigin): Promise<SendResult>
  sendMedia?(sessionId: SessionId, input: ConversationMedia, origin: CallOrigin): Promise<SendResult>
  sendLocation?(sessionId: SessionId, input: ConversationLocation, origin: CallOrigin): Promise<SendResult>
}

export interface ConversationDeps {
  db: Db
  writer: Writer
  sender: ConversationSender
  sessionExists(sessionId: string): Promise<boolean>
  /** Hears of each change of who answers in a chat, once it is durable; with the ids of the person, where it is one's. */
  handedOver(
    key: MappingKey,
    state: HandoverState,
    ids?: { phoneId: string | null; lidId: string | null },
  ): void
  /** Epoch milliseconds. */
  now(): number
}

const refuse = (message: string) => new GatewayError('invalid_input', message)
const failed = (message: string, cause?: unknown) => new GatewayError('mapping_taken', message, { cause })

type ConversationVerbs = Pick<
  Verbs,
  'conversations.send' | 'handover.set' | 'mappings.upsert' | 'mappings.get' | 'mappings.getByProvider'
>

export function createConversationVerbs(deps: ConversationDeps): ConversationVerbs {
  const { db, writer, sender, sessionExists, now } = deps

  /** The chat of an envelope, by its own word or by the mapping of the other system's conversation. */
  async function chatOf(envelope: ConversationEnvelope, origin: CallOrigin): Promise<ChatId> {
    if (envelope.chatId) return parse(ChatId, envelope.chatId, 'chatId')
    const { instanceId, source, sessionId } = envelope
    if (!instanceId || !source)
      throw refuse(
        'conversation.send: chatId is required, or instanceId and source.externalConversationId in its place',
      )
    const { pluginId } = origin
    const providerConversationId = source.externalConversationId
    const mapping = await findByProvider(db, { pluginId, instanceId, providerConversationId })
    if (mapping === null)
      throw new GatewayError('not_found', 'conversation.send: no chat is mapped to that conversation')
    if (mapping.sessionId !== sessionId) await rebind(mapping, sessionId, origin)
    return parse(ChatId, mapping.chatId, 'chatId')
  }

  /** A session that was deleted and linked again has another id; its conversations go on in the new one. */
  async function rebind(
    mapping: MappingKey & { handoverState: HandoverState },
    sessionId: string,
    origin: CallOrigin,
  ) {
    if (await sessionExists(mapping.sessionId))
      throw failed('conversation.send: the conversation belongs to another session')
    origin.assertStillAllowed()
    const { pluginId, instanceId, chatId, handoverState } = mapping
    await commit(
      [rebindMapping(db, mapping, sessionId, now())],
      'the chat has another conversation in this session',
    )
    deps.handedOver({ pluginId, instanceId, chatId, sessionId: mapping.sessionId }, 'bot')
    deps.handedOver({ pluginId, instanceId, chatId, sessionId }, handoverState)
  }

  async function commit(statements: Statement[], taken: string) {
    try {
      return await writer.commit(statements)
    } catch (cause) {
      throw isUniqueViolation(cause) ? failed(taken, cause) : cause
    }
  }

  async function send(envelope: ConversationEnvelope, origin: CallOrigin): Promise<SendResult> {
    const sessionId = parse(SessionId, envelope.sessionId, 'sessionId')
    const chatId = await chatOf(envelope, origin)
    const { type, replyTo, mediaUrl } = envelope
    const text = envelope.text ?? ''
    if (type === 'location') {
      const { latitude, longitude } = envelope
      if (typeof latitude !== 'number' || typeof longitude !== 'number')
        throw refuse('conversation.send: a location needs latitude and longitude')
      if (replyTo) throw refuse('conversation.send: replyTo is not supported for a location')
      if (!sender.sendLocation) throw notYet(type)
      return await sender.sendLocation(sessionId, { chatId, latitude, longitude, description: text }, origin)
    }
    if (type !== 'text' && mediaUrl) {
      if (replyTo) throw refuse('conversation.send: replyTo is not supported for media')
      if (!sender.sendMedia) throw notYet(type)
      const media = { chatId, type, url: mediaUrl, caption: text, ptt: type === 'voice' }
      return await sender.sendMedia(sessionId, media, origin)
    }
    const input = parse(SendText, { chatId, text }, 'text')
    if (replyTo)
      return await sender.reply(
        sessionId,
        { ...input, quotedMessageId: parse(WaMessageId, replyTo, 'replyTo') },
        origin,
      )
    const { linkPreview } = envelope
    return await sender.sendText(
      sessionId,
      { ...input, ...(linkPreview == null ? {} : { linkPreview }) },
      origin,
    )
  }

  return {
    'conversations.send': ([envelope], origin) => send(envelope, origin),
    async 'handover.set'([key, state], { pluginId, assertStillAllowed }) {
      const { chatId } = (await findMapping(db, { pluginId, ...key })) ?? key
      const place = { pluginId, ...key, chatId }
      assertStillAllowed()
      const [changed] = await writer.commit([setHandover(db, place, state, now())])
      if (changed !== 1) throw new GatewayError('not_found', 'handover.set: the chat has no mapping')
      const person = await findContact(db, key.sessionId, chatId)
      deps.handedOver(place, state, ...(person ? [person] : []))
      return null
    },
    async 'mappings.upsert'([key, providerConversationId], { pluginId, assertStillAllowed }) {
      const { instanceId } = key
      const other = await findByProvider(db, { pluginId, instanceId, providerConversationId })
      const statements: Statement[] = []
      if (other !== null && (other.sessionId !== key.sessionId || other.chatId !== key.chatId)) {
        if (await sessionExists(other.sessionId))
          throw failed('mappings.upsert: the conversation is mapped to another chat')
        statements.push(deleteMapping(db, other))
      }
      assertStillAllowed()
      statements.push(upsertMapping(db, { pluginId, ...key }, providerConversationId, now()))
      await commit(statements, 'mappings.upsert: the conversation is mapped to another chat')
      if (other !== null && statements.length > 1) deps.handedOver(other, 'bot')
      return null
    },
    async 'mappings.get'([key], { pluginId }) {
      const found = await findMapping(db, { pluginId, ...key })
      if (found === null) return null
      const { providerConversationId, handoverState } = found
      return { providerConversationId, handoverState }
    },
    async 'mappings.getByProvider'([instanceId, providerConversationId], { pluginId, assertActiveFor }) {
      const found = await findByProvider(db, { pluginId, instanceId, providerConversationId })
      if (found === null) return null
      const { sessionId, chatId, handoverState } = found
      assertActiveFor(sessionId)
      return { sessionId, chatId, handoverState }
    },
  }
}

const notYet = (type: ConversationType) =>
  new GatewayError('not_supported', `conversation.send: this gateway does not send type ${type} yet`)

function parse<S extends v.GenericSchema>(schema: S, value: unknown, name: string): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, value)
  if (success) return output
  const [issue] = issues
  throw refuse(`${v.getDotPath(issue) ?? name} ${issue.message}`)
}
