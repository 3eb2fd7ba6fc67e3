// Which sessions are connected, for those who tell plugins of messages: a plugin wants to answer, and nothing can be sent before
// the connection is there. What a restart takes up, and what WhatsApp delivers during a login, comes sooner.
import type { Clock } from '../clock.ts'

export interface Connections extends Disposable {
  connected(sessionId: string): void
  disconnected(sessionId: string): void
  /** True once the session is connected, or when that takes too long to wait for; false when the gateway ends before. */
  awaited(sessionId: string): Promise<boolean>
}

/** A login takes seconds. Who waits for longer waits for a person, and plugins may have other things to do with a message. */
export const CONNECTED_WITHIN_MS = 30_000

export function createConnections(deps: { clock: Clock }): Connections {
  const { clock } = deps
  const open = new Set<string>()
  const waiters = new Map<string, Set<(goesOn: boolean) => void>>()
  let isClosed = false

  function wake(sessionId: string, goesOn: boolean) {
    for (const hear of waiters.get(sessionId) ?? []) hear(goesOn)
    waiters.delete(sessionId)
  }

  return {
    connected(sessionId) {
      open.add(sessionId)
      wake(sessionId, true)
    },
    disconnected: sessionId => void open.delete(sessionId),
    async awaited(sessionId) {
      if (isClosed || open.has(sessionId)) return !isClosed
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const waiting = waiters.get(sessionId) ?? new Set()
      waiters.set(sessionId, waiting.add(resolve))
      const undo = clock.after(CONNECTED_WITHIN_MS, () => wake(sessionId, true))
      const goesOn = await promise
      undo()
      return goesOn
    },
    [Symbol.dispose]() {
      isClosed = true
      for (const sessionId of [...waiters.keys()]) wake(sessionId, false)
    },
  }
}
