// Whether an endpoint may be tried now, and how many at once: what keeps failing is asked seldom, so that it neither takes the
// slots of others nor uses up the tries of everything that waits for it. In memory: a restart starts with one careful try.

const SECOND = 1_000

/** Failures in a row after which an endpoint counts as down. Less would punish it for one bad event. */
const THRESHOLD = 5

/** How long a broken circuit rests before one delivery tests the endpoint; the last goes on for as long as it is down. */
export const circuitPauses: readonly number[] = [5, 15, 30, 60, 120, 300].map(seconds => seconds * SECOND)

/** All times are what the clock has elapsed: an hour that is set back must not make it rest for longer. */
export interface Circuit {
  /** How many deliveries may be under way at once, now. */
  room(now: number): number
  /** Until when there is none; in the past when there is. */
  readonly opensAt: number
  succeeded(): void
  /** `retryAfterMs` is what the endpoint itself asked for. */
  failed(now: number, retryAfterMs: number): void
}

/** `suspect`: its last known answer was a failure. */
export function createCircuit(options: { limit: number; suspect: boolean }): Circuit {
  let failures = options.suspect ? THRESHOLD : 0
  let rests = 0
  let opensAt = 0
  return {
    room: now => (now < opensAt ? 0 : failures >= THRESHOLD ? 1 : options.limit),
    get opensAt() {
      return opensAt
    },
    succeeded() {
      failures = 0
      rests = 0
      opensAt = 0
    },
    failed(now, retryAfterMs) {
      failures += 1
      const isResting = now < opensAt
      opensAt = Math.max(opensAt, now + retryAfterMs)
      // Those that were under way together fail together; they make for one rest.
      if (failures < THRESHOLD || isResting) return
      opensAt = Math.max(opensAt, now + (circuitPauses[Math.min(rests, circuitPauses.length - 1)] ?? 0))
      rests += 1
    },
  }
}
