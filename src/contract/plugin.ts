// What an author of a plugin imports: types only. The shapes are OpenWA's, so a plugin for either runs on both.
import type { ConversationType, HandoverState } from './conversation.ts'
import type { ChatSummary, Contact, GroupInfo, NumberCheck } from './directory.ts'
import type { HookName, HookPayload, HookSource } from './hooks.ts'
import type { WebhookRequest } from './ingress.ts'
import type { IncomingMessage } from './message.ts'
import type { ProvidedResult, SearchQuery } from './search.ts'

export type {
  ChatSummary,
  Contact,
  GroupInfo,
  HandoverState,
  HookName,
  HookPayload,
  HookSource,
  IncomingMessage,
  NumberCheck,
  SearchQuery,
  WebhookRequest,
}

/** What a handler is called with. */
export interface HookContext<N extends HookName = HookName> {
  event: N
  data: HookPayload<N>
  /** The session that the event belongs to; absent for events of the whole gateway. */
  sessionId?: string
  timestamp: Date
  /** Who fired it. A bot that answers people acts only on `Engine`. */
  source: HookSource
}

/** `continue: false` ends the chain; `data` replaces the payload for the handlers after this one. Returning nothing continues. */
export type HookAnswer<N extends HookName = HookName> =
  | { continue?: boolean; data?: HookPayload<N> }
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement is the common one.
  | void

export type HookHandler<N extends HookName = HookName> = (
  context: HookContext<N>,
) => HookAnswer<N> | Promise<HookAnswer<N>>

/** The id of the message that went out, and when it was accepted, in seconds. */
export interface SentMessage {
  messageId: string
  timestamp: number
}

/** A chat of a session, for one instance of the plugin; any id will do for an instance. */
export interface ConversationKey {
  sessionId: string
  chatId: string
  instanceId: string
}

/** A message for a chat, named by itself or by the other system's conversation that is mapped to it. */
export interface ConversationEnvelope {
  sessionId: string
  type: ConversationType
  chatId?: string
  /** With `source`, in place of `chatId`. */
  instanceId?: string
  source?: { provider: string; externalConversationId: string }
  /** The text, the caption of a file, or the description of a place. */
  text?: string
  /** A file that the gateway fetches; without one the text is sent. */
  mediaUrl?: string
  /** The message that a text quotes. */
  replyTo?: string
  linkPreview?: boolean
  latitude?: number
  longitude?: number
}

/**
 * Runs after the sender has its acknowledgement, at least once for each `deliveryId`: do nothing twice that must happen
 * once. Throwing, and taking longer than five seconds, means "try again later".
 */
export type WebhookHandler = (request: WebhookRequest) => unknown

/** What a request may say. `GET` unless told; 15 seconds unless told, 30 at most. */
export interface FetchInit {
  method?: string
  headers?: Record<string, string>
  /** Bytes arrive as they are, as a multipart body needs it. */
  body?: string | Uint8Array
  timeoutMs?: number
}

/** An answer of any status, 404 and 500 too. Header names are in lower case; the body is read as UTF-8, 10 MiB at most. */
export interface FetchAnswer {
  ok: boolean
  status: number
  statusText: string
  headers: Record<string, string>
  body: string
}

/** Ids of stored messages, best first. Of each hit the gateway shows its own row, where the client may see it. */
export type SearchHandler = (query: SearchQuery) => ProvidedResult | Promise<ProvidedResult>

/** Everything a plugin can reach. Methods reject with an Error whose message says what is missing. */
export interface PluginContext {
  readonly pluginId: string
  /** Inside a hook: the configuration for that event's session. Elsewhere: the base configuration. */
  readonly config: Readonly<Record<string, unknown>>
  /** Into the gateway's log, under the plugin's name: 200 lines in 10 seconds, 8192 characters each. */
  readonly logger: {
    log(message: string, meta?: unknown): void
    debug(message: string, meta?: unknown): void
    warn(message: string, meta?: unknown): void
    error(message: string, error?: unknown, meta?: unknown): void
  }
  /** Needs `storage:use`. Values are JSON; 50 MiB in all. A write is durable when its promise resolves. */
  readonly storage: {
    get(key: string): Promise<unknown>
    set(key: string, value: unknown): Promise<void>
    delete(key: string): Promise<void>
    list(prefix?: string): Promise<string[]>
  }
  /** Needs `messages:send`. */
  readonly messages: {
    sendText(sessionId: string, chatId: string, text: string): Promise<SentMessage>
    reply(sessionId: string, chatId: string, quotedMessageId: string, text: string): Promise<SentMessage>
  }
  /** Needs `engine:read`, and a session that runs. Ids are the phone's (`@c.us`) where it is known, else a `@lid`. */
  readonly engine: {
    /** Asks WhatsApp; rejects for a group that the account is not in. */
    getGroupInfo(sessionId: string, groupId: string): Promise<GroupInfo>
    /** People in stored messages. */
    getContacts(sessionId: string): Promise<Contact[]>
    /** Null for somebody who is in no stored message. */
    getContactById(sessionId: string, contactId: string): Promise<Contact | null>
    /** Asks WhatsApp. The number has its country code; `+`, spaces and dashes do not matter. */
    checkNumberExists(sessionId: string, number: string): Promise<NumberCheck>
    /** Chats with stored messages, the latest first. */
    getChats(sessionId: string): Promise<ChatSummary[]>
    /** Stored messages, oldest first: the last 50 unless told, 1 to 100. */
    getChatHistory(
      sessionId: string,
      chatId: string,
      limit?: number,
      includeMedia?: boolean,
    ): Promise<IncomingMessage[]>
    /** The phone's id behind a `@lid` where it is known; any other id comes back as it is. */
    canonicalChatId(sessionId: string, chatId: string): Promise<string>
  }
  /**
   * Needs `net:fetch`, and the host in the manifest: in `net.allow`, or as an https URL in a setting that
   * `net.allowConfigHosts` names. Redirects are refused; so are private addresses, unless the operator has put the host
   * into SSRF_ALLOWED_HOSTS.
   */
  readonly net: { fetch(url: string, init?: FetchInit): Promise<FetchAnswer> }
  /** Needs `conversation:send`. */
  readonly conversations: { send(envelope: ConversationEnvelope): Promise<SentMessage> }
  /** Needs `conversation:send`. In `human` and `closed` only this plugin hears of messages in the chat. */
  readonly handover: { set(key: ConversationKey, state: HandoverState): Promise<void> }
  /** Needs `conversation:send`. Which conversation of another system is which chat; new ones are in `bot`. */
  readonly mappings: {
    upsert(key: ConversationKey, providerConversationId: string): Promise<void>
    get(
      key: ConversationKey,
    ): Promise<{ providerConversationId: string; handoverState: HandoverState } | null>
    getByProvider(
      instanceId: string,
      providerConversationId: string,
    ): Promise<{ sessionId: string; chatId: string; handoverState: HandoverState } | null>
  }
  /** Needs `webhook:ingress` and a route of that name in the manifest. To be called in `onLoad` or `onEnable`. */
  registerWebhook(route: string, handler: WebhookHandler): void
  /** Needs `search:provide`. To be called in `onLoad` or `onEnable`; one provider per plugin. */
  registerSearchProvider(handler: SearchHandler): void
  /** Lower priority runs first; 100 where none is given. To be called in `onLoad` or `onEnable`. */
  registerHook<N extends HookName>(event: N, handler: HookHandler<N>, priority?: number): void
}

/** The default export of a plugin's main file: a class without constructor arguments, or an object. All members are optional. */
export interface Plugin {
  /** First, in a fresh process. Each of the four has 30 seconds. */
  onLoad?(context: PluginContext): void | Promise<void>
  /** Right after it; what it throws keeps the plugin off, with that text for the operator. */
  onEnable?(context: PluginContext): void | Promise<void>
  /** Before the plugin is switched off, and when the gateway ends. Its calls still work. */
  onDisable?(context: PluginContext): void | Promise<void>
  /** Before it is updated or uninstalled. */
  onUnload?(context: PluginContext): void | Promise<void>
  /** With the new base configuration. A throw is logged, and the plugin goes on. */
  onConfigChange?(context: PluginContext, config: Readonly<Record<string, unknown>>): void | Promise<void>
  healthCheck?(): { healthy: boolean; message?: string } | Promise<{ healthy: boolean; message?: string }>
}
