// The phases at the end of a plugin's life, with patience only for a plugin that is there: one that is broken, or was made so by
// itself, would keep everybody waiting for the whole budget of each.
import type { LifecyclePhase } from '../../src/contract/frames.ts'
import type { Clock } from '../clock.ts'
import type { GuestConnection } from './guest-connection.ts'

/** After something is late: a guest that does not even answer this is stuck, not slow. */
export const PING_TIMEOUT_MS = 5_000

/** Rejects with what the plugin threw or how it ended. One that answers nothing at all is ended on the way. */
export async function endPhase(of: {
  guest: GuestConnection
  clock: Clock
  phase: LifecyclePhase
  timeoutMs: number
}): Promise<void> {
  const { guest, clock, phase, timeoutMs } = of
  const cancel = clock.after(PING_TIMEOUT_MS, () => {
    guest.call('ping', {}, { timeoutMs: PING_TIMEOUT_MS }).catch(() => guest[Symbol.asyncDispose]())
  })
  try {
    await guest.call('lifecycle', { phase }, { timeoutMs })
  } finally {
    cancel()
  }
}
