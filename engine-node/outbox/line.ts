// What is known of one endpoint between two looks at the database: what has been read and not begun, what is under way, and
// how much more there may be. It begins nothing by itself.
import type { OpenDelivery } from '../../src/db/delivery-queue.ts'
import type { Circuit } from './circuit.ts'
import type { Endpoint } from './endpoint.ts'

/**
 * How old what was read may be when it is begun. Deliveries are ended with their session or put back in their lane by others,
 * and webhooks change: what waited longer is read again.
 */
const MAX_AGE_MS = 1_000

/** Characters of data that lie ready; the rest is left in the database until its turn. */
const MAX_READY_LENGTH = 256 * 1024

/** Begun ones for each that may be under way, those counted that are answered and not noted yet: a bound for a slow database. */
const OPEN_PER_SLOT = 4

export interface Line {
  /** As of the last look. */
  endpoint: Endpoint
  circuit: Circuit
  /** Begun, and not settled. */
  readonly open: Set<number>
  /** Requests on their way. */
  posting: number
  /** There may be due ones in the database that are not here. */
  hasMore: boolean
  /** How often it was read. */
  reads: number
  /** Something has been read and not begun. */
  readonly isReady: boolean
  /** How many may be begun, of so many at most. */
  room(limit: number, now: number): number
  /** What has been read, to be begun from now on. `hasMore`: it was as much as had been asked for. */
  put(rows: OpenDelivery[], now: number, hasMore: boolean): void
  /** The next to begin; undefined where it must be read first. */
  next(now: number): OpenDelivery | undefined
  /** Forgets what was read and not begun. */
  drop(): void
}

export function createLine(first: Endpoint, circuit: Circuit): Line {
  let ready: OpenDelivery[] = []
  let readAt = 0
  const line: Line = {
    endpoint: first,
    circuit,
    open: new Set(),
    posting: 0,
    hasMore: true,
    reads: 0,
    get isReady() {
      return ready.length > 0
    },
    room: (limit, now) =>
      Math.max(
        0,
        Math.min(Math.min(limit, circuit.room(now)) - line.posting, limit * OPEN_PER_SLOT - line.open.size),
      ),
    put(rows, now, hasMore) {
      ready = rows.slice(0, fitting(rows))
      line.hasMore = hasMore || ready.length < rows.length
      readAt = now
    },
    next(now) {
      if (now - readAt >= MAX_AGE_MS) line.drop()
      return ready.shift()
    },
    drop() {
      if (ready.length > 0) line.hasMore = true
      ready = []
    },
  }
  return line
}

/** How many lie within the bound; one at least, or a large one would never go. */
function fitting(rows: readonly OpenDelivery[]): number {
  let length = 0
  for (const [index, { data }] of rows.entries()) {
    length += data?.length ?? 0
    if (length > MAX_READY_LENGTH) return Math.max(1, index)
  }
  return rows.length
}
