// Whether the database takes writes, for those who send traffic here: known from the commits that pass, and tried where the last
// that is known of failed.
import type { Clock } from '../clock.ts'
import type { WriteQueue, WriteTarget } from './write-queue.ts'

/** A load balancer waits some seconds, and a database that is locked answers after ten. */
const ANSWER_WITHIN_MS = 1_000

/** More than a commit of some messages takes: on a full disk a small write finds room for long where none of them does. */
const ROOM_BYTES = 256 * 1024

const KEY = 'write_probe'
const WRITE = `INSERT INTO meta (key, value) VALUES (?1, hex(randomblob(?2)))
  ON CONFLICT (key) DO UPDATE SET value = excluded.value`
const SWEEP = 'DELETE FROM meta WHERE key = ?'

export interface WriteProbe extends Disposable {
  /** Never rejects, and tries one write at a time, however many ask. */
  canWrite(): Promise<boolean>
}

export function createWriteProbe(deps: {
  queue: Pick<WriteQueue, 'onFailure'>
  /** Tried past the queue: what fails there takes the connections of all sessions. */
  target: Pick<WriteTarget, 'batch'>
  clock: Pick<Clock, 'after'>
}): WriteProbe {
  const { queue, target, clock } = deps
  let isFailing = false
  let trying: Promise<boolean> | null = null
  const undo = queue.onFailure(() => {
    isFailing = true
  })

  async function attempt(): Promise<boolean> {
    try {
      await target.batch([{ sql: WRITE, args: [KEY, ROOM_BYTES / 2] }])
      await target.batch([{ sql: SWEEP, args: [KEY] }])
      isFailing = false
    } catch {
      // Why is in the log of what failed before; here it only is not over.
      isFailing = true
    }
    trying = null
    return !isFailing
  }

  return {
    async canWrite() {
      if (!isFailing) return true
      trying ??= attempt()
      const { promise: late, resolve } = Promise.withResolvers<false>()
      const undoWait = clock.after(ANSWER_WITHIN_MS, () => resolve(false))
      return await Promise.race([trying, late]).finally(undoWait)
    },
    [Symbol.dispose]: undo,
  }
}
