// Keeps the event log within its age and its size, a part at a time, so that no cut holds up the database for long; and the hours of
// deliveries within what can be.
import type { Db, Writer } from '../../src/db/db.ts'
import { pruneDeadLetters } from '../../src/db/deliveries.ts'
import { bringForward } from '../../src/db/delivery-queue.ts'
import { logBytes, oldestEvents, pruneEvents } from '../../src/db/events.ts'
import { LONGEST_PAUSE_MS } from '../../src/webhooks/schedule.ts'
import type { Clock } from '../clock.ts'

export interface RetentionLimits {
  maxAgeMs: number
  maxBytes: number
  /** Dead letters stay for so long after they were given up. */
  deadLetterMs: number
}

export interface Retention extends AsyncDisposable {
  /** Cuts now, and then again and again. */
  start(): void
  /** One cut; resolves when it is done. */
  run(): Promise<void>
}

/** Weighing the log reads an index of it, so it is not done often. */
const EVERY_MS = 5 * 60 * 1_000

/** Events that go in one transaction. */
const CHUNK = 500

export function createRetention(deps: {
  db: Db
  writer: Writer
  clock: Clock
  limits: RetentionLimits
  onError(error: unknown): void
}): Retention {
  const { db, writer, clock, limits } = deps
  let cancel = () => {}
  let running: Promise<void> = Promise.resolve()
  let isStopped = false

  async function run() {
    const now = clock.now()
    await writer.commit([
      pruneDeadLetters(now - limits.deadLetterMs),
      bringForward({ now, latest: now + LONGEST_PAUSE_MS }),
    ])
    let excess = (await logBytes(db)) - limits.maxBytes
    for (let cursor = 0; !isStopped; ) {
      const oldest = await oldestEvents(db, cursor, CHUNK)
      let through = cursor
      for (const { seq, bytes, createdAt } of oldest) {
        if (excess <= 0 && createdAt >= now - limits.maxAgeMs) break
        excess -= bytes
        through = seq
      }
      if (through === cursor) return
      await writer.commit(pruneEvents(db, through, cursor))
      cursor = through
    }
  }

  function start() {
    running = run()
      .catch(deps.onError)
      .finally(() => {
        if (!isStopped) cancel = clock.after(EVERY_MS, start)
      })
  }

  return {
    start,
    run,
    async [Symbol.asyncDispose]() {
      isStopped = true
      cancel()
      await running
    },
  }
}
