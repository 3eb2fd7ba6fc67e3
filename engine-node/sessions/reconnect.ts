// One run of a session over its connections: counts what ended them, and waits for the next try.
import type { SessionConfig, Trouble } from '../../src/contract/session.ts'
import type { Clock } from '../clock.ts'
import { createBackOff } from './back-off.ts'
import { type Closing, onDisconnect, type Verdict } from './disconnect.ts'

export interface Reconnect {
  /** What to do about a connection that ended after `heldMs` of being ready. */
  judge(close: Pick<Closing, 'code' | 'isPaired' | 'notice'> & { heldMs: number }): Verdict
  /**
   * Calls `run` after the next wait, at least `floorMs`. Gives the wait; null when the operator's limit of tries is reached. A fault
   * of the gateway itself, as a full disk, counts for nothing there: WhatsApp does not see it.
   */
  later(run: () => void, why?: { floorMs?: number; trouble?: Pick<Trouble, 'reason'> }): number | null
  /** Tries since the last stable connection. */
  readonly attempts: number
  /** Calls the wait off. */
  cancel(): void
}

/** When the disk has room again, or the database is back, nobody should wait for minutes. */
const LONGEST_OF_OURS_MS = 10_000

export function createReconnect(deps: {
  clock: Clock
  random: () => number
  /** The session's own settings as they are now; null and absent mean the defaults: from a second on, and for ever. */
  config: () => SessionConfig | null
}): Reconnect {
  const { clock, random, config } = deps
  const limit = () => config()?.maxReconnectAttempts ?? Number.POSITIVE_INFINITY
  const backOff = createBackOff({ random, firstMs: () => config()?.reconnectBaseDelay ?? undefined })
  const ours = createBackOff({ random, longestMs: LONGEST_OF_OURS_MS })
  let repeats = new Map<number | undefined, number>()
  let cancel = () => {}
  return {
    judge({ heldMs, ...close }) {
      const { code } = close
      backOff.held(heldMs)
      ours.held(heldMs)
      if (backOff.attempts === 0) repeats = new Map()
      const count = (repeats.get(code) ?? 0) + 1
      repeats.set(code, count)
      const verdict = onDisconnect({ ...close, repeats: count, now: clock.now() })
      // Counts as a try, although nothing waits: only a connection that holds takes the count back.
      if (verdict.action === 'reconnect') backOff.next()
      return verdict
    },
    later(run, { floorMs = 0, trouble } = {}) {
      cancel()
      const isOurs = trouble?.reason === 'gateway_fault'
      if (!isOurs && backOff.attempts >= limit()) return null
      const waitMs = floorMs + (isOurs ? ours : backOff).next()
      cancel = clock.after(waitMs, run)
      return waitMs
    },
    get attempts() {
      return backOff.attempts
    },
    cancel: () => cancel(),
  }
}
