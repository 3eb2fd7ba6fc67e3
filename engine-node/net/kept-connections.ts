// Connections that stay open between requests to one place. A request comes here only after its own judgement, and asks for
// exactly what it was allowed: the same owner, origin and address. Whose rules those are is the guarded fetch's business.
import type { Socket } from 'node:net'
import { Client } from 'undici'
import type { Clock } from '../clock.ts'

/** One connection to one judged address, for one request at a time. */
export interface Connected {
  client: Client
  /** Epoch milliseconds. */
  madeAt: number
  /** False once either side has ended it, as far as is known. */
  isOpen(): boolean
  /** Ends it, whatever is under way. */
  destroy(): Promise<void>
}

export interface KeptConnections extends Disposable {
  /** A connection that nobody uses, and that is whole as far as is known; null where there is none. */
  take(place: string): Connected | null
  /** Puts it back when its answer has been read to the end. It may have ended by then. */
  give(place: string, connected: Connected): void
}

/**
 * How long one may lie unused: less than the two seconds of the most impatient of common servers, so that requests seldom meet
 * a server that is just hanging up. Bursts are what it is for; to dial anew for one event a second costs nobody anything.
 */
const IDLE_MS = 1_500

/** How old one may get: certificates and the receiver's own balancing of load are looked at anew now and then. */
const MAX_AGE_MS = 60_000

/** Kept in all: many receivers at once must not use up the process's descriptors. */
const MAX_KEPT = 256

/** Head of an answer, all its lines together. */
const MAX_RESPONSE_HEAD = 16 * 1024

/** Its connection ended before a byte of the request was written. It stays inside this folder. */
export class ConnectionGone extends Error {}

/** A connected socket, ready for requests to the origin. It is never dialled again: where that would go was judged once. */
export function connectedBy(socket: Socket, origin: string, madeAt: number): Connected {
  let isUsed = false
  const client = new Client(origin, {
    // Later, as undici does not see a socket that is there before it has finished asking.
    connect: (_options, done) => {
      const isFirst = !isUsed
      isUsed = true
      queueMicrotask(() => (isFirst ? done(null, socket) : done(new ConnectionGone(), null)))
    },
    maxHeaderSize: MAX_RESPONSE_HEAD,
    // The deadline of the request covers these; two clocks for one thing would disagree.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    client,
    madeAt,
    isOpen: () => !socket.destroyed,
    async destroy() {
      socket.destroy()
      await client.destroy()
    },
  }
}

interface Idle {
  connected: Connected
  since: number
}

export function createKeptConnections({ clock }: { clock: Clock }): KeptConnections {
  /** By place, the one that was used last at the end. */
  const idle = new Map<string, Idle[]>()
  let count = 0
  let cancelSweep: (() => void) | null = null

  function isGood({ connected, since }: Idle): boolean {
    const now = clock.now()
    return connected.isOpen() && now - since < IDLE_MS && now - connected.madeAt < MAX_AGE_MS
  }

  function sweep() {
    for (const [place, list] of idle) {
      const good = list.filter(isGood)
      for (const each of list) if (!good.includes(each)) void each.connected.destroy()
      count -= list.length - good.length
      if (good.length === 0) idle.delete(place)
      else idle.set(place, good)
    }
    cancelSweep = count > 0 ? clock.after(IDLE_MS, sweep) : null
  }

  return {
    take(place) {
      const list = idle.get(place)
      // The one that was used last is the least likely to have been given up by the other side.
      for (let last = list?.pop(); last; last = list?.pop()) {
        count -= 1
        if (isGood(last)) return last.connected
        void last.connected.destroy()
      }
      return null
    },
    give(place, connected) {
      const given = { connected, since: clock.now() }
      if (count >= MAX_KEPT || !isGood(given)) return void connected.destroy()
      const list = idle.get(place) ?? []
      idle.set(place, list)
      list.push(given)
      count += 1
      cancelSweep ??= clock.after(IDLE_MS, sweep)
    },
    [Symbol.dispose]() {
      cancelSweep?.()
      cancelSweep = null
      for (const { connected } of [...idle.values()].flat()) void connected.destroy()
      idle.clear()
      count = 0
    },
  }
}
