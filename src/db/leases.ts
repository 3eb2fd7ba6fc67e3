// Leases in the database: which engine runs which session, under which fencing number, and the statement that refuses the
// writes of an engine that does not any more.
import { eq } from 'drizzle-orm'
import type { SessionStatus } from '../contract/session.ts'
import type { Db, Statement } from './db.ts'
import { sessionLeases, sessions } from './schema.ts'

export type LeaseRow = typeof sessionLeases.$inferSelect

/** A session that should run, and who says that it runs it. */
export interface WantedSession {
  sessionId: string
  status: SessionStatus
  lease: LeaseRow | null
}

export async function allLeases(db: Db): Promise<LeaseRow[]> {
  return await db.select().from(sessionLeases)
}

export async function findLease(db: Db, sessionId: string): Promise<LeaseRow | null> {
  const [row] = await db.select().from(sessionLeases).where(eq(sessionLeases.sessionId, sessionId)).limit(1)
  return row ?? null
}

/** Those that one start of an engine holds. */
export async function leasesOf(db: Db, owner: string): Promise<LeaseRow[]> {
  return await db.select().from(sessionLeases).where(eq(sessionLeases.owner, owner))
}

export async function wantedSessions(db: Db): Promise<WantedSession[]> {
  return await db
    .select({ sessionId: sessions.id, status: sessions.status, lease: sessionLeases })
    .from(sessions)
    .leftJoin(sessionLeases, eq(sessionLeases.sessionId, sessions.id))
    .where(eq(sessions.desired, 'running'))
}

/** Changes one row, or none where `over` is not the state of the lease any more: somebody was quicker. */
export function claimLease(
  claim: Pick<LeaseRow, 'sessionId' | 'owner' | 'ownerName' | 'home' | 'leaseMs'>,
  over: Pick<LeaseRow, 'fence' | 'beat'> | null,
): Statement {
  const { sessionId, owner, ownerName, home, leaseMs } = claim
  if (over === null)
    return {
      sql: `INSERT INTO session_leases (session_id, fence, beat, owner, owner_name, home, lease_ms)
        VALUES (?, 1, 0, ?, ?, ?, ?) ON CONFLICT (session_id) DO NOTHING`,
      args: [sessionId, owner, ownerName, home, leaseMs],
    }
  return {
    sql: `UPDATE session_leases SET fence = fence + 1, beat = 0, owner = ?2, owner_name = ?3, home = ?4, lease_ms = ?5
      WHERE session_id = ?1 AND fence = ?6 AND beat = ?7`,
    args: [sessionId, owner, ownerName, home, leaseMs, over.fence, over.beat],
  }
}

/** Shows whoever looks that the engine lives: one statement for all of its sessions. */
export const renewLeases = (owner: string): Statement => ({
  sql: 'UPDATE session_leases SET beat = beat + 1 WHERE owner = ?',
  args: [owner],
})

/** Changes nothing where another engine has claimed it since. The fence stays, so that the next claim is above it. */
export const releaseLease = (sessionId: string, owner: string): Statement => ({
  sql: 'UPDATE session_leases SET owner = NULL WHERE session_id = ? AND owner = ?',
  args: [sessionId, owner],
})

export const releaseLeases = (owner: string): Statement => ({
  sql: 'UPDATE session_leases SET owner = NULL WHERE owner = ?',
  args: [owner],
})

/**
 * To be committed with the writes of a session: refused by the database when the session has been claimed since the claim
 * with this fence, and all that is committed with it. Else it writes nothing.
 */
export const guardLease = (sessionId: string, fence: number): Statement => ({
  sql: `INSERT INTO session_leases (session_id, fence)
    SELECT session_id, NULL FROM session_leases WHERE session_id = ? AND fence <> ?`,
  args: [sessionId, fence],
})

/** True for the error by which the database refuses what was committed with `guardLease`. */
export function isStaleClaim(thrown: unknown): boolean {
  for (let error: unknown = thrown; error instanceof Error; error = error.cause)
    if (error.message.includes('session_leases.fence')) return true
  return false
}
