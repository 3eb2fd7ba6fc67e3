// The one port between the API and the engine: each method with the schema of its arguments and its answer.
// On Node it is a function call; from the edge it is HTTP with a shared token (src/engine-client, engine-node/server.ts).
import * as v from 'valibot'
import { accountMethods } from './account.ts'
import { AutomationRule, CreateRule, RuleId, UpdateRule } from './automation.ts'
import { BatchCancelled, BatchId, BulkAccepted, SendBulk } from './bulk.ts'
import { Grants } from './grants.ts'
import { PluginId, SessionId } from './ids.ts'
import {
  CreateInstance,
  IngressAnswer,
  IngressRequest,
  InstanceId,
  InstanceView,
  Redriven,
  UpdateInstance,
} from './ingress.ts'
import { JobId, ScheduledSend, Send } from './job.ts'
import { OutgoingText, Reply, SendResult } from './message.ts'
import {
  ClickButton,
  DeleteMessage,
  Done,
  EditMessage,
  Forward,
  mediaKinds,
  PinMessage,
  React,
  SendAudio,
  SendContact,
  SendLocation,
  SendPoll,
  StarMessage,
  UnpinMessage,
} from './outgoing.ts'
import { ListedPlugin, PluginCalls, PluginView } from './plugin-view.ts'
import { SearchQuery, SearchResult } from './search.ts'
import { CreateSession, Session, SessionQr } from './session.ts'
import {
  CreateWebhook,
  Redrive,
  RedriveResult,
  Replay,
  ReplayResult,
  TestDelivery,
  UpdateWebhook,
  Webhook,
  WebhookId,
} from './webhook.ts'

const BySession = v.strictObject({ sessionId: SessionId })
const ByWebhook = v.strictObject({ ...BySession.entries, webhookId: WebhookId })
/** Which sessions the asking key may act on; null for all. */
const Scope = v.strictObject({ scope: v.nullable(v.array(v.string())) })
/** A client's key for a send, and the digest of what it asked for under it. */
export const Idempotency = v.strictObject({ key: v.string(), hash: v.string() })
export type Idempotency = v.InferOutput<typeof Idempotency>

/** What every send takes besides its input. `wait: 'ack'` answers when WhatsApp has it or has refused it. */
const Sending = {
  ...BySession.entries,
  idempotency: v.optional(Idempotency),
  wait: v.optional(v.picklist(['ack'])),
}

/** `replayed`: the first answer to the same key, once more. */
const Sent = v.strictObject({ ...SendResult.entries, replayed: v.optional(v.literal(true)) })

const ByRule = v.strictObject({ ...BySession.entries, ruleId: RuleId })
const ByPlugin = v.strictObject({ pluginId: PluginId })
const ByInstance = v.strictObject({ ...ByPlugin.entries, instanceId: InstanceId })
const Config = v.record(v.string(), v.unknown())

/** Bytes as they cross the port: base64 in JSON, since both ends of it may be HTTP. */
const Base64 = v.pipe(
  v.string(),
  // valibot's own check is one regular expression, which runs out of stack on an archive of some megabytes.
  v.check(text => text.length % 4 === 0 && !/[^A-Za-z0-9+/=]|=[^=]/.test(text), 'must be base64'),
)

export const engineMethods = {
  ...accountMethods,
  'session.create': { params: CreateSession, result: Session },
  'session.start': { params: BySession, result: Session },
  'session.stop': { params: BySession, result: Session },
  'session.logout': { params: BySession, result: Session },
  'session.forceKill': { params: BySession, result: Session },
  'session.delete': { params: BySession, result: v.null() },
  'session.qr': { params: BySession, result: SessionQr },
  'message.sendText': { params: v.strictObject({ ...Sending, input: OutgoingText }), result: Sent },
  'message.reply': { params: v.strictObject({ ...Sending, input: Reply }), result: Sent },
  /** Sent as what `kind` says; `ptt` counts for audio only. */
  'message.sendMedia': {
    params: v.strictObject({ ...Sending, kind: v.picklist(mediaKinds), input: SendAudio }),
    result: Sent,
  },
  'message.sendLocation': { params: v.strictObject({ ...Sending, input: SendLocation }), result: Sent },
  'message.sendContact': { params: v.strictObject({ ...Sending, input: SendContact }), result: Sent },
  'message.sendPoll': { params: v.strictObject({ ...Sending, input: SendPoll }), result: Sent },
  'message.clickButton': { params: v.strictObject({ ...Sending, input: ClickButton }), result: Sent },
  'message.forward': { params: v.strictObject({ ...Sending, input: Forward }), result: Sent },
  'message.react': { params: v.strictObject({ ...BySession.entries, input: React }), result: Done },
  'message.delete': { params: v.strictObject({ ...BySession.entries, input: DeleteMessage }), result: Done },
  'message.edit': {
    params: v.strictObject({ ...BySession.entries, input: EditMessage }),
    result: SendResult,
  },
  'message.pin': { params: v.strictObject({ ...BySession.entries, input: PinMessage }), result: Done },
  'message.unpin': { params: v.strictObject({ ...BySession.entries, input: UnpinMessage }), result: Done },
  'message.star': { params: v.strictObject({ ...BySession.entries, input: StarMessage }), result: Done },
  'bulk.create': { params: v.strictObject({ ...BySession.entries, input: SendBulk }), result: BulkAccepted },
  'bulk.cancel': {
    params: v.strictObject({ ...BySession.entries, batchId: BatchId }),
    result: BatchCancelled,
  },
  /** `sendAt` in epoch milliseconds. */
  'schedule.create': {
    params: v.strictObject({
      ...BySession.entries,
      send: Send,
      sendAt: v.number(),
      idempotency: v.optional(Idempotency),
    }),
    result: v.strictObject({ ...ScheduledSend.entries, replayed: v.optional(v.literal(true)) }),
  },
  'schedule.cancel': { params: v.strictObject({ ...BySession.entries, jobId: JobId }), result: v.null() },
  'automation.create': {
    params: v.strictObject({ ...BySession.entries, input: CreateRule }),
    result: AutomationRule,
  },
  'automation.update': {
    params: v.strictObject({ ...ByRule.entries, input: UpdateRule }),
    result: AutomationRule,
  },
  'automation.delete': { params: ByRule, result: v.null() },
  'plugin.install': { params: v.strictObject({ archive: Base64 }), result: PluginView },
  'plugin.installUrl': { params: v.strictObject({ url: v.string() }), result: PluginView },
  'plugin.update': { params: v.strictObject({ ...ByPlugin.entries, url: v.string() }), result: PluginView },
  /** The page of the plugin's own, as untrusted HTML. */
  'plugin.configPage': { params: ByPlugin, result: v.strictObject({ html: v.string() }) },
  'plugin.enable': {
    /** Without `grants` those count that were confirmed before. */
    params: v.strictObject({ ...ByPlugin.entries, grants: v.optional(Grants) }),
    result: v.strictObject({ success: v.boolean(), message: v.string() }),
  },
  'plugin.disable': {
    params: ByPlugin,
    result: v.strictObject({ success: v.boolean(), message: v.string() }),
  },
  'plugin.configure': { params: v.strictObject({ ...ByPlugin.entries, config: Config }), result: v.null() },
  'plugin.configureSession': {
    params: v.strictObject({ ...ByPlugin.entries, ...BySession.entries, config: Config }),
    result: v.null(),
  },
  'plugin.setSessions': {
    params: v.strictObject({ ...ByPlugin.entries, sessions: v.array(v.string()) }),
    result: PluginView,
  },
  'plugin.health': {
    params: ByPlugin,
    result: v.looseObject({ healthy: v.boolean(), message: v.optional(v.string()) }),
  },
  /** What it asked of the gateway lately. */
  'plugin.calls': { params: ByPlugin, result: PluginCalls },
  'plugin.uninstall': { params: ByPlugin, result: v.null() },
  'catalog.list': { params: v.strictObject({}), result: v.array(ListedPlugin) },
  'search.query': { params: v.strictObject({ query: SearchQuery }), result: SearchResult },
  'webhook.create': {
    params: v.strictObject({ ...BySession.entries, input: CreateWebhook }),
    result: Webhook,
  },
  'webhook.update': {
    params: v.strictObject({ ...ByWebhook.entries, input: UpdateWebhook }),
    result: Webhook,
  },
  'webhook.delete': { params: ByWebhook, result: v.null() },
  'webhook.test': { params: ByWebhook, result: TestDelivery },
  'webhook.redrive': { params: v.strictObject({ ...Scope.entries, input: Redrive }), result: RedriveResult },
  'webhook.replay': { params: v.strictObject({ ...Scope.entries, input: Replay }), result: ReplayResult },
  'instance.create': {
    params: v.strictObject({ ...ByPlugin.entries, input: CreateInstance }),
    result: InstanceView,
  },
  'instance.update': {
    params: v.strictObject({ ...ByInstance.entries, input: UpdateInstance }),
    result: InstanceView,
  },
  'instance.regenerateSecret': { params: ByInstance, result: InstanceView },
  'instance.delete': { params: ByInstance, result: v.null() },
  'ingress.receive': { params: IngressRequest, result: IngressAnswer },
  'ingress.redrive': { params: ByInstance, result: Redriven },
} as const satisfies Record<string, { params: v.GenericSchema; result: v.GenericSchema }>

export type EngineMethod = keyof typeof engineMethods
export type EngineParams<M extends EngineMethod> = v.InferOutput<(typeof engineMethods)[M]['params']>
export type EngineResult<M extends EngineMethod> = v.InferOutput<(typeof engineMethods)[M]['result']>

/**
 * The port as the API sees it. `params` must have been parsed by the route. Rejects with a GatewayError of the table;
 * `engine_unavailable` when there is no engine to ask.
 */
export interface Engine {
  /** Files do not fit a call. Absent where the engine is elsewhere: the API says so, and nothing else of it suffers. */
  readonly files?: EngineFiles
  call<M extends EngineMethod>(method: M, params: EngineParams<M>): Promise<EngineResult<M>>
}

/** Streams of files, for an API in the engine's own process. */
export interface EngineFiles {
  /** The file of a message. Rejects with `not_found`. */
  open(of: { sessionId: string; chatId: string; messageId: string }): Promise<{
    stream: ReadableStream<Uint8Array>
    bytes: number
    mimetype: string
    filename: string | null
  }>
  /** Takes in a file that is to be sent. Rejects with `body_too_large`. */
  put(chunks: AsyncIterable<Uint8Array>): Promise<{ uploadId: string; bytes: number }>
}

/** The engine's side: one function per method. A forgotten one does not compile. */
export type EngineHandlers = { [M in EngineMethod]: (params: EngineParams<M>) => Promise<EngineResult<M>> }
