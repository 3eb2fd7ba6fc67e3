// The hooks: events for which the host calls plugins, in order, each with what it carries and what an answer may do
// (plugin contract, section 6). A new hook is a row here and a call of `chain.run` at its real place.
import * as v from 'valibot'
import { IncomingMessage } from './message.ts'

/** OpenWA's budget for one handler; a slower one is skipped and the message goes on. */
export const HOOK_TIMEOUT_MS = 5_000

/** A rewritten message counts only if it still names itself and its chat; all else a plugin says of it is its own business. */
const RewrittenMessage = v.looseObject({ id: v.string(), chatId: v.string() })

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
} as const satisfies Record<string, HookSpec>

export type HookName = keyof typeof hooks
export type HookPayload<N extends HookName> = v.InferOutput<(typeof hooks)[N]['payload']>

/** True for a name in the table; a plugin may ask to be called for anything. */
export const isHookName = (name: string): name is HookName => Object.hasOwn(hooks, name)

/** Where an event comes from. OpenWA's bots answer only to `Engine`. */
export const hookSources = [
  'Engine',
  'MessageService',
  'SessionService',
  'WebhookService',
  'IngressProcessor',
] as const
export type HookSource = (typeof hookSources)[number]

/** What a handler may answer. Anything else counts as `continue`, and is recorded. */
export const HookResult = v.object({ continue: v.optional(v.boolean(), true), data: v.optional(v.unknown()) })
export type HookResult = v.InferOutput<typeof HookResult>

/** Priority of a handler that names none; lower runs first. */
export const DEFAULT_PRIORITY = 100
