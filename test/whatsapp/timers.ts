// Timers that can all be called off at once, so that nothing fires after the emulator has gone.

export interface Timers {
  /** Runs later; at once, and before this returns, when the delay is zero. */
  after(delayMs: number, run: () => void): void
  [Symbol.dispose](): void
}

/** Starts a set of timers. */
export function createTimers(): Timers {
  const pending = new Set<NodeJS.Timeout>()
  return {
    after(delayMs, run) {
      if (delayMs === 0) return run()
      const timer = setTimeout(() => {
        pending.delete(timer)
        run()
      }, delayMs)
      pending.add(timer)
    },
    [Symbol.dispose]() {
      for (const timer of pending) clearTimeout(timer)
      pending.clear()
    },
  }
}
