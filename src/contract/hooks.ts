// The hooks: events for which the host calls plugins, in order, each with what it carries and what an answer may do
// (plugin contract, section 6). A new hook is a row here and a call of `chain.run` at its real place.
import * as v from 'valibot'
import { IncomingMessage, MessageStatus, OutgoingText, Reply, SendText, StoredMessage } from './message.ts'
import { Session } from './session.ts'

/** OpenWA's budget for one handler; a slower one is skipped and the message goes on. */
export const HOOK_TIMEOUT_MS = 5_000

/** A rewritten message counts only if it still names itself and its chat; all else a plugin says of it is its own business. */
const RewrittenMessage = v.looseObject({ id: v.string(), chatId: v.string() })

/** A delivery on its way to a webhook, as the hooks around it name it. */
const webhookDelivery = {
  sessionId: v.string(),
  event: v.string(),
  webhookId: v.string(),
  deliveryId: v.string(),
}

/** A send on its way: what the client asked for, with the kind of message that it is. */
const sending = { sessionId: v.string(), type: v.string(), input: v.looseObject({ chatId: v.string() }) }

/** A plugin may change what is sent and to whom, within the bounds of the API. */
const RewrittenSend = v.looseObject({
  input: v.looseObject({
    chatId: SendText.entries.chatId,
    text: v.optional(OutgoingText.entries.text),
    mentions: SendText.entries.mentions,
    quotedMessageId: v.optional(Reply.entries.quotedMessageId),
  }),
})

const StoredState = v.strictObject({ sessionId: v.string(), message: StoredMessage })

const tellOnly = { rewrite: null, timeoutMs: HOOK_TIMEOUT_MS, veto: false } as const

/** A webhook from outside whose handler failed for good; it can still be taken up again. */
const IngressJob = v.looseObject({
  pluginId: v.string(),
  instanceId: v.string(),
  route: v.string(),
  deliveryId: v.string(),
  sessionId: v.optional(v.string()),
  error: v.string(),
})

export interface HookSpec {
  /** What handlers get as `data`. */
  payload: v.GenericSchema
  /** What a returned `data` must look like to replace the payload; null where rewriting has no effect. */
  rewrite: v.GenericSchema | null
  timeoutMs: number
  /** Whether `continue: false` refuses the thing itself; elsewhere it only ends the chain. */
  veto: boolean
}

export const hooks = {
  'message:received': {
    payload: IncomingMessage,
    rewrite: RewrittenMessage,
    timeoutMs: HOOK_TIMEOUT_MS,
    veto: false,
  },
  /** An own message that WhatsApp has: typed on the phone, or sent from here under the id that the send has returned. */
  'message:sent': {
    payload: IncomingMessage,
    rewrite: RewrittenMessage,
    timeoutMs: HOOK_TIMEOUT_MS,
    veto: false,
  },
  'message:sending': {
    payload: v.looseObject(sending),
    rewrite: RewrittenSend,
    timeoutMs: HOOK_TIMEOUT_MS,
    veto: true,
  },
  /** A send that went wrong after no plugin had refused it, be it here or by WhatsApp's answer. */
  'message:failed': { payload: v.looseObject({ ...sending, error: v.string() }), ...tellOnly },
  'message:ack': {
    payload: v.strictObject({ messageId: v.string(), status: MessageStatus, ack: v.number() }),
    ...tellOnly,
  },
  /** The row as the API lists it; once more for each change of what it says. */
  'message:persisted': { payload: StoredState, ...tellOnly },
  'message:deleted': { payload: StoredState, ...tellOnly },
  /** The whole body that is about to be posted; a rewritten one is posted instead, under the ids that the host gave it. */
  'webhook:before': {
    payload: v.looseObject({ sessionId: v.string(), event: v.string(), payload: v.looseObject({}) }),
    rewrite: v.looseObject({ payload: v.looseObject({}) }),
    timeoutMs: HOOK_TIMEOUT_MS,
    veto: true,
  },
  'webhook:queued': { payload: v.looseObject(webhookDelivery), ...tellOnly },
  'webhook:delivered': {
    payload: v.looseObject({
      ...webhookDelivery,
      statusCode: v.number(),
      responseTime: v.number(),
      attempt: v.number(),
    }),
    ...tellOnly,
  },
  'webhook:after': {
    payload: v.looseObject({
      sessionId: v.string(),
      event: v.string(),
      webhookId: v.string(),
      success: v.literal(true),
    }),
    ...tellOnly,
  },
  /** The delivery has been given up. */
  'webhook:error': {
    payload: v.looseObject({ ...webhookDelivery, error: v.string(), attempt: v.number() }),
    ...tellOnly,
  },
  'session:created': { payload: Session, ...tellOnly },
  'session:starting': { payload: v.strictObject({ sessionId: v.string() }), ...tellOnly },
  /** Without the code itself: whoever scans it owns the account. */
  'session:qr': { payload: v.strictObject({ sessionId: v.string() }), ...tellOnly },
  'session:ready': {
    payload: v.strictObject({ phone: v.nullable(v.string()), pushName: v.nullable(v.string()) }),
    ...tellOnly,
  },
  'session:disconnected': { payload: v.strictObject({ reason: v.string() }), ...tellOnly },
  'session:error': { payload: v.strictObject({ reason: v.string() }), ...tellOnly },
  'session:deleted': {
    payload: v.strictObject({
      id: v.string(),
      name: v.string(),
      phone: v.nullable(v.string()),
      pushName: v.nullable(v.string()),
    }),
    ...tellOnly,
  },
  'ingress:error': { payload: IngressJob, ...tellOnly },
} as const satisfies Record<string, HookSpec>

export type HookName = keyof typeof hooks
export type HookPayload<N extends HookName> = v.InferOutput<(typeof hooks)[N]['payload']>

/** True for a name in the table; a plugin may ask to be called for anything. */
export const isHookName = (name: string): name is HookName => Object.hasOwn(hooks, name)

/** Where an event comes from. OpenWA's bots answer only to `Engine`. */
export const hookSources = [
  'Engine',
  'MessageService',
  'BulkMessageService',
  'SessionService',
  'WebhookService',
  'WebhookProcessor',
  'IngressProcessor',
] as const
export type HookSource = (typeof hookSources)[number]

/** What a handler may answer. Anything else counts as `continue`, and is recorded. */
export const HookResult = v.object({
  continue: v.optional(v.boolean(), true),
  data: v.optional(v.unknown()),
  /** Set by the guest where one of the plugin's handlers threw and the others went on. */
  error: v.optional(v.pipe(v.string(), v.maxLength(8_192))),
})
export type HookResult = v.InferOutput<typeof HookResult>

/** Priority of a handler that names none; lower runs first. */
export const DEFAULT_PRIORITY = 100
