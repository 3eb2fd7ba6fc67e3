// Operations on one thing one after the other, operations on different things side by side.

export type KeyedQueue = <T>(key: string, run: () => Promise<T>) => Promise<T>

/** A failed operation fails for its caller alone; the next one runs in any case. */
export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>()
  return (key, run) => {
    const done = (tails.get(key) ?? Promise.resolve()).then(run, run)
    const tail = done
      .catch(() => {})
      .finally(() => {
        if (tails.get(key) === tail) tails.delete(key)
      })
    tails.set(key, tail)
    return done
  }
}
