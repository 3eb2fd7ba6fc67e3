// Who waits until what was queued before is durable, by the number of the last entry that they wait for.
import type { GatewayError } from '../../src/contract/errors.ts'

export interface DurableWaiters {
  /** Calls one of the two once, unless it is undone before: `ready`, or `fail` where it can never be durable. Gives the undo. */
  add(sequence: number, ready: () => void, fail?: (error: GatewayError) => void): () => void
  /** All up to this entry is durable. */
  release(durable: number): void
  /** Nothing that anybody waits for will be durable. */
  drop(error: GatewayError): void
}

interface Waiter {
  sequence: number
  ready: () => void
  fail: ((error: GatewayError) => void) | undefined
}

export function createDurableWaiters(): DurableWaiters {
  let waiters: Waiter[] = []
  return {
    add(sequence, ready, fail) {
      const waiter = { sequence, ready, fail }
      waiters.push(waiter)
      return () => {
        waiters = waiters.filter(other => other !== waiter)
      }
    },
    release(durable) {
      const done = waiters.filter(({ sequence }) => sequence <= durable)
      if (done.length === 0) return
      waiters = waiters.filter(({ sequence }) => sequence > durable)
      for (const { ready } of done) ready()
    },
    drop(error) {
      const dropped = waiters
      waiters = []
      for (const { fail } of dropped) fail?.(error)
    },
  }
}
