// The messages of one connection on their way out: one after the other, each under its one id until WhatsApp answers. What is
// left when the connection ends is in the database and goes by the next one.
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Link } from '../sessions/link.ts'
import type { Outgoing } from './outgoing-message.ts'

/** A message without an answer goes again under its id after this long: acknowledgements take milliseconds, or are lost. */
export const ACK_WAIT_MS = 20_000

/** What was not delivered to WhatsApp by then is no longer what its sender wants to say. */
export const MAX_AGE_MS = 24 * 60 * 60_000

/** Tries on one connection. After them the connection is more likely deaf than the message unlucky. */
const MAX_TRIES = 3

/** WhatsApp refused because it knows other devices of the reader than we do. */
const STALE_DEVICES = '479'

export interface Line {
  /** Lets what was left go first, then what has been added meanwhile. Nothing goes before. */
  open(left: readonly Outgoing[]): void
  /**
   * Resolves when the socket has it, or when the connection ends before: then it goes by the next one. Rejects with what
   * made it impossible, once that is recorded.
   */
  add(outgoing: Outgoing): Promise<void>
  find(waMessageId: string): Outgoing | undefined
  /** WhatsApp has it. */
  acknowledged(waMessageId: string): void
  /** WhatsApp does not want it: true when it goes once more, for another try is worth it. */
  refused(waMessageId: string, code: string): boolean
  /** The connection has ended. */
  close(): void
}

interface Entry {
  outgoing: Outgoing
  /** Its bytes came with its acceptance: no connection but this one can have had it. */
  isFresh: boolean
  tries: number
  writtenAt: number | null
  /** The next try asks for the reader's devices anew; done once. */
  refresh: 'not needed' | 'due' | 'done'
  settle: { resolve(): void; reject(error: unknown): void }
  written: Promise<void>
}

export function createLine(deps: {
  link: Pick<Link, 'transmit'>
  clock: Clock
  /** The stored bytes, of a message that was accepted some time ago. */
  protoOf(outgoing: Outgoing): Promise<Uint8Array>
  /**
   * Records that it will not go any more; resolves when that is durable. `error.certain` where it is known that it never has:
   * else WhatsApp may have it, and only the acknowledgement was lost.
   */
  failed(outgoing: Outgoing, error: GatewayError): Promise<void>
  /** The same for one that WhatsApp has not answered in all its time. Never rejects: the next connection looks again. */
  expired(outgoing: Outgoing): Promise<void>
  /** The socket has taken it. */
  onWritten(outgoing: Outgoing): void
}): Line {
  const { link, clock, protoOf, failed, expired, onWritten } = deps
  const entries = new Map<string, Entry>()
  let waiting: Entry[] = []
  let isOpen = false
  let isClosed = false
  let isPumping = false
  let undoTimer: (() => void) | null = null
  let wakesAt: number | null = null

  function enter(outgoing: Outgoing): Entry {
    const { promise: written, resolve, reject } = Promise.withResolvers<void>()
    // Nobody waits for a message that was accepted by an earlier run.
    written.catch(() => {})
    const entry: Entry = {
      outgoing,
      isFresh: outgoing.proto !== null,
      tries: 0,
      writtenAt: null,
      refresh: 'not needed',
      settle: { resolve, reject },
      written,
    }
    entries.set(outgoing.waMessageId, entry)
    return entry
  }

  async function pump() {
    if (isPumping || !isOpen) return
    isPumping = true
    for (let entry = waiting.shift(); entry && !isClosed; entry = waiting.shift()) await send(entry)
    isPumping = false
  }

  async function send(entry: Entry) {
    const { outgoing } = entry
    const refreshDevices = entry.refresh === 'due'
    if (refreshDevices) entry.refresh = 'done'
    entry.tries += 1
    try {
      outgoing.assertWanted?.()
      const proto = outgoing.proto ?? (await protoOf(outgoing))
      outgoing.proto = null
      await link.transmit({ ...outgoing, proto }, { refreshDevices })
      onWritten(outgoing)
    } catch (thrown) {
      const error = toGatewayError(thrown)
      // Of one that may be with WhatsApp already a failure says little: it goes again while it may.
      const isOver = entry.tries >= MAX_TRIES || isNew(entry) || error.code !== 'transport_failed'
      if (!isClosed && error.code !== 'session_not_ready' && isOver) return giveUp(entry, error)
    }
    // What had no answer goes again by the timer, what lost its connection by the next one; to the caller it is accepted.
    entry.writtenAt = clock.elapsed()
    entry.settle.resolve()
    wakeIn(ACK_WAIT_MS)
  }

  /** Nothing of it can have left but in the try that is under way. */
  const isNew = ({ isFresh, tries }: Entry) => isFresh && tries === 1

  async function giveUp(entry: Entry, cause: GatewayError) {
    const { code, message, details } = cause
    const error = new GatewayError(code, message, { cause, details, certain: isNew(entry) })
    entries.delete(entry.outgoing.waMessageId)
    await failed(entry.outgoing, error).then(
      () => entry.settle.reject(error),
      // Not recorded, so not given up either: the row goes out by the next connection.
      () => entry.settle.resolve(),
    )
  }

  function expire({ outgoing }: Entry) {
    entries.delete(outgoing.waMessageId)
    void expired(outgoing)
  }

  function wakeIn(ms: number) {
    if (isClosed || (wakesAt !== null && wakesAt <= clock.elapsed() + ms)) return
    undoTimer?.()
    wakesAt = clock.elapsed() + ms
    undoTimer = clock.after(ms, again)
  }

  /** What had no answer goes again while it may, and is then waited for until nobody wants it any more. */
  function again() {
    wakesAt = null
    undoTimer = null
    for (const entry of entries.values()) {
      if (entry.writtenAt === null) continue
      // Its age is told by the hour, as it may be from an earlier run; the wait for an answer is measured.
      const left = entry.outgoing.createdAt + MAX_AGE_MS - clock.now()
      const wait = entry.writtenAt + ACK_WAIT_MS - clock.elapsed()
      const next = entry.tries < MAX_TRIES ? Math.min(wait, left) : left
      if (next > 0) wakeIn(next)
      else if (left <= 0) expire(entry)
      else {
        entry.writtenAt = null
        waiting.push(entry)
      }
    }
    void pump()
  }

  return {
    open(left) {
      const added = waiting.filter(entry => !left.some(({ id }) => id === entry.outgoing.id))
      waiting = left.map(outgoing => entries.get(outgoing.waMessageId) ?? enter(outgoing)).concat(added)
      isOpen = true
      void pump()
    },
    add(outgoing) {
      if (isClosed) return Promise.resolve()
      const known = entries.get(outgoing.waMessageId)
      if (known) return known.written
      const entry = enter(outgoing)
      waiting.push(entry)
      void pump()
      return entry.written
    },
    find: waMessageId => entries.get(waMessageId)?.outgoing,
    acknowledged(waMessageId) {
      const entry = entries.get(waMessageId)
      if (!entry) return
      entries.delete(waMessageId)
      if (entry.writtenAt === null) waiting = waiting.filter(other => other !== entry)
    },
    refused(waMessageId, code) {
      const entry = entries.get(waMessageId)
      if (!entry) return false
      if (code === STALE_DEVICES && entry.refresh === 'not needed') {
        entry.refresh = 'due'
        entry.writtenAt = null
        waiting.push(entry)
        void pump()
        return true
      }
      entries.delete(waMessageId)
      return false
    },
    close() {
      isClosed = true
      undoTimer?.()
      for (const { settle } of entries.values()) settle.resolve()
      entries.clear()
      waiting = []
    },
  }
}
