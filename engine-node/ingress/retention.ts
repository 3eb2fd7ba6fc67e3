// Gives up webhooks that have waited too long, and forgets those that were finished long ago: once an hour, and at start.
import type { Db, Writer } from '../../src/db/db.ts'
import { expireEvents, forgetEvents } from '../../src/db/ingress.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

const SWEEP_MS = 3_600_000
const DAY_MS = 86_400_000

/**
 * `done` is how long a delivery is known against replays: it bounds the tolerance of every route's timestamps. `dead` is
 * how long a dead letter may be taken up again, and how long a delivery may wait before it is one. `maxDead`: of an instance,
 * since each holds a whole request.
 */
export function startIngressRetention(deps: {
  db: Db
  writer: Writer
  clock: Clock
  log: Logger
  days: { done: number; dead: number }
  maxDead: number
}): AsyncDisposable {
  const { db, writer, clock, log, days, maxDead } = deps
  let stop = () => {}
  let closed = false
  let sweeping: Promise<void> = sweep()

  async function sweep() {
    const at = clock.now()
    try {
      const before = { done: at - days.done * DAY_MS, dead: at - days.dead * DAY_MS }
      const error = `Nobody has taken it in ${days.dead} days`
      const [expired] = await writer.commit([
        expireEvents({ before: before.dead, now: at, error }),
        ...forgetEvents(db, before, maxDead),
      ])
      if (expired) log.warn({ webhooks: expired }, 'Webhooks that nobody has taken are dead letters')
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
