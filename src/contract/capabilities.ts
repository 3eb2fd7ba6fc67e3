// What a plugin may ask of the host: one row per verb, with its arguments, answer, permission and bounds
// (plugin contract, sections 4 and 8). A new verb is a row here and a function in engine-node/broker/verbs.
import * as v from 'valibot'
import {
  ConversationEnvelope,
  ConversationKey,
  HandoverState,
  MappingInstanceId,
  ProviderConversationId,
} from './conversation.ts'
import { ChatSummary, Contact, GroupInfo, NumberCheck } from './directory.ts'
import { IncomingMessage, SendResult } from './message.ts'
import { FetchAnswer, FetchInit } from './plugin-fetch.ts'

/** What a manifest may list under `permissions`; enabling the plugin is the operator's consent. */
export const permissions = {
  'messages:send': 'send messages and replies in the sessions it is active for',
  'engine:read': 'read contacts, chats and groups of the sessions it is active for',
  'net:fetch': 'make HTTP requests to the hosts its manifest names',
  'storage:use': 'keep data of its own in the gateway',
  'webhook:ingress': 'receive webhooks from outside',
  'conversation:send': 'send messages of any kind and hand conversations over to people',
  'search:provide': 'answer searches over messages',
} as const satisfies Record<string, string>
export type Permission = keyof typeof permissions
export const isPermission = (name: string): name is Permission => Object.hasOwn(permissions, name)

/** OpenWA's deadline for one call; sends get four times that, since they wait for typing and pacing. */
export const CALL_TIMEOUT_MS = 30_000
export const SEND_TIMEOUT_MS = 4 * CALL_TIMEOUT_MS

/** Calls of one plugin that may be open at once. The next one is refused, so a plugin that never awaits cannot pile up work. */
export const MAX_CALLS_IN_FLIGHT = 32

/** How often one plugin may call one verb: `burst` at once, and `perSecond` in the long run. */
export interface CallRate {
  burst: number
  perSecond: number
}

/** What is answered from the database: a flood of such calls would hold up the writes of messages (attack 36). */
export const DEFAULT_RATE: CallRate = { burst: 2_000, perSecond: 500 }

/** Sends of all sessions together: a plugin gone wild must not get the accounts banned, and stalls no one else's sends. */
export const SEND_RATE: CallRate = { burst: 300, perSecond: 50 }

/** What goes out to WhatsApp or to the web: each costs a socket, and others pay for it too. */
export const NETWORK_RATE: CallRate = { burst: 200, perSecond: 50 }

/** What one plugin may keep: 50 MiB of JSON text, counted with its keys (plugin contract, section 8). */
export const STORAGE_QUOTA_BYTES = 50 * 1024 * 1024

/** Most keys of one plugin: a key costs more than the bytes that are counted, and `storage.list` reads them all. */
export const MAX_STORAGE_KEYS = 50_000

/** Longest answer of `storage.list`, as JSON: half a frame. */
export const MAX_KEY_LIST_BYTES = 8 * 1024 * 1024

/** Listing keys: with all that a plugin may have, each call holds the event loop for some milliseconds. */
export const KEY_LIST_RATE: CallRate = { burst: 100, perSecond: 10 }

/** Longest storage key, in characters: longer ones are an attack on the index, not a name. */
export const MAX_STORAGE_KEY = 512

const text = (position: number) => {
  const message = `argument ${position} must be a non-empty string`
  return v.pipe(v.string(message), v.nonEmpty(message))
}
const StorageKey = v.pipe(
  text(1),
  v.maxLength(MAX_STORAGE_KEY, `argument 1 must be at most ${MAX_STORAGE_KEY} characters`),
  v.check(key => !key.includes('\u0000'), 'argument 1 must not contain NUL'),
)

/** A read of one session, with what it answers. */
const engineRead = { permission: 'engine:read', session: 0, timeoutMs: CALL_TIMEOUT_MS } as const

export interface CapabilitySpec {
  args: v.GenericSchema<unknown, readonly unknown[]>
  result: v.GenericSchema
  /** null: every plugin may call it. */
  permission: Permission | null
  /**
   * The position of the session id among the arguments, or of the object that has it as `sessionId`; null where the verb
   * acts on no session, or learns of it on the way and asks `CallOrigin.assertActiveFor`.
   */
  session: number | null
  /** Only the gateway's own records are touched: the session need not be running. */
  offline?: true
  timeoutMs: number
  /** DEFAULT_RATE where the row has none. */
  rate?: CallRate
}

export const capabilities = {
  'messages.sendText': {
    args: v.strictTuple([text(1), text(2), text(3)]),
    result: SendResult,
    permission: 'messages:send',
    session: 0,
    timeoutMs: SEND_TIMEOUT_MS,
    rate: SEND_RATE,
  },
  'messages.reply': {
    args: v.strictTuple([text(1), text(2), text(3), text(4)]),
    result: SendResult,
    permission: 'messages:send',
    session: 0,
    timeoutMs: SEND_TIMEOUT_MS,
    rate: SEND_RATE,
  },
  'storage.get': {
    args: v.strictTuple([StorageKey]),
    result: v.unknown(),
    permission: 'storage:use',
    session: null,
    timeoutMs: CALL_TIMEOUT_MS,
  },
  'storage.set': {
    args: v.strictTuple([StorageKey, v.unknown()]),
    result: v.null(),
    permission: 'storage:use',
    session: null,
    timeoutMs: CALL_TIMEOUT_MS,
  },
  'storage.delete': {
    args: v.strictTuple([StorageKey]),
    result: v.null(),
    permission: 'storage:use',
    session: null,
    timeoutMs: CALL_TIMEOUT_MS,
  },
  'storage.list': {
    args: v.strictTuple([
      // An undefined that was given crosses as null.
      v.nullish(v.pipe(v.string(), v.maxLength(MAX_STORAGE_KEY)), ''),
    ]),
    result: v.array(v.string()),
    permission: 'storage:use',
    session: null,
    timeoutMs: CALL_TIMEOUT_MS,
    rate: KEY_LIST_RATE,
  },
  'conversations.send': {
    args: v.strictTuple([ConversationEnvelope]),
    result: SendResult,
    permission: 'conversation:send',
    session: 0,
    timeoutMs: SEND_TIMEOUT_MS,
    rate: SEND_RATE,
  },
  'handover.set': {
    args: v.strictTuple([ConversationKey, HandoverState]),
    result: v.null(),
    permission: 'conversation:send',
    session: 0,
    offline: true,
    timeoutMs: CALL_TIMEOUT_MS,
  },
  'mappings.upsert': {
    args: v.strictTuple([ConversationKey, ProviderConversationId]),
    result: v.null(),
    permission: 'conversation:send',
    session: 0,
    offline: true,
    timeoutMs: CALL_TIMEOUT_MS,
  },
  'mappings.get': {
    args: v.strictTuple([ConversationKey]),
    result: v.nullable(v.strictObject({ providerConversationId: v.string(), handoverState: HandoverState })),
    permission: 'conversation:send',
    session: 0,
    offline: true,
    timeoutMs: CALL_TIMEOUT_MS,
  },
  'mappings.getByProvider': {
    args: v.strictTuple([MappingInstanceId, ProviderConversationId]),
    result: v.nullable(
      v.strictObject({ sessionId: v.string(), chatId: v.string(), handoverState: HandoverState }),
    ),
    permission: 'conversation:send',
    session: null,
    offline: true,
    timeoutMs: CALL_TIMEOUT_MS,
  },
  'net.fetch': {
    args: v.strictTuple([text(1), v.nullish(FetchInit, {})]),
    result: FetchAnswer,
    permission: 'net:fetch',
    session: null,
    // A request may take all of the 30 seconds; its own deadline has the better text and must come first.
    timeoutMs: CALL_TIMEOUT_MS + 1_000,
    rate: NETWORK_RATE,
  },
  'engine.getGroupInfo': {
    args: v.strictTuple([text(1), text(2)]),
    result: GroupInfo,
    rate: NETWORK_RATE,
    ...engineRead,
  },
  'engine.getContacts': { args: v.strictTuple([text(1)]), result: v.array(Contact), ...engineRead },
  'engine.getContactById': {
    args: v.strictTuple([text(1), text(2)]),
    result: v.nullable(Contact),
    ...engineRead,
  },
  'engine.checkNumberExists': {
    args: v.strictTuple([text(1), text(2)]),
    result: NumberCheck,
    rate: NETWORK_RATE,
    ...engineRead,
  },
  'engine.getChats': { args: v.strictTuple([text(1)]), result: v.array(ChatSummary), ...engineRead },
  'engine.getChatHistory': {
    // The limit is cut to its bounds whatever it is; media is part of a message where it was stored with it.
    args: v.strictTuple([text(1), text(2), v.nullish(v.unknown()), v.nullish(v.unknown())]),
    result: v.array(IncomingMessage),
    ...engineRead,
  },
  'engine.canonicalChatId': { args: v.strictTuple([text(1), text(2)]), result: v.string(), ...engineRead },
} as const satisfies Record<string, CapabilitySpec>

export type Verb = keyof typeof capabilities
export type VerbArgs<V extends Verb> = v.InferOutput<(typeof capabilities)[V]['args']>
export type VerbResult<V extends Verb> = v.InferInput<(typeof capabilities)[V]['result']>

/** True for a name in the table; `Object.hasOwn`, so `constructor` and its like are names of nothing. */
export const isVerb = (name: string): name is Verb => Object.hasOwn(capabilities, name)
