// A list that can be awaited: what has happened so far, and promises for what is still to come.

/** How long a test waits for something before it fails and says what came instead. */
const PATIENCE_MS = 10_000

export interface Recorder<T> {
  /** Everything kept so far, oldest first. */
  readonly all: readonly T[]
  add(item: T): void
  /** The first that is wanted, past or to come. */
  find(wanted: (item: T) => boolean, timeoutMs?: number): Promise<T>
  /** Like find, but what was taken once is not given again; what was passed over stays. */
  take(wanted: (item: T) => boolean, timeoutMs?: number): Promise<T>
}

interface Waiter<T> {
  /** True when it accepted the item and is done. */
  offer(item: T): boolean
}

interface Options<T> {
  /** For the error of a wait that failed: what is being recorded. */
  what: string
  describe(item: T): string
  /** About how many are kept; the oldest go first. A soak test must not fill the memory. */
  limit?: number
}

/** Starts an empty recorder. */
export function createRecorder<T>({ what, describe, limit = 10_000 }: Options<T>): Recorder<T> {
  const all: T[] = []
  const waiters = new Set<Waiter<T>>()
  const taken = new Set<T>()

  function wait(accept: (item: T) => boolean, timeoutMs = PATIENCE_MS): Promise<T> {
    const past = all.find(accept)
    if (past !== undefined) return Promise.resolve(past)
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const waiter: Waiter<T> = {
      offer(item) {
        if (!accept(item)) return false
        clearTimeout(timer)
        resolve(item)
        return true
      },
    }
    // Made here, so that the stack points at the test that waits and not at a timer.
    const failure = new Error()
    const timer = setTimeout(() => {
      waiters.delete(waiter)
      const arrived = all.slice(-20).map(describe).join('; ') || 'nothing'
      failure.message = `${what}: the wanted one did not come within ${timeoutMs} ms. Came: ${arrived}`
      reject(failure)
    }, timeoutMs)
    waiters.add(waiter)
    return promise
  }

  return {
    all,
    add(item) {
      all.push(item)
      // In strokes: shifting a long array at every addition would cost more than all the rest.
      if (all.length > limit * 1.25) {
        for (const forgotten of all.splice(0, all.length - limit)) taken.delete(forgotten)
      }
      for (const waiter of waiters) if (waiter.offer(item)) waiters.delete(waiter)
    },
    find: (wanted, timeoutMs) => wait(wanted, timeoutMs),
    take: (wanted, timeoutMs) =>
      wait(item => {
        if (taken.has(item) || !wanted(item)) return false
        taken.add(item)
        return true
      }, timeoutMs),
  }
}
