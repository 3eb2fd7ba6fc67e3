// Takes away what was done to messages once nobody can ask for it any more: what it led to stays in the rows of the messages.
import { pruneChanges } from '../../src/db/message-changes.ts'
import type { Clock } from '../clock.ts'
import type { WriteQueue } from '../store/write-queue.ts'

const DAY_MS = 24 * 60 * 60_000
const PRUNE_EVERY_MS = 6 * 60 * 60_000

/**
 * How long changes are kept: longer than the fourteen days in which a device may ask for one of ours again, and than the
 * message of a change that came first may need.
 */
export const CHANGE_AGE_MS = 30 * DAY_MS

/** Votes are counted anew, so the last one of each voter stays as long as its poll does; these are of polls that are not here. */
export const STRAY_VOTE_AGE_MS = 90 * DAY_MS

/** Begins at once; disposing of it ends it. */
export function createChangeRetention(deps: { queue: Pick<WriteQueue, 'put'>; clock: Clock }): Disposable {
  const { queue, clock } = deps
  let undo = clock.after(0, prune)

  function prune() {
    const now = clock.now()
    queue.put(pruneChanges({ before: now - CHANGE_AGE_MS, strayVotesBefore: now - STRAY_VOTE_AGE_MS }))
    undo = clock.after(PRUNE_EVERY_MS, prune)
  }

  return { [Symbol.dispose]: () => undo() }
}
