// Many deadlines of one length on one timer: each begins and is called off with its request, and nearly none ever comes.
import type { Clock } from '../clock.ts'

interface Deadline {
  /** On the clock's `elapsed`. */
  at: number
  run: () => void
}

/** Like the clock's own `after`, for lengths that come again and again. What is called off leaves no timer behind. */
export function createDeadlines(clock: Pick<Clock, 'elapsed' | 'after'>): Clock['after'] {
  /** By length, the soonest first: they were asked for in that order. */
  const queues = new Map<number, { deadlines: Set<Deadline>; cancelTimer: () => void }>()

  function arm(ms: number, first: Deadline, deadlines: Set<Deadline>) {
    const cancelTimer = clock.after(Math.max(0, first.at - clock.elapsed()), () => fire(ms))
    queues.set(ms, { deadlines, cancelTimer })
  }

  function fire(ms: number) {
    const queue = queues.get(ms)
    if (!queue) return
    const { deadlines } = queue
    for (const deadline of deadlines) {
      if (deadline.at > clock.elapsed()) break
      deadlines.delete(deadline)
      deadline.run()
    }
    // Those that came may have called off the rest, and begun anew.
    if (queues.get(ms) !== queue) return
    const [next] = deadlines
    if (next) arm(ms, next, deadlines)
    else queues.delete(ms)
  }

  return (ms, run) => {
    const deadline = { at: clock.elapsed() + ms, run }
    const queue = queues.get(ms)
    if (queue) queue.deadlines.add(deadline)
    else arm(ms, deadline, new Set([deadline]))
    return () => {
      const mine = queues.get(ms)
      if (!mine?.deadlines.delete(deadline) || mine.deadlines.size > 0) return
      mine.cancelTimer()
      queues.delete(ms)
    }
  }
}
