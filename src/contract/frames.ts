// What travels between the host and one plugin, in both directions. Everything that comes from the plugin's side is
// hostile until it has passed these schemas; the host's side is checked too, since one peer serves both.
import * as v from 'valibot'
import { hookSources } from './hooks.ts'
import { WebhookRequest } from './ingress.ts'
import { SearchQuery } from './search.ts'

const CallId = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

/** An error as it crosses: a code and a text for people, never a stack or a cause. */
export const FrameError = v.strictObject({
  code: v.pipe(v.string(), v.maxLength(64)),
  message: v.pipe(v.string(), v.maxLength(8_192)),
})
export type FrameError = v.InferOutput<typeof FrameError>

/** `call` asks and gets one `result` or `error` with its id; `event` asks for nothing; `cancel` withdraws a call. */
export const Frame = v.variant('t', [
  v.strictObject({
    t: v.literal('call'),
    id: CallId,
    method: v.pipe(v.string(), v.maxLength(64)),
    params: v.optional(v.unknown()),
  }),
  v.strictObject({ t: v.literal('result'), id: CallId, value: v.optional(v.unknown()) }),
  v.strictObject({ t: v.literal('error'), id: CallId, error: FrameError }),
  v.strictObject({
    t: v.literal('event'),
    method: v.pipe(v.string(), v.maxLength(64)),
    params: v.optional(v.unknown()),
  }),
  v.strictObject({ t: v.literal('cancel'), id: CallId }),
])
export type Frame = v.InferOutput<typeof Frame>

/** Hook names in flight on the plugin's own call chain: what the chain must not call the plugin for again. */
const InFlight = v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(32)), [])

const Config = v.record(v.string(), v.unknown())

/** The base configuration and each session's own slice; the guest resolves `ctx.config` from both, per event. */
export const PluginConfig = v.strictObject({ base: Config, sessions: v.record(v.string(), Config) })
export type PluginConfig = v.InferOutput<typeof PluginConfig>

export const lifecyclePhases = ['onLoad', 'onEnable', 'onDisable', 'onUnload'] as const
export type LifecyclePhase = (typeof lifecyclePhases)[number]

/** What the host calls in the guest. Times are epoch milliseconds. */
export const guestCalls = {
  load: {
    params: v.strictObject({
      pluginId: v.string(),
      main: v.string(),
      config: PluginConfig,
      /** What was confirmed of the gateway's environment; put into `process.env`. */
      env: v.optional(v.record(v.string(), v.string())),
      /** Node's modules that its code may load. Absent: those that the tier has. */
      modules: v.optional(v.array(v.string())),
    }),
    result: v.null(),
  },
  lifecycle: { params: v.strictObject({ phase: v.picklist(lifecyclePhases) }), result: v.null() },
  hook: {
    params: v.strictObject({
      event: v.string(),
      data: v.unknown(),
      sessionId: v.nullable(v.string()),
      source: v.picklist(hookSources),
      timestamp: v.number(),
      inFlight: InFlight,
    }),
    result: v.unknown(),
  },
  /** The handler of an ingress route; `config` is what `ctx.config` is while it runs. What it returns means nothing. */
  webhook: {
    params: v.strictObject({ route: v.string(), request: WebhookRequest, config: Config }),
    result: v.null(),
  },
  /** The plugin's search provider. */
  search: { params: v.strictObject({ query: SearchQuery }), result: v.unknown() },
  configure: { params: v.strictObject({ config: PluginConfig }), result: v.null() },
  health: { params: v.strictObject({}), result: v.unknown() },
  ping: { params: v.strictObject({}), result: v.null() },
} as const

export type GuestCall = keyof typeof guestCalls
export type GuestParams<M extends GuestCall> = v.InferInput<(typeof guestCalls)[M]['params']>

/** What a guest calls in the host: one method, whose verb the broker looks up in the capability table. */
export const hostCalls = {
  capability: {
    params: v.strictObject({
      verb: v.pipe(v.string(), v.maxLength(64)),
      args: v.pipe(v.array(v.unknown()), v.maxLength(16)),
      inFlight: InFlight,
    }),
  },
} as const

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** What a guest tells the host without an answer. */
export const hostEvents = {
  subscribe: { params: v.strictObject({ event: v.pipe(v.string(), v.maxLength(64)), priority: v.number() }) },
  /** A handler for an ingress route is there. The host keeps only routes that the manifest declares. */
  registerWebhook: { params: v.strictObject({ route: v.pipe(v.string(), v.maxLength(128)) }) },
  /** It has a search provider. Whether it may have one the host knows. */
  registerSearchProvider: { params: v.strictObject({}) },
  log: {
    params: v.strictObject({
      level: v.picklist(logLevels),
      message: v.string(),
      meta: v.optional(v.unknown()),
    }),
  },
} as const
export type HostEvent = keyof typeof hostEvents
