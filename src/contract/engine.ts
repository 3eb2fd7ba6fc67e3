// The one port between the API and the engine: each method with the schema of its arguments and its answer.
// On Node it is a function call; from the edge it is HTTP with a shared token (src/engine-client, engine-node/server.ts).
import * as v from 'valibot'
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
import { Reply, SendResult, SendText } from './message.ts'
import { PluginView } from './plugin-view.ts'
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
  'session.create': { params: CreateSession, result: Session },
  'session.start': { params: BySession, result: Session },
  'session.stop': { params: BySession, result: Session },
  'session.logout': { params: BySession, result: Session },
  'session.forceKill': { params: BySession, result: Session },
  'session.delete': { params: BySession, result: v.null() },
  'session.qr': { params: BySession, result: SessionQr },
  'message.sendText': {
    params: v.strictObject({ ...BySession.entries, input: SendText }),
    result: SendResult,
  },
  'message.reply': { params: v.strictObject({ ...BySession.entries, input: Reply }), result: SendResult },
  'plugin.install': { params: v.strictObject({ archive: Base64 }), result: PluginView },
  'plugin.installUrl': { params: v.strictObject({ url: v.string() }), result: PluginView },
  'plugin.enable': {
    params: ByPlugin,
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
  'plugin.uninstall': { params: ByPlugin, result: v.null() },
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
  call<M extends EngineMethod>(method: M, params: EngineParams<M>): Promise<EngineResult<M>>
}

/** The engine's side: one function per method. A forgotten one does not compile. */
export type EngineHandlers = { [M in EngineMethod]: (params: EngineParams<M>) => Promise<EngineResult<M>> }
