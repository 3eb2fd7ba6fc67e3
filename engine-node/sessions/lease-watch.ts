// What other engines' claims look like from here: which still live, and which are over. Kept in memory; asks nobody.

import type { SessionStatus } from '../../src/contract/session.ts'
import type { LeaseRow, WantedSession } from '../../src/db/leases.ts'
import type { EngineIdentity } from './leases.ts'

export interface LeaseWatch {
  /** Looks at all sessions that should run. */
  see(wanted: readonly WantedSession[]): void
  /** Nobody who lives holds it. */
  mayTake(row: LeaseRow): boolean
  /** This engine should run it now. */
  isFree(wanted: WantedSession): boolean
  /** Another engine has claimed what this one held. */
  lost(row: LeaseRow, warn: (text: string) => void): void
}

/** A claim as it was last seen to change, and when. */
interface Sight {
  fence: number
  beat: number
  since: number
}

/** In these an engine has let go of a session since a person is needed: another engine would fail in the same way. */
const forPeople: ReadonlySet<SessionStatus> = new Set(['failed', 'action_required'])

const TWIN =
  'Another running engine uses a copy of this data folder, so each takes the sessions of the other. Delete the file engine.id in one of the two folders and start that engine again'

/**
 * A claim is over when it has not changed for its whole time by the clock of whoever looks; at once where it was made from
 * this very data folder, since its lock proves that the process is gone.
 */
export function createLeaseWatch(deps: {
  elapsed: () => number
  engine: EngineIdentity
  isAlone: boolean
}): LeaseWatch {
  const { elapsed, engine, isAlone } = deps
  let sights = new Map<string, Sight>()
  /** The lock proves nothing where somebody else has the same identity. */
  let hasTwin = false

  function sightOf({ sessionId, fence, beat }: LeaseRow): Sight {
    const known = sights.get(sessionId)
    if (known?.fence === fence && known.beat === beat) return known
    const fresh = { fence, beat, since: elapsed() }
    sights.set(sessionId, fresh)
    return fresh
  }

  function mayTake(row: LeaseRow): boolean {
    if (isAlone || row.owner === null || row.owner === engine.id) return true
    if (row.home === engine.home && !hasTwin) return true
    return elapsed() - sightOf(row).since >= row.leaseMs
  }

  return {
    mayTake,
    see(wanted) {
      const before = sights
      sights = new Map()
      for (const { sessionId, lease } of wanted) {
        const sight = before.get(sessionId)
        if (sight) sights.set(sessionId, sight)
        if (lease) sightOf(lease)
      }
    },
    isFree({ status, lease }) {
      const isLeft = lease === null || lease.owner === null
      return isLeft ? !forPeople.has(status) : mayTake(lease)
    },
    lost(row, warn) {
      if (row.home !== engine.home || row.owner === engine.id || hasTwin) return
      hasTwin = true
      warn(TWIN)
    },
  }
}
