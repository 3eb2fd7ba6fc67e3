// The calls that this side waits for: one map, whose every entry is settled by its answer, its deadline, its signal or the
// end of the channel.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Channel } from './channel.ts'

/** Withdrawn calls remembered, so that their late answers are no violation; above it the oldest are forgotten. */
const MAX_WITHDRAWN = 10_000

export interface CallOptions {
  timeoutMs: number
  signal?: AbortSignal
}

export interface OutboundCalls {
  call(method: string, params: unknown, options: CallOptions): Promise<unknown>
  resolve(id: number, value: unknown): void
  reject(id: number, error: GatewayError): void
  /** Rejects all that wait and all that come. */
  end(reason: GatewayError): void
}

interface Pending {
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Undoes the deadline and the listener. */
  release(): void
}

export interface OutboundCallsDeps {
  channel: Channel
  clock: Clock
  violation(what: string): void
}

export function createOutboundCalls({ channel, clock, violation }: OutboundCallsDeps): OutboundCalls {
  const pending = new Map<number, Pending>()
  const withdrawn = new Set<number>()
  let ended: GatewayError | null = null
  let lastId = 0

  /** The call that an answer belongs to, taken off the map; undefined where nobody waits for it. */
  function take(id: number): Pending | undefined {
    const entry = pending.get(id)
    if (entry === undefined) {
      if (!withdrawn.delete(id)) violation('answered a call that was not made')
      return undefined
    }
    pending.delete(id)
    entry.release()
    return entry
  }

  function withdraw(id: number, error: unknown): void {
    const entry = take(id)
    withdrawn.add(id)
    if (withdrawn.size > MAX_WITHDRAWN) for (const oldest of withdrawn) if (withdrawn.delete(oldest)) break
    channel.send({ t: 'cancel', id })
    entry?.reject(error)
  }

  /** Arranges that the call is withdrawn in time; gives the undo. */
  function bound(id: number, method: string, { timeoutMs, signal }: CallOptions): () => void {
    const stopTimer = clock.after(timeoutMs, () =>
      withdraw(id, new GatewayError('plugin_timeout', `${method} was not answered within ${timeoutMs} ms`)),
    )
    if (signal === undefined) return stopTimer
    const onAbort = () => withdraw(id, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    return () => {
      stopTimer()
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    call(method, params, options) {
      return new Promise((resolve, reject) => {
        if (ended !== null) throw ended
        options.signal?.throwIfAborted()
        lastId += 1
        const id = lastId
        channel.send({ t: 'call', id, method, params })
        pending.set(id, { resolve, reject, release: bound(id, method, options) })
      })
    },
    resolve: (id, value) => take(id)?.resolve(value),
    reject: (id, error) => take(id)?.reject(error),
    end(reason) {
      ended = reason
      for (const entry of pending.values()) {
        entry.release()
        entry.reject(reason)
      }
      pending.clear()
    },
  }
}
