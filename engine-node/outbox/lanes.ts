// The lanes of one webhook as far as they are in memory: what has been read of each and not begun, what is under way, and what
// is answered and not noted yet. In a lane one goes after the other; the next one may go before the last is noted.
import type { LanePart, OpenDelivery } from '../../src/db/delivery-reads.ts'

/**
 * How old what was read may be when it is begun. Deliveries are ended with their session or put back in their lane by others,
 * and webhooks change: what waited longer is read again.
 */
export const MAX_AGE_MS = 1_000

interface Lane {
  /** Empty for what belongs to no chat, which is a lane like any. */
  readonly name: string
  /** Read and not begun, in order. */
  queue: OpenDelivery[]
  readAt: number
  /** The position that was begun last. */
  begun: number
  /** Begun and not noted. */
  open: number
  isPosting: boolean
  /** One has failed: what comes behind it has to wait for it, and is left to the database. */
  isBlocked: boolean
  isReady: boolean
  /** More of it lay in the database when it was read. */
  hasMore: boolean
}

/** What a read has to leave out or to go on from. */
export interface Held {
  positions: number[]
  /** No delivery of these may be begun but behind what is here. */
  lanes: string[]
  /** Lanes that may be gone on with, each behind its last position here. */
  parts: LanePart[]
}

/** `at` is what the clock has elapsed. */
export interface Lanes {
  /** Something may be begun. */
  readonly isReady: boolean
  /** Nothing is held. */
  readonly isEmpty: boolean
  /** Characters of what was read and not begun. */
  readonly length: number
  held(): Held
  /** Those that are due, each the first of its lane, unless `isOrdered` is false: then each goes by itself. */
  putDue(rows: readonly OpenDelivery[], at: number, isOrdered: boolean): void
  /** What comes behind the end of each part, by position. `more`: lanes of which there is more. */
  putLater(
    rows: readonly OpenDelivery[],
    at: number,
    of: { parts: readonly LanePart[]; more: ReadonlySet<string> },
  ): void
  /** The next to begin; null where there is none. `isDry`: more of its lane is to be read, or it was read too long ago. */
  take(at: number): { delivery: OpenDelivery | null; isDry: boolean }
  /** Its try is over. What comes behind it may go, or must wait for it. */
  ended(position: number, next: 'may go' | 'waits'): void
  /** It is noted, or will never be. True when nothing of its lane is held any more: then the database says what is next. */
  noted(position: number): boolean
  /** Whether one before it in its lane has failed since it was begun. */
  isBehindFailure(position: number): boolean
  /** Forgets what was read and not begun. */
  drop(): void
}

export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()
  /** By position, what is begun and not noted. */
  const open = new Map<number, Lane>()
  let ready: Lane[] = []
  let length = 0

  function newLane(first: OpenDelivery, at: number): Lane {
    const { lane: name, position } = first
    length += lengthOf(first)
    const state = { open: 0, isPosting: false, isBlocked: false, isReady: false, hasMore: false }
    return { name, queue: [first], readAt: at, begun: position - 1, ...state }
  }

  function makeReady(lane: Lane) {
    if (lane.isReady || lane.isPosting || lane.isBlocked || lane.queue.length === 0) return
    lane.isReady = true
    ready.push(lane)
  }

  function empty(lane: Lane) {
    for (const row of lane.queue) length -= lengthOf(row)
    lane.queue = []
    forget(lane)
  }

  function forget(lane: Lane): boolean {
    if (lane.open > 0 || lane.queue.length > 0) return false
    if (lanes.get(lane.name) === lane) lanes.delete(lane.name)
    return true
  }

  return {
    get isReady() {
      return ready.length > 0
    },
    get isEmpty() {
      return open.size === 0 && lanes.size === 0 && ready.length === 0
    },
    get length() {
      return length
    },
    held() {
      const positions = [...open.keys(), ...ready.flatMap(({ queue }) => queue.map(row => row.position))]
      const parts: LanePart[] = []
      for (const lane of lanes.values())
        if (!lane.isBlocked) parts.push({ lane: lane.name, after: endOf(lane) })
      // Those under way from when the webhook was not ordered are in no list of lanes.
      const names = new Set([...lanes.keys(), ...[...open.values()].map(({ name }) => name)])
      return { positions, lanes: [...names], parts }
    },
    putDue(rows, at, isOrdered) {
      for (const row of rows) {
        if (isOrdered && lanes.has(row.lane)) continue
        const lane = newLane(row, at)
        if (isOrdered) lanes.set(row.lane, lane)
        makeReady(lane)
      }
    },
    putLater(rows, at, { parts, more }) {
      // Lanes that failed, were noted to their end or were dropped while the query ran: what came of that is read anew.
      const fit = new Set<Lane>()
      for (const { lane: name, after } of parts) {
        const lane = lanes.get(name)
        if (!lane || lane.isBlocked || endOf(lane) !== after) continue
        fit.add(lane)
        lane.hasMore = more.has(name)
      }
      for (const row of rows) {
        const lane = lanes.get(row.lane)
        if (!lane || !fit.has(lane)) continue
        if (lane.queue.length === 0) lane.readAt = at
        lane.queue.push(row)
        length += lengthOf(row)
        makeReady(lane)
      }
    },
    take(at) {
      for (let lane = ready.shift(); lane; lane = ready.shift()) {
        lane.isReady = false
        if (at - lane.readAt >= MAX_AGE_MS) {
          empty(lane)
          return { delivery: null, isDry: true }
        }
        const delivery = lane.queue.shift()
        if (delivery === undefined) continue
        length -= lengthOf(delivery)
        open.set(delivery.position, lane)
        lane.begun = delivery.position
        lane.open += 1
        lane.isPosting = true
        return { delivery, isDry: lane.hasMore && lane.queue.length === 0 }
      }
      return { delivery: null, isDry: false }
    },
    ended(position, next) {
      const lane = open.get(position)
      if (!lane) return
      lane.isPosting = false
      if (next === 'may go') return makeReady(lane)
      lane.isBlocked = true
      empty(lane)
    },
    noted(position) {
      const lane = open.get(position)
      if (!lane) return true
      open.delete(position)
      lane.open -= 1
      return forget(lane)
    },
    isBehindFailure: position => open.get(position)?.isBlocked ?? false,
    drop() {
      for (const lane of ready) lane.isReady = false
      for (const lane of [...lanes.values(), ...ready]) empty(lane)
      ready = []
    },
  }
}

/** Its last position here. */
const endOf = (lane: Lane) => lane.queue.at(-1)?.position ?? lane.begun

/** Characters that it brings. */
export const lengthOf = ({ data, rewritten }: OpenDelivery) => (data?.length ?? 0) + (rewritten?.length ?? 0)
