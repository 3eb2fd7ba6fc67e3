// Forgets webhooks that were finished long ago: once an hour, and at start.
import type { Db, Writer } from '../../src/db/db.ts'
import { forgetEvents } from '../../src/db/ingress.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

const SWEEP_MS = 3_600_000
const DAY_MS = 86_400_000

/**
 * `done` is how long a delivery is known against replays: it bounds the tolerance of every route's timestamps. `dead` is
 * how long a dead letter may be taken up again. Deliveries that wait are never forgotten.
 */
export function startIngressRetention(deps: {
  db: Db
  writer: Writer
  clock: Clock
  log: Logger
  days: { done: number; dead: number }
}): AsyncDisposable {
  const { db, writer, clock, log, days } = deps
  let stop = () => {}
  let closed = false
  let sweeping: Promise<void> = sweep()

  async function sweep() {
    const at = clock.now()
    try {
      await writer.commit(forgetEvents(db, { done: at - days.done * DAY_MS, dead: at - days.dead * DAY_MS }))
    } catch (thrown) {
      // The next sweep takes what this one left.
      log.warn({ err: thrown }, 'Old webhooks could not be forgotten')
    }
    if (!closed)
      stop = clock.after(SWEEP_MS, () => {
        sweeping = sweep()
      })
  }

  return {
    async [Symbol.asyncDispose]() {
      closed = true
      stop()
      await sweeping
    },
  }
}
