// Lets so many frames of one connection in within a turn of the event loop. Whoever was away gets thousands of messages at once, and
// they would be read in one turn: nothing could be committed, answered or asked of plugins meanwhile, by any session.

/** The part of a WebSocket that the brake is on. */
export interface Receiving {
  emit(event: string | symbol, ...args: unknown[]): boolean
  pause(): void
  resume(): void
}

/** Some 30 ms of work where each is a message. With fewer the commits get small, and cost more in all. */
export const MAX_FRAMES_PER_TURN = 128

/**
 * Brakes from here on. What the socket brings beyond it waits, in order, and the socket is paused; one read is up to 64 KB, so
 * little ever waits. What else it tells comes behind the frames that came before, its close among it.
 */
export function brakeIngress(
  socket: Receiving,
  /** Runs when the current turn of the event loop is over. */
  endOfTurn: (run: () => void) => void = setImmediate,
): void {
  const emit = socket.emit.bind(socket)
  let waiting: unknown[][] = []
  let passed = 0

  socket.emit = (event, ...args) => {
    if (event !== 'message') {
      letIn(waiting.length)
      return emit(event, ...args)
    }
    if (passed === 0) endOfTurn(begin)
    passed += 1
    if (passed <= MAX_FRAMES_PER_TURN) return emit(event, ...args)
    if (waiting.length === 0) socket.pause()
    waiting.push(args)
    return true
  }

  function begin() {
    passed = waiting.length
    if (passed === 0) return
    endOfTurn(begin)
    letIn(MAX_FRAMES_PER_TURN)
  }

  function letIn(count: number) {
    if (waiting.length === 0) return
    const first = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const args of first) emit('message', ...args)
    if (waiting.length === 0) socket.resume()
  }
}
