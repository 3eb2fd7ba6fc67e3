// What is known of one endpoint between two looks at the database: its lanes, what is under way, and how much more there may
// be. It begins nothing by itself.
import type { Circuit } from './circuit.ts'
import type { Endpoint } from './endpoint.ts'
import { createLanes, type Lanes } from './lanes.ts'

export interface Line {
  /** As of the last look. */
  endpoint: Endpoint
  circuit: Circuit
  readonly lanes: Lanes
  /** Requests on their way. */
  posting: number
  /** There may be due ones in the database that are not here. */
  hasMore: boolean
  /** Its webhook is no more, or switched off. */
  isOver: boolean
  /** How often it was read, when last on the clock's `elapsed`, and at which count of news. */
  reads: number
  readAt: number
  newsRead: number
  /** When the next one falls due that was not due then. */
  nextAt: number
  /** How many may be begun, of so many at most. `now` is what the clock has elapsed. */
  room(limit: number, now: number): number
  /** Forgets what was read and not begun. */
  drop(): void
}

export function createLine(first: Endpoint, circuit: Circuit): Line {
  const line: Line = {
    endpoint: first,
    circuit,
    lanes: createLanes(),
    posting: 0,
    hasMore: true,
    isOver: false,
    reads: 0,
    readAt: 0,
    newsRead: 0,
    nextAt: 0,
    room: (limit, now) => Math.max(0, Math.min(limit, circuit.room(now)) - line.posting),
    drop() {
      line.hasMore = true
      line.lanes.drop()
    },
  }
  return line
}
