// Sessions (REST spec, section 1): lists come from the database, whatever needs a socket is asked of the engine.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { SessionId } from '../../contract/ids.ts'
import { CreateSession, Session, SessionQr } from '../../contract/session.ts'
import { countSessions, findSession, listSessions, toSession } from '../../db/sessions.ts'
import { type Route, route } from '../route.ts'
import { clamped, pathId } from '../validate.ts'

export const noSession = (id: string): string => `Session with id '${id}' not found`

/** The path of everything that belongs to one session. */
export const BySession = v.object({ sid: pathId(SessionId, noSession) })

const SessionList = v.object({
  limit: clamped({ min: 1, max: 1000, fallback: 1000 }),
  offset: clamped({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }),
  name: v.optional(v.pipe(v.string('must be one name'), v.nonEmpty('must not be empty'))),
})

const Overview = v.strictObject({
  total: v.number(),
  active: v.number(),
  ready: v.number(),
  disconnected: v.number(),
  byStatus: v.record(v.string(), v.number()),
  /** Of the process that answers, in MB. */
  memoryUsage: v.strictObject({ heapUsed: v.number(), heapTotal: v.number(), rss: v.number() }),
})

const inMb = (bytes: number) => Math.round(bytes / 1024 / 1024)

/** What tells the engine to do something with a session and answers with the session as it is then. */
const actions = [
  ['start', 'session.start', 'session_started', 'Start a session'],
  [
    'stop',
    'session.stop',
    'session_stopped',
    'Stop a session; it stays stopped over a restart of the gateway',
  ],
  ['logout', 'session.logout', 'session_logged_out', 'Log the account out and forget its credentials'],
  ['force-kill', 'session.forceKill', 'session_killed', 'End a session that does not stop'],
] as const

export const sessionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions',
    summary: 'List the sessions that the key may see, newest first',
    role: 'viewer',
    query: SessionList,
    status: 200,
    result: v.array(Session),
    handle: ({ query: { limit, offset, name }, key }, { db }) =>
      listSessions(db, { limit, offset, name, scope: key?.allowedSessions ?? null }),
  }),
  // Before `/sessions/:sid`, which would take `stats` for an id.
  route({
    method: 'GET',
    path: '/sessions/stats/overview',
    summary: 'Count the sessions that the key may see',
    role: 'viewer',
    status: 200,
    result: Overview,
    async handle({ key }, { db, memoryUsage }) {
      const { total, active, byStatus } = await countSessions(db, key?.allowedSessions ?? null)
      const { ready = 0, disconnected = 0 } = byStatus
      const { heapUsed, heapTotal, rss } = memoryUsage()
      return {
        total,
        active,
        ready,
        disconnected,
        byStatus,
        memoryUsage: { heapUsed: inMb(heapUsed), heapTotal: inMb(heapTotal), rss: inMb(rss) },
      }
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid',
    summary: 'Get one session',
    role: 'viewer',
    params: BySession,
    status: 200,
    result: Session,
    async handle({ params: { sid } }, { db }) {
      const row = await findSession(db, sid)
      if (row === null) throw new GatewayError('not_found', noSession(sid))
      return toSession(row)
    },
  }),
  route({
    method: 'POST',
    path: '/sessions',
    summary: 'Create a session',
    role: 'operator',
    unscoped: true,
    body: CreateSession,
    audit: { action: 'session_created', subject: (_ask, made) => made?.id ?? null },
    status: 201,
    result: Session,
    handle({ body: { proxyType: _, ...body }, key }, { engine }) {
      if (body.proxyUrl != null && key?.role !== 'admin')
        throw new GatewayError('forbidden', 'Insufficient permissions. Required: admin')
      return engine.call('session.create', body)
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/qr',
    summary: 'Get the QR code that links a phone',
    role: 'operator',
    params: BySession,
    status: 200,
    result: SessionQr,
    handle: ({ params: { sid } }, { engine }) => engine.call('session.qr', { sessionId: sid }),
  }),
  ...actions.map(([name, method, action, summary]) =>
    route({
      method: 'POST',
      path: `/sessions/:sid/${name}`,
      summary,
      role: 'operator',
      params: BySession,
      audit: { action, subject: ({ params }) => params.sid },
      status: 200,
      result: Session,
      handle: ({ params: { sid } }, { engine }) => engine.call(method, { sessionId: sid }),
    }),
  ),
  route({
    method: 'DELETE',
    path: '/sessions/:sid',
    summary: 'Delete a session with its messages and credentials',
    role: 'operator',
    params: BySession,
    audit: { action: 'session_deleted', subject: ({ params }) => params.sid },
    status: 204,
    result: null,
    handle: ({ params: { sid } }, { engine }) => engine.call('session.delete', { sessionId: sid }),
  }),
]
