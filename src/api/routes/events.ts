// The event log for clients: a page at a time, or live.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { EventSelector, LoggedEvent } from '../../contract/events.ts'
import { SessionId } from '../../contract/ids.ts'
import type { ApiKeyRow } from '../../db/api-keys.ts'
import type { Db } from '../../db/db.ts'
import { logBounds, readEvents } from '../../db/events.ts'
import { serverSentEvents, socketFrames, toEventText } from '../event-dialects.ts'
import { createEventSocket } from '../event-socket.ts'
import { withheldFrom } from '../event-stream.ts'
import { jsonReply, type Reply, type Route, reply, route } from '../route.ts'
import { socketReply, wantsSocket } from '../socket.ts'
import { clamped } from '../validate.ts'

const Cursor = v.pipe(
  v.string('must be given once'),
  v.regex(/^\d{1,15}$/, 'must be the cursor of an event'),
  v.transform(Number),
)

const Names = v.pipe(
  v.string('must be given once, with commas between names'),
  v.maxLength(2_000, 'is too long'),
  v.transform(text => text.split(',')),
  v.array(EventSelector),
  v.transform(names => (names.includes('*') ? null : names)),
)

const Selection = {
  after: v.optional(Cursor),
  sessionId: v.optional(v.pipe(v.string('must be given once'), SessionId)),
  events: v.optional(Names),
}

const EventPage = v.strictObject({ events: v.array(LoggedEvent), next: v.number(), newest: v.number() })

function refuseForeign(key: ApiKeyRow, sessionId: string | undefined): void {
  if (sessionId !== undefined && key.allowedSessions !== null && !key.allowedSessions.includes(sessionId))
    throw new GatewayError('forbidden', 'API key not authorized for this session')
}

/** Null when the log can go on from the cursor, else the answer that says what is left of it. */
async function gone(db: Db, cursor: number): Promise<Reply | null> {
  const { pruned, newest } = await logBounds(db)
  if (cursor >= pruned && cursor <= newest) return null
  const message =
    cursor > newest
      ? 'The log has never been so far: it belongs to another database than the cursor'
      : 'The log has forgotten events after the cursor'
  const body = { statusCode: 410, message, error: 'Gone', code: 'CURSOR_GONE', oldest: pruned + 1, newest }
  return jsonReply(410, body)
}

/** Never null behind a role; says so to the compiler. */
function keyOf(key: ApiKeyRow | null): ApiKeyRow {
  if (key === null) throw new GatewayError('unauthorized', 'Invalid or missing API key')
  return key
}

export const eventRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/events',
    summary: 'Page through the event log, oldest first; `next` is the cursor for the next page',
    role: 'viewer',
    query: v.object({ ...Selection, limit: clamped({ min: 1, max: 1_000, fallback: 100 }) }),
    status: 200,
    result: EventPage,
    async handle({ query, key: given }, { db }) {
      const key = keyOf(given)
      refuseForeign(key, query.sessionId)
      const { pruned, newest } = await logBounds(db)
      const { events, next } = await readEvents(
        db,
        {
          scope: key.allowedSessions,
          sessionId: query.sessionId,
          names: query.events ?? null,
          withheld: withheldFrom(key.role),
        },
        { after: query.after ?? pruned, limit: query.limit, newest },
      )
      // Behind the page: what was cut off while it was read is missing in it.
      const refusal = query.after === undefined ? null : await gone(db, query.after)
      if (refusal !== null) return refusal
      const body = `{"events":[${events.map(toEventText).join(',')}],"next":${next},"newest":${newest}}`
      return reply(200, body, {})
    },
  }),
  route({
    method: 'GET',
    path: '/events/stream',
    summary: 'Live events as server-sent events, from Last-Event-ID or `after` on, else from now',
    role: 'viewer',
    query: v.object(Selection),
    status: 200,
    result: v.unknown(),
    async handle({ query, key: given, headers }, { db, eventStreams }) {
      const key = keyOf(given)
      refuseForeign(key, query.sessionId)
      const cursor = resumeAt(headers.get('last-event-id')) ?? query.after ?? (await logBounds(db)).newest
      const refusal = await gone(db, cursor)
      if (refusal !== null) return refusal
      const names = query.events ?? null
      return reply(
        200,
        eventStreams.open({ key, cursor, sessionId: query.sessionId, names }, serverSentEvents),
        {
          'content-type': 'text/event-stream; charset=utf-8',
          // A proxy that gathers an answer before it passes it on would hold back every event.
          'x-accel-buffering': 'no',
        },
      )
    },
  }),
  route({
    method: 'GET',
    path: '/events/ws',
    summary:
      'Live events over a WebSocket, from the cursor `after` on, else from now; the key goes into a header',
    role: 'viewer',
    query: v.object(Selection),
    status: 101,
    result: v.unknown(),
    async handle({ query, key: given, headers }, { db, eventStreams, now, after }) {
      const key = keyOf(given)
      refuseForeign(key, query.sessionId)
      if (!wantsSocket(headers))
        throw new GatewayError('upgrade_required', 'This address is for WebSockets: Upgrade: websocket')
      const cursor = query.after ?? (await logBounds(db)).newest
      const refusal = await gone(db, cursor)
      if (refusal !== null) return refusal
      const ask = { key, cursor, sessionId: query.sessionId, names: query.events ?? null }
      return socketReply(createEventSocket({ now, after }, eventStreams.open(ask, socketFrames)))
    },
  }),
]

function resumeAt(lastEventId: string | null): number | null {
  if (lastEventId === null || lastEventId === '') return null
  const cursor = v.safeParse(Cursor, lastEventId)
  if (cursor.success) return cursor.output
  throw new GatewayError('invalid_input', 'Validation failed', {
    details: { messages: ['Last-Event-ID must be the cursor of an event'] },
  })
}
