// Time as it is handed in: what the hour is, how much of it has passed, and being called later. Tests bring a clock that they move
// by hand.

export interface Clock {
  /** Epoch milliseconds: for what is stored or told. The hour of a machine is set back and forth, so nothing is measured by it. */
  now(): number
  /** Milliseconds since some moment: to measure how long something takes. Goes on evenly, whatever is done to the hour. */
  elapsed(): number
  /** Calls `run` once, after so many milliseconds. Returns the undo, which may be called at any time. */
  after(ms: number, run: () => void): () => void
}

/** Some 25 days. What is longer Node takes for a millisecond: a message that is to be sent in a month would be looked at for ever. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The clock of the machine. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    after(ms, run) {
      let timer: NodeJS.Timeout
      const wait = (left: number) => {
        const next = () => (left > LONGEST_TIMER_MS ? wait(left - LONGEST_TIMER_MS) : run())
        timer = setTimeout(next, Math.min(left, LONGEST_TIMER_MS))
      }
      wait(ms)
      return () => clearTimeout(timer)
    },
  }
}
