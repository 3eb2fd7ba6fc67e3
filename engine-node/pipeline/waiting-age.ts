// Gives up what has waited too long in sessions that have no connection, and may never have one again: their senders are to hear of
// it too. A connection looks after what it has to send by itself.
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Outbound } from './outbound.ts'

/** What is too old is so for an hour at most before it is said. */
const LOOK_EVERY_MS = 60 * 60_000

/** Begins at once; disposing of it ends it. */
export function createWaitingAge(deps: {
  outbound: Pick<Outbound, 'expire'>
  clock: Pick<Clock, 'after'>
  log: Logger
}): Disposable {
  const { outbound, clock, log } = deps
  let undo = clock.after(LOOK_EVERY_MS, look)

  function look() {
    outbound
      .expire()
      .catch(err =>
        log.error({ err }, 'messages that wait for too long could not be given up, which is tried again'),
      )
    undo = clock.after(LOOK_EVERY_MS, look)
  }

  return { [Symbol.dispose]: () => undo() }
}
