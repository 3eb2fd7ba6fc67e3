// The hook chain: calls each plugin that asked for an event, in order, and decides what its answer changes. Answers are
// parsed with the hook's row; a plugin that fails, is late or talks nonsense is skipped and recorded (plugin contract, section 6).
import * as v from 'valibot'
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import {
  DEFAULT_PRIORITY,
  type HookName,
  type HookPayload,
  HookResult,
  type HookSource,
  type HookSpec,
  hooks,
} from '../../src/contract/hooks.ts'
import type { Logger } from '../log.ts'

/** How often one plugin's failures at one event are logged; health has the latest in any case. */
const ERROR_LOG_MS = 60_000

/**
 * Hooks that may lie on one chain of calls: two plugins that answer each other's messages would go on for ever. Beyond it
 * the thing is refused where the hook can refuse; merely not asking would let a plugin pass the guards by claiming depth.
 */
export const MAX_DEPTH = 8

/** What a plugin is called with. The handler must settle within `timeoutMs`, as a peer's call does. */
export interface HookDispatch {
  event: HookName
  data: unknown
  sessionId: string | null
  source: HookSource
  /** Epoch milliseconds. */
  timestamp: number
  /** Hooks on the chain of calls that led here, this one last. */
  inFlight: readonly string[]
  timeoutMs: number
}

export interface HookRegistration {
  pluginId: string
  priority: number
  handler(dispatch: HookDispatch): Promise<unknown>
  /** Where the hook can refuse: a plugin that fails refuses, in place of being skipped. */
  failClosed?: boolean
}

/** Which plugin's call brought the event about, and the hooks that this call was made from. */
export interface HookCause {
  pluginId: string
  inFlight: readonly string[]
}

export interface HookOrigin {
  sessionId: string | null
  source: HookSource
  /** Absent for what no plugin caused. */
  cause?: HookCause
}

/** `continue` is false only for a veto, with who vetoed; a plugin that merely ended the chain changes nothing else. */
export interface HookOutcome<N extends HookName> {
  continue: boolean
  data: HookPayload<N>
  vetoedBy?: string
}

export interface HookFailure {
  event: HookName
  error: string
  at: number
}

export interface ChainDeps {
  now(): number
  log: Logger
  /** Whether a plugin gets this event: enabled, allowed and active for the session. What it throws counts as no. */
  mayRun(
    pluginId: string,
    event: HookName,
    sessionId: string | null,
    data: unknown,
  ): boolean | Promise<boolean>
  /** For health: the latest failure of each plugin. */
  record(pluginId: string, failure: HookFailure): void
}

export interface Chain {
  /** Gives the undo. Lower priority runs first, ties in the order of registration. */
  on(event: HookName, registration: HookRegistration): () => void
  run<N extends HookName>(event: N, data: HookPayload<N>, origin: HookOrigin): Promise<HookOutcome<N>>
  /** The order in which `run` would call, for people to see. */
  order(event: HookName): { pluginId: string; priority: number }[]
}

export function createChain({ now, log, mayRun, record }: ChainDeps): Chain {
  // Replaced, never changed: a running dispatch keeps the list that it began with.
  const slots = new Map<HookName, readonly HookRegistration[]>()
  const gone = new WeakSet<HookRegistration>()
  const logged = new Map<string, number>()

  function failed(pluginId: string, event: HookName, thrown: unknown): void {
    const at = now()
    const error = thrown instanceof GatewayError ? thrown.message : toGatewayError(thrown).message
    record(pluginId, { event, error, at })
    const key = `${pluginId} ${event}`
    if (at - (logged.get(key) ?? Number.NEGATIVE_INFINITY) < ERROR_LOG_MS) return
    logged.set(key, at)
    log.warn({ plugin: pluginId, hook: event, err: thrown }, 'A plugin failed in a hook')
  }

  /** Null for a plugin that changes nothing, be it because it may not run or said so. */
  async function ask(slot: HookRegistration, dispatch: HookDispatch): Promise<HookResult | 'failed' | null> {
    const { pluginId } = slot
    const { event, sessionId, data } = dispatch
    try {
      const verdict = mayRun(pluginId, event, sessionId, data)
      if (!(typeof verdict === 'boolean' ? verdict : await verdict)) return null
      const answer = await slot.handler(dispatch)
      if (answer === null || answer === undefined) return null
      const result = v.safeParse(HookResult, answer)
      if (!result.success) throw nonsense(`The answer is not that of a hook: ${v.summarize(result.issues)}`)
      if (result.output.error === undefined) return result.output
      // One of its handlers threw, and the others went on: that is no answer to rely on.
      failed(pluginId, event, nonsense(result.output.error))
      return slot.failClosed && result.output.continue ? 'failed' : result.output
    } catch (thrown) {
      failed(pluginId, event, thrown)
      return 'failed'
    }
  }

  /** The payload as the next plugin gets it; undefined where the answer is not usable. */
  function rewritten(slot: HookRegistration, event: HookName, data: unknown, answer: unknown): unknown {
    const { rewrite }: HookSpec = hooks[event]
    if (answer === undefined || rewrite === null) return data
    const result = v.safeParse(rewrite, answer)
    if (result.success) return result.output
    failed(slot.pluginId, event, nonsense(`The returned data is not usable: ${v.summarize(result.issues)}`))
    return undefined
  }

  return {
    on(event, registration) {
      const { priority } = registration
      const slot = { ...registration, priority: Number.isFinite(priority) ? priority : DEFAULT_PRIORITY }
      const list = slots.get(event) ?? []
      const after = list.findIndex(other => other.priority > slot.priority)
      slots.set(event, list.toSpliced(after < 0 ? list.length : after, 0, slot))
      return () => {
        gone.add(slot)
        slots.set(event, slots.get(event)?.filter(other => other !== slot) ?? [])
      }
    },
    order: event => (slots.get(event) ?? []).map(({ pluginId, priority }) => ({ pluginId, priority })),
    async run<N extends HookName>(event: N, data: HookPayload<N>, { sessionId, source, cause }: HookOrigin) {
      const list = slots.get(event)
      if (list === undefined || list.length === 0) return { continue: true, data }
      const { timeoutMs, veto }: HookSpec = hooks[event]
      const inFlight = cause === undefined ? [event] : [...cause.inFlight, event]
      if (cause !== undefined && inFlight.length > MAX_DEPTH) {
        failed(cause.pluginId, event, nonsense('Plugins called each other too often'))
        return veto ? { continue: false, data, vetoedBy: cause.pluginId } : { continue: true, data }
      }
      const timestamp = now()
      let current: unknown = data
      for (const slot of list) {
        if (gone.has(slot)) continue
        if (cause?.pluginId === slot.pluginId && cause.inFlight.includes(event)) continue
        const dispatch = { event, data: current, sessionId, source, timestamp, inFlight, timeoutMs }
        const result = await ask(slot, dispatch)
        if (result === null) continue
        const next = result === 'failed' ? undefined : rewritten(slot, event, current, result.data)
        if (next === undefined && veto && slot.failClosed)
          return { continue: false, data: current as HookPayload<N>, vetoedBy: slot.pluginId }
        current = next ?? current
        if (result === 'failed' || result.continue) continue
        const outcome = { continue: !veto, data: current as HookPayload<N> }
        return veto ? { ...outcome, vetoedBy: slot.pluginId } : outcome
      }
      return { continue: true, data: current as HookPayload<N> }
    },
  }
}

const nonsense = (message: string) => new GatewayError('plugin_failed', message.slice(0, 500))
