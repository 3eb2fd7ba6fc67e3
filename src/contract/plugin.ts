// What an author of a plugin imports: types only. The shapes are OpenWA's, so a plugin for either runs on both.
import type { HookName, HookPayload, HookSource } from './hooks.ts'
import type { IncomingMessage } from './message.ts'

export type { HookName, HookPayload, HookSource, IncomingMessage }

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

/** Everything a plugin can reach. Methods reject with an Error whose message says what is missing. */
export interface PluginContext {
  readonly pluginId: string
  /** Inside a hook: the configuration for that event's session. Elsewhere: the base configuration. */
  readonly config: Readonly<Record<string, unknown>>
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
  /** Lower priority runs first; 100 where none is given. To be called in `onLoad` or `onEnable`. */
  registerHook<N extends HookName>(event: N, handler: HookHandler<N>, priority?: number): void
}

/** The default export of a plugin's main file: a class without constructor arguments, or an object. All members are optional. */
export interface Plugin {
  onLoad?(context: PluginContext): void | Promise<void>
  onEnable?(context: PluginContext): void | Promise<void>
  onDisable?(context: PluginContext): void | Promise<void>
  onUnload?(context: PluginContext): void | Promise<void>
  onConfigChange?(context: PluginContext, config: Readonly<Record<string, unknown>>): void | Promise<void>
  healthCheck?(): { healthy: boolean; message?: string } | Promise<{ healthy: boolean; message?: string }>
}
