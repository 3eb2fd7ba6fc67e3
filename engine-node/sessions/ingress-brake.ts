// Lets so many frames of one connection in within a turn of the event loop. Whoever was away gets thousands of messages at once, and
// they would be read in one turn: nothing could be committed, answered or asked of plugins meanwhile, by any session.
import type { WriteQueue } from '../store/write-queue.ts'

/** The part of a WebSocket that the brake is on. */
export interface Receiving {
  emit(event: string | symbol, ...args: unknown[]): boolean
  pause(): void
  resume(): void
}

/** Some 30 ms of work where each is a message. With fewer the commits get small, and cost more in all. */
export const MAX_FRAMES_PER_TURN = 128

/**
 * Writes of all sessions that may wait for the disk while frames are still let in: some hundred messages. Behind a disk that is slow
 * for long the rest is WhatsApp's to keep, and not our memory's.
 */
export const MAX_BACKLOG = 2_500

/**
 * Brakes from here on. What the socket brings beyond it waits, in order, and the socket is paused; one read is up to 64 KB, so
 * little ever waits. What else it tells comes behind the frames that came before, its close among it.
 */
export function brakeIngress(deps: {
  socket: Receiving
  queue: Pick<WriteQueue, 'backlog' | 'after'>
  /** Runs when the current turn of the event loop is over. */
  endOfTurn?: (run: () => void) => void
}): void {
  const { socket, queue, endOfTurn = setImmediate } = deps
  const emit = socket.emit.bind(socket)
  let waiting: unknown[][] = []
  let passed = 0
  let isPaused = false

  socket.emit = (event, ...args) => {
    if (event !== 'message') {
      letIn(waiting.length)
      return emit(event, ...args)
    }
    if (passed === 0) endOfTurn(begin)
    passed += 1
    if (passed <= MAX_FRAMES_PER_TURN) return emit(event, ...args)
    waiting.push(args)
    pause()
    return true
  }

  function begin() {
    if (queue.backlog() > MAX_BACKLOG) {
      // What has been read already waits as well. After a failed write nobody is called, and the connection ends.
      passed = MAX_FRAMES_PER_TURN
      pause()
      queue.after(() => endOfTurn(begin))
      return
    }
    passed = waiting.length
    if (passed > 0) endOfTurn(begin)
    letIn(MAX_FRAMES_PER_TURN)
    if (waiting.length === 0) resume()
  }

  function letIn(count: number) {
    const first = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const args of first) emit('message', ...args)
  }

  function pause() {
    if (!isPaused) socket.pause()
    isPaused = true
  }

  function resume() {
    if (isPaused) socket.resume()
    isPaused = false
  }
}
