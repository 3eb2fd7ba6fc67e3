// All sessions of this engine: the API's methods on them, and their return after a restart of the gateway.
import { toDataURL } from 'qrcode'
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { Session } from '../../src/contract/session.ts'
import { settingsOf } from '../../src/contract/session-setup.ts'
import { isUniqueViolation } from '../../src/db/db.ts'
import { isStaleClaim } from '../../src/db/leases.ts'
import {
  allSessions,
  findSession,
  insertSession,
  type SessionRow,
  toSession,
  updateSession,
} from '../../src/db/sessions.ts'
import type { ProxyRoute } from '../net/proxy-route.ts'
import type { Leases } from './leases.ts'
import type { Link } from './link.ts'
import { createOwnership } from './ownership.ts'
import { createProxies } from './proxies.ts'
import type { RunningSession, SessionDeps } from './running-session.ts'
import { createSession } from './session.ts'

type SessionMethods = Pick<EngineHandlers, Extract<keyof EngineHandlers, `session.${string}`>>

export interface Sessions extends AsyncDisposable {
  readonly methods: SessionMethods
  /** Starts what was running when the gateway went down. To be called once, before the API takes requests. */
  restore(): Promise<void>
  /** True for a session that runs, whether or not it is connected at this moment. */
  isLive(sessionId: string): boolean
  /** The connection of a session. Rejects with `not_found`, `session_not_started` or `session_not_ready`. */
  link(sessionId: string): Promise<Link>
  /** The proxy of a session; null for one without. */
  routeOf(sessionId: string): Promise<ProxyRoute | null>
}

export interface SessionsDeps extends SessionDeps {
  randomUuid: () => string
  /** How many may run at once. */
  maxSessions: number
  /** Which of them this engine may run. */
  leases: Leases
  /** Another engine has run it since this one knew it last. */
  takenOver: (sessionId: string) => Promise<void>
}

/** Between two starts after a restart: a login costs some 40 ms of processor, and WhatsApp sees no stampede. */
const RESTORE_EVERY_MS = 100

const TAKEN_OVER = 'Another engine has taken over a session of this one, so all connect anew'

const notFound = (id: string) => new GatewayError('not_found', `Session with id '${id}' not found`)

export function createSessions(deps: SessionsDeps): Sessions {
  const { db, queue, clock, log, randomUuid, maxSessions, leases } = deps
  const proxies = createProxies(deps)
  const sessionDeps = { ...deps, proxyOf: proxies.routeOf }
  const known = new Map<string, RunningSession>()
  const ownership = createOwnership(deps)
  /** Those that are about to be taken up, with the undo of each. */
  const resuming = new Map<RunningSession, () => void>()
  const undos: (() => void)[] = []
  undos.push(
    queue.onFailure(failure => {
      const isStale = isStaleClaim(failure)
      const error = isStale ? new GatewayError('session_elsewhere', TAKEN_OVER, { cause: failure }) : failure
      log.error({ err: error }, 'writes were lost, sessions begin again from the database')
      if (isStale) leases.verify()
      for (const session of known.values()) session.reload(error)
    }),
  )

  function adopt(row: SessionRow): RunningSession {
    const session =
      known.get(row.id) ?? createSession({ ...sessionDeps, queue: leases.gated(row.id, queue) }, row)
    known.set(row.id, session)
    return session
  }

  async function find(id: string): Promise<RunningSession> {
    const session = known.get(id)
    if (session) return session
    const row = await findSession(db, id)
    if (row === null) throw notFound(id)
    return adopt(row)
  }

  /** A method that does one thing to a session and answers with what it is then. */
  const does =
    (act: (session: RunningSession) => Promise<void>) =>
    async ({ sessionId }: { sessionId: SessionId }): Promise<Session> => {
      const session = await find(sessionId)
      await ownership.act(session, () => act(session))
      return toSession(session.row)
    }

  /** One after the other, however many become free at once. */
  function resumeLater(session: RunningSession) {
    if (resuming.has(session)) return
    const undo = clock.after(resuming.size * RESTORE_EVERY_MS, () => {
      void ownership.resume(session).finally(() => resuming.delete(session))
    })
    resuming.set(session, undo)
  }

  const running = () => [...known.values()].filter(session => session.isRunning).length

  return {
    methods: {
      async 'session.create'({ name, config, proxyUrl }) {
        const now = clock.now()
        const row: SessionRow = {
          id: randomUuid(),
          name,
          status: 'created',
          desired: 'stopped',
          phone: null,
          lid: null,
          pushName: null,
          connectedAt: null,
          lastActiveAt: null,
          lastError: null,
          statusSince: now,
          trouble: null,
          restriction: null,
          config: config ?? null,
          engineLoaded: false,
          groupsListedAt: null,
          createdAt: now,
          updatedAt: now,
        }
        try {
          await queue.commit([insertSession(db, row), ...proxies.first(row.id, proxyUrl)])
        } catch (cause) {
          if (!isUniqueViolation(cause)) throw cause
          throw new GatewayError('session_name_taken', `Session with name '${name}' already exists`, {
            cause,
          })
        }
        deps.news.created(row)
        return toSession(adopt(row).row)
      },
      'session.start': does(async session => {
        if (!session.isRunning && running() >= maxSessions)
          throw new GatewayError('session_limit', `Maximum concurrent sessions reached (${maxSessions})`)
        await session.start()
      }),
      'session.stop': does(session => session.stop()),
      'session.logout': does(session => session.logout()),
      'session.forceKill': does(session => session.forceKill()),
      async 'session.configure'({ sessionId, config }) {
        const session = await find(sessionId)
        await ownership.act(session, () => session.configure(config))
        return settingsOf(session.row.config)
      },
      async 'session.pairingCode'({ sessionId, phoneNumber }) {
        const session = await find(sessionId)
        return { pairingCode: await session.pairingCode(phoneNumber), status: session.row.status }
      },
      async 'session.setProxy'({ sessionId, input: { proxyUrl } }) {
        await find(sessionId)
        return await proxies.set(sessionId, proxyUrl)
      },
      async 'session.delete'({ sessionId }) {
        const session = await find(sessionId)
        await ownership.act(session, () => session.remove())
        known.delete(sessionId)
        leases.forget(sessionId)
        return null
      },
      async 'session.qr'({ sessionId }) {
        const { isRunning, qr, row } = await find(sessionId)
        if (!isRunning) throw new GatewayError('session_not_started', 'Session is not started')
        if (row.status === 'ready' || row.status === 'authenticating')
          throw new GatewayError('qr_not_available', 'Session is already authenticated')
        if (qr === null)
          throw new GatewayError('qr_not_available', 'QR code is not available yet. Try again shortly')
        return { qrCode: await toDataURL(qr), qr, status: row.status }
      },
    },
    async restore() {
      const rows = (await allSessions(db)).filter(({ id }) => !leases.isElsewhere(id))
      const now = clock.now()
      // After a kill the rows still say what was so before it.
      const stale = rows.filter(row => row.engineLoaded)
      const down = {
        status: 'disconnected',
        statusSince: now,
        trouble: null,
        engineLoaded: false,
        updatedAt: now,
      } as const
      await queue.commit(stale.map(row => updateSession(db, row.id, down)))
      for (const row of rows) {
        const session = adopt(row.engineLoaded ? { ...row, ...down } : row)
        if (row.desired === 'running') resumeLater(session)
      }
      leases.start({
        lost: (id, why) => known.get(id)?.lose(why),
        free: id => void find(id).then(resumeLater, err => log.error({ err }, 'a free session is gone')),
        isRunning: id => ownership.isBusy(id) || known.get(id)?.isRunning === true,
      })
    },
    routeOf: proxies.routeOf,
    isLive: sessionId => known.get(sessionId)?.isRunning === true,
    async link(sessionId) {
      return (await find(sessionId)).link()
    },
    async [Symbol.asyncDispose]() {
      for (const undo of [...undos.splice(0), ...resuming.values()]) undo()
      await Promise.all([...known.values()].map(session => session.close()))
    },
  }
}
