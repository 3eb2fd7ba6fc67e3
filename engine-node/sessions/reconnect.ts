// One run of a session over its connections: counts what ended them, and waits for the next try.
import type { SessionConfig } from '../../src/contract/session.ts'
import type { Clock } from '../clock.ts'
import { createBackOff } from './back-off.ts'
import { onDisconnect, type Verdict } from './disconnect.ts'

export interface Reconnect {
  /** What to do about a connection that ended after `heldMs` of being ready. */
  judge(close: { code: number | undefined; isPaired: boolean; heldMs: number }): Verdict
  /** Calls `run` after the next wait, at least `floorMs`. Gives the wait; null when the operator's limit of tries is reached. */
  later(run: () => void, floorMs?: number): number | null
  /** Tries since the last stable connection. */
  readonly attempts: number
  /** Calls the wait off. */
  cancel(): void
}

export function createReconnect(deps: {
  clock: Clock
  random: () => number
  /** The session's own settings as they are now; null and absent mean the defaults: from a second on, and for ever. */
  config: () => SessionConfig | null
}): Reconnect {
  const { clock, random, config } = deps
  const limit = () => config()?.maxReconnectAttempts ?? Number.POSITIVE_INFINITY
  const backOff = createBackOff({ random, firstMs: () => config()?.reconnectBaseDelay ?? undefined })
  let repeats = new Map<number | undefined, number>()
  let cancel = () => {}
  return {
    judge({ code, isPaired, heldMs }) {
      backOff.held(heldMs)
      if (backOff.attempts === 0) repeats = new Map()
      const count = (repeats.get(code) ?? 0) + 1
      repeats.set(code, count)
      const verdict = onDisconnect({ code, isPaired, repeats: count })
      // Counts as a try, although nothing waits: only a connection that holds takes the count back.
      if (verdict.action === 'reconnect') backOff.next()
      return verdict
    },
    later(run, floorMs = 0) {
      cancel()
      if (backOff.attempts >= limit()) return null
      const waitMs = floorMs + backOff.next()
      cancel = clock.after(waitMs, run)
      return waitMs
    },
    get attempts() {
      return backOff.attempts
    },
    cancel: () => cancel(),
  }
}
