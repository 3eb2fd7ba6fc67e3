// Reads what there is room for at one endpoint: what is due, and what comes behind that in its lanes, so that each chat can go on
// from memory.
import type { DeliveryReads, LanePart, OpenDelivery, Picked } from '../../src/db/delivery-reads.ts'
import type { EventData } from './event-data.ts'
import { lengthOf } from './lanes.ts'
import type { Line } from './line.ts'

/** Deliveries that one read takes from behind those that are due: more are read when their lanes have run dry. */
const MAX_LATER = 256

/** Of one lane: a chat that writes without end leaves room for others. */
const MAX_PER_LANE = 64

/** Rows that are loaded at once, not knowing how large they are. */
const LOADED_AT_ONCE = 32

export interface LineReads {
  reads: DeliveryReads
  known: EventData
}

/**
 * Puts deliveries into the line, as many as weigh no more than `maxLength` characters with what lies there; one at least, or a large
 * one would never go. Behind a backlog a part of the reads is for the `newest`. `now` is the hour, `at` what the clock has elapsed.
 */
export async function readLine(
  deps: LineReads,
  line: Line,
  page: { now: number; at: number; limit: number; maxLength: number; newest: boolean },
): Promise<void> {
  const { lanes } = line
  const { id, ordered } = line.endpoint.row
  const { now, limit, newest } = page
  const held = lanes.held()
  const exceptLanes = ordered ? held.lanes : []
  line.hasMore = false
  const due = await deps.reads.due(id, { now, limit, except: held.positions, exceptLanes, newest })
  const parts = ordered ? partsOf(held.parts, due) : []
  const perLane = Math.min(MAX_PER_LANE, Math.ceil(MAX_LATER / Math.max(1, parts.length)))
  const found = parts.length === 0 ? [] : await deps.reads.later(id, { parts, perLane })
  const later = untilPaused(found, now)
  const rows = await load(
    deps,
    [...due, ...later].map(({ position }) => position),
    page.maxLength - lanes.length,
  )
  const isLoaded = ({ position }: Picked) => rows.has(position)
  const rowsOf = (picked: readonly Picked[]) =>
    picked.map(({ position }) => rows.get(position) ?? null).filter(row => row !== null)
  lanes.putDue(rowsOf(due), page.at, ordered)
  lanes.putLater(rowsOf(later), page.at, {
    parts,
    more: new Set([
      ...fullLanes(found, perLane),
      ...later.filter(picked => !isLoaded(picked)).map(({ lane }) => lane),
    ]),
  })
  if (due.length === limit || !due.every(isLoaded)) line.hasMore = true
}

/** Those that run already, and those that begin with what is due; a lane is one part. */
function partsOf(running: readonly LanePart[], due: readonly Picked[]): LanePart[] {
  const parts = new Map(running.map(part => [part.lane, part]))
  for (const { lane, position } of due) if (!parts.has(lane)) parts.set(lane, { lane, after: position })
  return [...parts.values()]
}

/** What was tried before its lane was put in order may have to wait for its hour, and all behind it with it. */
function untilPaused(picked: readonly Picked[], now: number): Picked[] {
  const paused = new Set<string>()
  return picked.filter(({ lane, nextAt }) => {
    if (nextAt > now) paused.add(lane)
    return !paused.has(lane)
  })
}

function fullLanes(picked: readonly Picked[], perLane: number): string[] {
  const counts = new Map<string, number>()
  for (const { lane } of picked) counts.set(lane, (counts.get(lane) ?? 0) + 1)
  return [...counts].filter(([, count]) => count >= perLane).map(([lane]) => lane)
}

/** One after the other, until they weigh as much; null for one that is open no more. */
async function load(
  deps: LineReads,
  positions: readonly number[],
  maxLength: number,
): Promise<Map<number, OpenDelivery | null>> {
  const { reads, known } = deps
  const loaded = new Map<number, OpenDelivery | null>()
  let left = maxLength
  for (let from = 0; from < positions.length && (left > 0 || from === 0); from += LOADED_AT_ONCE) {
    const some = positions.slice(from, from + LOADED_AT_ONCE)
    const rows = new Map((await reads.rows(some, known.get)).map(row => [row.position, row]))
    for (const position of some) {
      const row = rows.get(position) ?? null
      if (left <= 0 && loaded.size > 0) break
      loaded.set(position, row)
      if (row) left -= lengthOf(row)
    }
  }
  return loaded
}
