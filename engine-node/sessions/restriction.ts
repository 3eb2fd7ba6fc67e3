// A restriction that WhatsApp puts on an account, in the shape of the API. Pure.
import type { ReachoutTimelockState } from 'baileys'
import type { AccountRestriction } from '../../src/contract/session.ts'

/** Null for one that is lifted. */
export function restrictionOf(lock: ReachoutTimelockState): AccountRestriction | null {
  if (!lock.isActive) return null
  const ends = lock.timeEnforcementEnds
  return {
    kind: 'reachout_timelock',
    code: lock.enforcementType ?? null,
    expiresAt: ends === undefined || Number.isNaN(ends.getTime()) ? null : ends.toISOString(),
  }
}
