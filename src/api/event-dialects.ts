// How live events look on the wire: as server-sent events, and as frames of a WebSocket. The content is the same.
import type { EventRow } from '../db/events.ts'

/** What a stream says, in the words of its transport. */
export interface Dialect<T> {
  /** Where it begins. */
  hello(cursor: number): T
  /** Events in their order, and the cursor behind them; there may be none that this client sees. */
  page(rows: readonly EventRow[], cursor: number): T
  /** Nothing has happened for a while. */
  idle(cursor: number): T
  /** The last word. */
  end(reason: string, cursor: number): T
}

/** The last moment that a Date can be. */
const MAX_DATE_MS = 8_640_000_000_000_000

/** An entry of the log as JSON; its data goes in as it is stored. */
export function toEventText(row: EventRow): string {
  const { seq, id, event, sessionId, chatId, occurredAt } = row
  const head = JSON.stringify({
    seq,
    id,
    event,
    sessionId,
    chatId,
    occurredAt: toDate(occurredAt),
  })
  return `${head.slice(0, -1)},"data":${row.data}}`
}

/** One row that no date fits must not take the log from every reader: it gets the nearest one. */
function toDate(ms: number): string {
  const at = Number.isFinite(ms) ? Math.trunc(ms) : 0
  return new Date(Math.min(Math.max(at, -MAX_DATE_MS), MAX_DATE_MS)).toISOString()
}

const encoder = new TextEncoder()

/** The id of each event is its cursor, so that a client resumes by itself. */
export const serverSentEvents: Dialect<Uint8Array> = {
  hello: cursor => encoder.encode(`retry: 2000\nid: ${cursor}\n\n`),
  page(rows, cursor) {
    const frames = rows.map(row => `id: ${row.seq}\ndata: ${toEventText(row)}\n\n`)
    if (rows.at(-1)?.seq !== cursor) frames.push(`id: ${cursor}\n\n`)
    return encoder.encode(frames.join(''))
  },
  idle: () => encoder.encode(':\n\n'),
  end: (reason, cursor) => encoder.encode(`event: end\ndata: ${JSON.stringify({ reason, cursor })}\n\n`),
}

/** Frames to send; `end` where the socket is closed behind them. */
export interface SocketFrames {
  frames: string[]
  hasEvents: boolean
  end?: string
}

/**
 * An event is a frame with the entry of the log. All else has `control`: `acks` where the client is to answer
 * each part with any text, `ready` at the start, `cursor` where events were passed
 * over and as a sign of life, `end` before the socket is closed. A client resumes with the last `seq` or `cursor` that it saw.
 */
export const socketFrames: Dialect<SocketFrames> = {
  hello: cursor => ({ frames: [control('ready', { cursor })], hasEvents: false }),
  page(rows, cursor) {
    const frames = rows.map(toEventText)
    if (rows.at(-1)?.seq !== cursor) frames.push(control('cursor', { cursor }))
    return { frames, hasEvents: rows.length > 0 }
  },
  idle: cursor => ({ frames: [control('cursor', { cursor })], hasEvents: false }),
  end: (reason, cursor) => ({ frames: [control('end', { reason, cursor })], hasEvents: false, end: reason }),
}

const control = (name: 'ready' | 'cursor' | 'end', facts: object) =>
  JSON.stringify({ control: name, ...facts })
