// Work in lanes: one after the other within a lane, lanes beside each other. Keeps the order of a chat without making other
// chats wait.

export interface Lanes extends AsyncDisposable {
  /** Runs `work` when all earlier work of this lane is done. What it throws goes to `onError`, and the lane goes on. */
  add(lane: string, work: () => Promise<void>): void
}

/** Disposing it waits for all work; nothing is taken from then on. */
export function createLanes(deps: { onError: (error: unknown) => void }): Lanes {
  const tails = new Map<string, Promise<void>>()
  let isClosed = false
  return {
    add(lane, work) {
      if (isClosed) return
      const tail = (tails.get(lane) ?? Promise.resolve()).then(work).catch(deps.onError)
      tails.set(lane, tail)
      // A lane is forgotten with its last work, or a gateway would remember every chat it ever had.
      void tail.then(() => tails.get(lane) === tail && tails.delete(lane))
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      await Promise.all(tails.values())
    },
  }
}
