// Time as it is handed in: what the hour is, and being called later. Tests bring a clock that they move by hand.

export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Calls `run` once, after so many milliseconds. Returns the undo, which may be called at any time. */
  after(ms: number, run: () => void): () => void
}

/** The clock of the machine. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
  }
}
