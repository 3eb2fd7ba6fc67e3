// Live events, in the words of any transport (event-dialects.ts). The log in the database is the only buffer: a stream holds a cursor and reads when its
// client is ready to take more, so a slow client costs no memory and a client that comes back misses nothing.

import { GatewayError } from '../contract/errors.ts'
import { events as eventTable, isEventName } from '../contract/events.ts'
import { type ApiKeyRow, findApiKey } from '../db/api-keys.ts'
import type { Db } from '../db/db.ts'
import { logBounds, readEvents } from '../db/events.ts'
import type { Dialect } from './event-dialects.ts'

/** How often a key is looked at while its stream is open: revoking it must end the stream within five seconds. */
const KEY_CHECK_MS = 2_500

/** Proxies close a connection that says nothing for a minute or so. */
const HEARTBEAT_MS = 15_000

/** How often the log is looked at where nobody tells of new events: at the edge, another process writes it. */
const POLL_MS = 1_000

/** A client that takes nothing for so long while something is there for it is cut off; it may resume where it was. */
export const STALL_MS = 30_000

/** Events that are read, and may lie ready, at a time. */
const PAGE = 16

/** OpenWA's `WS_MAX_SOCKETS_PER_KEY`: a client that opens streams and forgets them must not use up the process. */
const MAX_STREAMS_PER_KEY = 16

const FORGOTTEN = 'The log has forgotten events after the cursor'

export interface EventStreamAsk {
  key: ApiKeyRow
  cursor: number
  sessionId: string | undefined
  names: readonly string[] | null
}

export interface EventStreams extends AsyncDisposable {
  /** Throws `rate_limited` when the key has too many open. */
  open<T>(ask: EventStreamAsk, dialect: Dialect<T>): ReadableStream<T>
}

/** Events that a role may not see, whatever it asks for. */
export const withheldFrom = (role: ApiKeyRow['role']): string[] =>
  Object.keys(eventTable).filter(
    name => isEventName(name) && role === 'viewer' && eventTable[name].role !== 'viewer',
  )

export function createEventStreams(deps: {
  db: Db
  now(): number
  after(ms: number, run: () => void): () => void
  onEvents?: (listener: () => void) => () => void
}): EventStreams {
  const open = new Map<string, Set<(reason: string) => void>>()

  return {
    open(ask, dialect) {
      const mine = open.get(ask.key.id) ?? new Set()
      if (mine.size >= MAX_STREAMS_PER_KEY)
        throw new GatewayError('rate_limited', `A key has at most ${MAX_STREAMS_PER_KEY} streams`)
      const { stream, end } = openStream(deps, ask, dialect, () => {
        mine.delete(end)
        if (mine.size === 0) open.delete(ask.key.id)
      })
      mine.add(end)
      open.set(ask.key.id, mine)
      return stream
    },
    async [Symbol.asyncDispose]() {
      for (const end of [...open.values()].flatMap(mine => [...mine])) end('The gateway stops')
    },
  }
}

function openStream<T>(
  deps: Parameters<typeof createEventStreams>[0],
  ask: EventStreamAsk,
  dialect: Dialect<T>,
  onClosed: () => void,
): { stream: ReadableStream<T>; end(reason: string): void } {
  const { db, now } = deps
  let { key, cursor } = ask
  let controller: ReadableStreamDefaultController<T>
  let isOver = false
  /** Not set while the client waits for us; else since when we wait for it. */
  let idleSince: number | null = null
  let wake = () => {}
  let lastSent = now()
  let cancelCheck = () => {}
  let cancelPoll = () => {}
  const stopListening = deps.onEvents?.(() => wake()) ?? (() => {})

  const send = (chunk: T) => {
    controller.enqueue(chunk)
    lastSent = now()
  }

  function close() {
    isOver = true
    stopListening()
    cancelCheck()
    cancelPoll()
    wake()
    onClosed()
  }

  function end(reason: string) {
    if (isOver) return
    close()
    send(dialect.end(reason, cursor))
    controller.close()
  }

  function scheduleCheck() {
    cancelCheck = deps.after(KEY_CHECK_MS, () => {
      if (idleSince !== null && now() - idleSince >= STALL_MS)
        return end('The client reads too slowly. It may resume from the cursor')
      checkKey().then(scheduleCheckUnlessOver, fail)
    })
  }
  const scheduleCheckUnlessOver = () => {
    if (!isOver) scheduleCheck()
  }

  async function checkKey() {
    const row = await findApiKey(db, key.id)
    if (row === null) return end('API key was deleted')
    if (!row.isActive) return end('API key is revoked')
    if (row.expiresAt !== null && row.expiresAt <= now()) return end('API key has expired')
    if (row.allowedChats !== null) return end('API key is restricted to selected chats')
    key = row
  }

  /** The database is away: the client comes back with its cursor, and hears from the answer what is wrong. */
  function fail(error: unknown) {
    if (isOver) return
    close()
    controller.error(error)
  }

  /** One chunk: events, a moved cursor or a heartbeat. Resolves without one when the stream has ended. */
  async function next(): Promise<void> {
    while (!isOver) {
      // Set before the look, so that what is recorded while it runs is not slept over.
      const news = new Promise<void>(resolve => {
        wake = resolve
      })
      const { pruned, newest } = await logBounds(db)
      if (isOver) return
      if (cursor < pruned) return end(FORGOTTEN)
      if (newest > cursor) {
        const page = await readEvents(db, filter(), { after: cursor, limit: PAGE, newest })
        // What was cut off between the two reads is missing in the page, and nothing in it shows that.
        const { pruned: since } = await logBounds(db)
        if (isOver) return
        if (cursor < since) return end(FORGOTTEN)
        cursor = page.next
        return send(dialect.page(page.events, cursor))
      }
      if (now() - lastSent >= HEARTBEAT_MS) return send(dialect.idle(cursor))
      cancelPoll = deps.after(deps.onEvents ? HEARTBEAT_MS : POLL_MS, () => wake())
      await news
      cancelPoll()
    }
  }

  const filter = () => ({
    scope: key.allowedSessions,
    sessionId: ask.sessionId,
    names: ask.names,
    withheld: withheldFrom(key.role),
  })

  const stream = new ReadableStream<T>(
    {
      start(given) {
        controller = given
        send(dialect.hello(cursor))
        idleSince = now()
        scheduleCheck()
      },
      async pull() {
        idleSince = null
        try {
          await next()
        } catch (error) {
          fail(error)
        }
        idleSince = now()
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  )
  return { stream, end }
}
