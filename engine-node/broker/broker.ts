// The one gate between plugins and the gateway: a call passes when its verb is in the table, its arguments fit the row, and
// `decide` says yes. What the verbs do is in verbs/; who calls is known by the connection.
import * as v from 'valibot'
import {
  type CapabilitySpec,
  capabilities,
  DEFAULT_RATE,
  isVerb,
  MAX_CALLS_IN_FLIGHT,
  type Verb,
} from '../../src/contract/capabilities.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { AuditRecord } from './audit.ts'
import { type BrokerPlugin, decide } from './decide.ts'
import { createTokenBucket } from './token-bucket.ts'
import type { CallOrigin, Verbs } from './verb.ts'

export interface CapabilityCall {
  verb: string
  args: readonly unknown[]
  inFlight: readonly string[]
}

/** The broker as one plugin reaches it. */
export interface Connection {
  /** `signal` is asked for only when the call gets through: making one costs more than refusing. */
  call(call: CapabilityCall, context?: { readonly signal: AbortSignal }): Promise<unknown>
  /** Ends all open calls and refuses further ones; after it, nothing of this plugin takes effect. */
  close(): void
}

export interface BrokerDeps {
  verbs: Verbs
  /** The plugin as it is at this moment, so that what was taken away counts at once. Undefined once it is gone. */
  plugin(pluginId: string): BrokerPlugin | undefined
  /** Whether a session has a running engine. */
  isLive(sessionId: string): boolean
  clock: Clock
  audit: AuditRecord
}

export interface Broker {
  connect(pluginId: string): Connection
}

type AnyVerb = (args: readonly unknown[], origin: CallOrigin) => Promise<unknown>

export function createBroker({ verbs, plugin, isLive, clock, audit }: BrokerDeps): Broker {
  function refuse(
    pluginId: string,
    verb: string,
    sessionId: string | null,
    reason: string,
    why: string,
  ): never {
    audit.denied({
      at: clock.now(),
      pluginId,
      verb: verb.slice(0, 64),
      sessionId: sessionId?.slice(0, 64) ?? null,
      reason,
    })
    throw new GatewayError('capability_denied', why)
  }

  /** Throws unless the plugin may use the verb on the session at this moment. */
  function assertAllowed(pluginId: string, verb: Verb, sessionId: string | null): void {
    const known = plugin(pluginId)
    if (known === undefined) refuse(pluginId, verb, sessionId, 'stopped', `Plugin ${pluginId} is not running`)
    const row: CapabilitySpec = capabilities[verb]
    const verdict = decide(row, known, sessionId, row.offline ? () => true : isLive)
    if (!verdict.allow) refuse(pluginId, verb, sessionId, verdict.reason, verdict.why)
  }

  function connect(pluginId: string): Connection {
    const ended = new AbortController()
    const buckets = new Map<Verb, () => boolean>()
    let open = 0

    /** False where the plugin has called the verb too often. */
    function takeToken(verb: Verb, { rate = DEFAULT_RATE }: CapabilitySpec): boolean {
      const take = buckets.get(verb) ?? createTokenBucket(rate, clock.elapsed)
      buckets.set(verb, take)
      return take()
    }

    async function call(
      { verb, args, inFlight }: CapabilityCall,
      context?: { readonly signal: AbortSignal },
    ) {
      if (ended.signal.aborted) throw ended.signal.reason
      if (!isVerb(verb))
        refuse(pluginId, verb, null, 'unknown_verb', `Unknown capability verb: ${verb.slice(0, 64)}`)
      if (open >= MAX_CALLS_IN_FLIGHT)
        refuse(
          pluginId,
          verb,
          null,
          'in_flight',
          `too many concurrent capability calls (limit ${MAX_CALLS_IN_FLIGHT})`,
        )
      const row: CapabilitySpec = capabilities[verb]
      if (!takeToken(verb, row)) {
        const { burst, perSecond } = row.rate ?? DEFAULT_RATE
        const why = `too many calls of ${verb}: ${burst} at once and ${perSecond} a second are allowed`
        refuse(pluginId, verb, null, 'rate', why)
      }
      const parsed = v.safeParse(row.args, args)
      if (!parsed.success) refuse(pluginId, verb, null, 'arguments', argumentFault(verb, parsed.issues))
      const sessionId = sessionOf(row, parsed.output)
      assertAllowed(pluginId, verb, sessionId)
      audit.allowed(pluginId, verb, clock.now())

      open += 1
      const late = new AbortController()
      const stopTimer = clock.after(row.timeoutMs, () =>
        late.abort(new GatewayError('plugin_timeout', `${verb} was not done within ${row.timeoutMs} ms`)),
      )
      const signals = [ended.signal, late.signal, ...(context === undefined ? [] : [context.signal])]
      const signal = AbortSignal.any(signals)
      try {
        const origin: CallOrigin = {
          pluginId,
          inFlight,
          signal,
          assertStillAllowed() {
            signal.throwIfAborted()
            assertAllowed(pluginId, verb, sessionId)
          },
          assertActiveFor: other => assertAllowed(pluginId, verb, other),
        }
        const run = verbs[verb] as AnyVerb
        const result = await unlessAborted(run(parsed.output, origin), signal)
        return v.parse(row.result, result)
      } catch (thrown) {
        // A verb that refuses for a reason of its own names it; what `assertAllowed` refused is recorded already.
        if (thrown instanceof GatewayError && typeof thrown.details.refusal === 'string')
          refuse(pluginId, verb, sessionId, thrown.details.refusal, thrown.message)
        throw thrown
      } finally {
        stopTimer()
        open -= 1
      }
    }

    return {
      call,
      close: () => ended.abort(new GatewayError('plugin_stopped', `Plugin ${pluginId} was stopped`)),
    }
  }

  return { connect }
}

/** The argument that the row points at, or the `sessionId` in it; anything else is the id of no session. */
function sessionOf({ session }: CapabilitySpec, args: readonly unknown[]): string | null {
  if (session === null) return null
  const argument = args[session]
  if (typeof argument === 'object' && argument !== null && 'sessionId' in argument)
    return String(argument.sessionId)
  return String(argument)
}

/** The promise, or the signal's reason if that comes first. What the verb does after that nobody waits for. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** The row's own text where it has one; for a wrong number of arguments the position and the verb. */
function argumentFault(verb: string, [issue]: readonly v.BaseIssue<unknown>[]): string {
  if (issue === undefined) return `${verb}: invalid arguments`
  const position = Number(issue.path?.[0]?.key ?? 0) + 1
  return /^argument \d/.test(issue.message)
    ? issue.message
    : `argument ${position} of ${verb} is invalid: ${issue.message.slice(0, 200)}`
}
