// A clock for tests: time passes only when the test says so.
import type { Clock } from '../../engine-node/clock.ts'

export interface FakeClock extends Clock {
  /** Moves time on and calls what falls due, in order, each at its own hour. */
  advance(ms: number): void
  /** Sets the hour, as a person or a time server does: no time passes, and nothing falls due by it. */
  step(ms: number): void
  /** How many calls are still to come. */
  readonly pending: number
}

/** A clock that stands still until it is moved. */
export function createFakeClock(start = 1_700_000_000_000): FakeClock {
  /** Of what passes; the hour is another thing. */
  let time = 0
  let hour = start
  const due = new Map<object, { at: number; run: () => void }>()
  return {
    now: () => hour + time,
    elapsed: () => time,
    after(ms, run) {
      const key = {}
      due.set(key, { at: time + ms, run })
      return () => due.delete(key)
    },
    advance(ms) {
      const end = time + ms
      for (;;) {
        const next = [...due].sort((a, b) => a[1].at - b[1].at)[0]
        if (!next || next[1].at > end) break
        due.delete(next[0])
        time = next[1].at
        next[1].run()
      }
      time = end
    },
    step(ms) {
      hour += ms
    },
    get pending() {
      return due.size
    },
  }
}
