// The day of a worker: it looks for work when it is woken or when something falls due, one look at a time, and rests after a
// failure. What there is to do, and how much of it at once, is its owner's business.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from './clock.ts'

export interface Rounds extends AsyncDisposable {
  /** Looks for work in the next turn of the event loop, once for all who call in this one; called during a look, once more. */
  wake(): void
  /** Takes care of work that a look has begun. What it rejects with counts as a failed look, which is noted before `ended` is called. */
  start(work: Promise<void>, ended: () => void): void
  /** False during a rest, and once disposing has begun: then nothing more is to be begun. */
  readonly mayBegin: boolean
  /** Resolves when no look and no work is under way. */
  idle(): Promise<void>
}

/** How long it rests after the database has failed it: trying at once would do again and again what cannot be noted. */
export const FAILURE_PAUSE_MS = 5_000

/**
 * How long it sleeps at most: what falls due does so by the hour, which may be set forward, or go on while the machine sleeps,
 * without a timer that knows.
 */
export const LONGEST_SLEEP_MS = 60_000

export function createRounds(deps: {
  clock: Clock
  /** Begins what can be begun; gives the hour at which to look again, infinite where something else will wake. */
  look(): Promise<number>
  onError(error: unknown): void
  /** How long disposing waits for work under way. */
  drainMs?: number
}): Rounds {
  const { clock, drainMs = 5_000 } = deps
  const underWay = new Set<Promise<void>>()
  let looking: Promise<void> | null = null
  let again = false
  /** On the clock's `elapsed`: the hour may be set while it rests. */
  let restsUntil = 0
  let cancelTimer = () => {}
  let isOver = false

  function wake() {
    if (isOver) return
    again = true
    looking ??= looks().finally(() => {
      looking = null
      // Woken between the last look and here: nobody else would look again.
      if (again) wake()
    })
  }

  async function looks() {
    while (again && !isOver) {
      await nextTurn()
      again = false
      try {
        if (isResting()) wakeAfter(restsUntil - clock.elapsed())
        else wakeAfter((await deps.look()) - clock.now())
      } catch (error) {
        rest(error)
      }
    }
  }

  const isResting = () => clock.elapsed() < restsUntil

  function rest(error: unknown) {
    deps.onError(error)
    restsUntil = clock.elapsed() + FAILURE_PAUSE_MS
    wakeAfter(FAILURE_PAUSE_MS)
  }

  function wakeAfter(ms: number) {
    cancelTimer()
    cancelTimer = () => {}
    if (isOver || !Number.isFinite(ms)) return
    cancelTimer = clock.after(Math.min(Math.max(0, ms), LONGEST_SLEEP_MS), wake)
  }

  return {
    wake,
    start(work, ended) {
      const end = () => {
        underWay.delete(done)
        ended()
      }
      const done: Promise<void> = work.then(end, error => {
        rest(error)
        end()
      })
      underWay.add(done)
    },
    get mayBegin() {
      return !isOver && !isResting()
    },
    async idle() {
      while (looking !== null || underWay.size > 0) await Promise.all([looking, ...underWay])
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      cancelTimer()
      await looking
      await new Promise<void>(resolve => {
        const cancel = clock.after(drainMs, resolve)
        Promise.all(underWay).then(() => {
          cancel()
          resolve()
        })
      })
    },
  }
}
