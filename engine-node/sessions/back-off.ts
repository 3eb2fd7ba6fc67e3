// How long to wait before the next try: doubling, capped, with full jitter, and from the start again after a stable time.
import { DEFAULT_RECONNECT_BASE_MS } from '../../src/contract/session-setup.ts'

export interface BackOff {
  /** The wait before the next try, in milliseconds, and one try more on the count. */
  next(): number
  /** The last connection held for that long. One that held long enough clears the count. */
  held(ms: number): void
  /** Tries since the last stable connection. */
  readonly attempts: number
}

/** Longer waits would only keep a person waiting: a refused login costs WhatsApp and us next to nothing. */
const LONGEST_MS = 5 * 60_000
/** A connection that held for a minute was a good one; what ends it is a new trouble. */
const STABLE_MS = 60_000

/** `random` gives [0, 1). Full jitter spreads the sessions of a gateway that all lost their connections at one moment. */
export function createBackOff(deps: {
  random: () => number
  /** The longest first wait; asked each time, as an operator may change it meanwhile. */
  firstMs?: () => number | undefined
  longestMs?: number
}): BackOff {
  const { random, firstMs, longestMs = LONGEST_MS } = deps
  let attempts = 0
  return {
    next() {
      const ceiling = Math.min(
        longestMs,
        (firstMs?.() ?? DEFAULT_RECONNECT_BASE_MS) * 2 ** Math.min(attempts, 30),
      )
      attempts += 1
      return Math.floor(random() * ceiling)
    },
    held(ms) {
      if (ms >= STABLE_MS) attempts = 0
    },
    get attempts() {
      return attempts
    },
  }
}
