// Stores the history that a phone sends to a new device: a few rows at a time and one piece after the other, so that live
// messages never wait for more than one step; with marks, so that a restart goes on where it was. Nothing is told of it.
import type { Db } from '../../src/db/db.ts'
import { announceChunk, endChunk, historyTotals, markChunk, pendingChunks } from '../../src/db/history.ts'
import { applyEarlier } from '../../src/db/message-changes.ts'
import { insertToldMessage } from '../../src/db/message-writes.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { IncomingFiles } from '../media/incoming-files.ts'
import type { ReceivedMessage } from '../sessions/incoming.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { historyRow } from './history-row.ts'

export interface HistoryMessage extends ReceivedMessage {
  /** WhatsApp's state of an own message; null where it says none. */
  status: 'sent' | 'delivered' | 'read' | 'played' | 'failed' | null
}

/** A piece of history in memory, the newest message of each chat first. */
export interface HistoryChunk {
  sessionId: string
  id: string
  length: number
  /** Null for what is no message. Called once for each, as late as possible: reading one costs memory and time. */
  at(index: number): HistoryMessage | null
}

export interface History extends AsyncDisposable {
  /** A piece is to come; durable before WhatsApp hears that it has arrived. */
  announce(sessionId: string, id: string, notice: Uint8Array): void
  /** Stores what has not been stored of a piece. Returns at once; pieces wait for each other. */
  take(chunk: HistoryChunk, taken?: number): void
  /** Pieces that were announced and are not stored to their end, those under way left out. */
  pending(sessionId: string): Promise<{ id: string; notice: Uint8Array; taken: number }[]>
  /** WhatsApp does not have it any more. */
  lost(sessionId: string, id: string): void
}

/** Messages in one step: some milliseconds of the database, which is what a live message may have to wait. */
const STEP = 100
/** Between two steps, for what waits to go first. */
const PAUSE_MS = 5

const contextOf = (sessionId: string, id: string) => `${sessionId}/history/${id}`

export function createHistory(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put' | 'commit'>
  sealer: Sealer
  clock: Clock
  log: Logger
  /** Of one session; beyond them the rest of its history is left out. */
  limits: { rows: number; bytes: number }
  files: Pick<IncomingFiles, 'expectOld'>
  /** Ids of rows; see pipeline/row-ids.ts. */
  nextRowId: () => string
}): History {
  const { db, queue, sealer, clock, log, limits, files, nextRowId } = deps
  /** Pieces in memory. */
  const known = new Set<string>()
  let last: Promise<void> = Promise.resolve()
  let isClosed = false
  let stopWaiting = () => {}

  const pause = () =>
    new Promise<void>(resolve => {
      const undo = clock.after(PAUSE_MS, resolve)
      stopWaiting = () => {
        undo()
        resolve()
      }
    })

  /** The statements of one step, and what it weighs. */
  function step(chunk: HistoryChunk, from: number, room: { rows: number; bytes: number }) {
    const { sessionId } = chunk
    const found: HistoryMessage[] = []
    let bytes = 0
    let index = from
    for (; index < Math.min(from + STEP, chunk.length); index += 1) {
      const message = chunk.at(index)
      if (message === null) continue
      if (found.length >= room.rows || bytes + message.proto.length > room.bytes)
        return { found, bytes, taken: index, isFull: true, statements: statementsOf(sessionId, found) }
      found.push(message)
      bytes += message.proto.length
    }
    return { found, bytes, taken: index, isFull: false, statements: statementsOf(sessionId, found) }
  }

  /** Made from the oldest on, so that ids sort messages of one second as they were written. */
  const statementsOf = (sessionId: string, newestFirst: readonly HistoryMessage[]) => {
    const rows = newestFirst
      .toReversed()
      .map(message => ({ message, row: historyRow(sessionId, message, { id: nextRowId(), sealer }) }))
    const stored = rows.flatMap(({ row, message: { media } }) => [
      insertToldMessage(row),
      ...(media ? files.expectOld(row, media) : []),
    ])
    // What was done to them live came first.
    return rows.length === 0 ? [] : [...stored, ...applyEarlier(rows.map(({ row }) => row.id))]
  }

  async function store(chunk: HistoryChunk, taken: number) {
    const { sessionId, id } = chunk
    const { rows, bytes } = await historyTotals(db, sessionId)
    const room = { rows: limits.rows - rows, bytes: limits.bytes - bytes }
    for (let index = taken; !isClosed; ) {
      const next = step(chunk, index, room)
      const isOver = next.isFull || next.taken >= chunk.length
      const mark = { sessionId, id, taken: next.taken, rows: next.found.length, bytes: next.bytes }
      await queue.commit([
        ...next.statements,
        markChunk(mark),
        ...(isOver ? [endChunk(sessionId, id, next.isFull ? 'cut' : 'done')] : []),
      ])
      if (isOver) return
      index = next.taken
      room.rows -= next.found.length
      room.bytes -= next.bytes
      await pause()
    }
  }

  return {
    announce(sessionId, id, notice) {
      const noticeSealed = sealer.seal(notice, contextOf(sessionId, id))
      queue.put([announceChunk({ sessionId, id, noticeSealed, now: clock.now() })])
    },
    take(chunk, taken = 0) {
      const name = contextOf(chunk.sessionId, chunk.id)
      if (known.has(name) || isClosed) return
      known.add(name)
      last = last
        .then(() => store(chunk, taken))
        .catch(err => {
          // Its mark stands: the next connection takes it up.
          log.warn({ err, sessionId: chunk.sessionId }, 'a piece of history could not be stored')
        })
        .finally(() => known.delete(name))
    },
    async pending(sessionId) {
      const rows = await pendingChunks(db, sessionId)
      return rows
        .filter(({ id }) => !known.has(contextOf(sessionId, id)))
        .map(({ id, noticeSealed, taken }) => ({
          id,
          notice: sealer.open(noticeSealed, contextOf(sessionId, id)),
          taken,
        }))
    },
    lost(sessionId, id) {
      queue.put([endChunk(sessionId, id, 'lost')])
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      stopWaiting()
      await last
    },
  }
}
