// What an engine does with a session it does as its owner: claims it first, learns what another engine has left, and lets go
// of one that does not run.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import { findSession } from '../../src/db/sessions.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Leases } from './leases.ts'
import type { RunningSession } from './running-session.ts'

export interface Ownership {
  /** Acts on a session as its owner. Rejects with `session_elsewhere`, and with whatever `act` does. */
  act<T>(session: RunningSession, act: () => Promise<T>): Promise<T>
  /** Brings about what the database says was wanted, unless another engine does. */
  resume(session: RunningSession): Promise<void>
  /** Something is being done with it at this moment. */
  isBusy(sessionId: string): boolean
}

/** When the database has failed, how long until the next try. */
const RESUME_AGAIN_MS = 5_000

export function createOwnership(deps: {
  db: Db
  leases: Leases
  clock: Clock
  log: Logger
  /** Another engine has run it: what is in memory of it anywhere is read anew. */
  takenOver: (sessionId: string) => Promise<void>
}): Ownership {
  const { db, leases, clock, log, takenOver } = deps
  const busy = new Map<string, number>()

  /** Claimed, with what another engine has left not taken up yet. */
  const behind = new Set<string>()
  const catchingUp = new Map<string, Promise<void>>()

  async function own(session: RunningSession) {
    const { id } = session.row
    if (!(await leases.take(id))) behind.add(id)
    if (!behind.has(id)) return
    const made = catchingUp.get(id) ?? catchUp(session).finally(() => catchingUp.delete(id))
    catchingUp.set(id, made)
    await made
  }

  async function catchUp(session: RunningSession) {
    const { id } = session.row
    const row = await findSession(db, id)
    if (row === null) throw new GatewayError('not_found', `Session with id '${id}' not found`)
    session.refresh(row)
    await takenOver(id)
    behind.delete(id)
  }

  async function act<T>(session: RunningSession, run: () => Promise<T>): Promise<T> {
    const { id } = session.row
    busy.set(id, (busy.get(id) ?? 0) + 1)
    try {
      await own(session)
      return await run()
    } finally {
      const others = (busy.get(id) ?? 1) - 1
      if (others > 0) busy.set(id, others)
      else busy.delete(id)
      if (others === 0 && !session.isRunning)
        await leases.release(id).catch(err => log.warn({ err, sessionId: id }, 'a session is let go later'))
    }
  }

  return {
    act,
    async resume(session) {
      try {
        await act(session, async () => session.resume())
      } catch (err) {
        // Its owner runs it; it is offered here again when that one is gone.
        if (err instanceof GatewayError && err.code === 'session_elsewhere') return
        log.error({ err, sessionId: session.row.id }, 'a session could not be taken up')
        clock.after(RESUME_AGAIN_MS, () => void this.resume(session))
      }
    },
    isBusy: sessionId => busy.has(sessionId),
  }
}
