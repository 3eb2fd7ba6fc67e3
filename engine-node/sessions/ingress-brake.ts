// Lets so many frames of one connection in within a turn of the event loop. Whoever was away gets thousands of messages at once, and
// they would be read in one turn: nothing could be committed, answered or asked of plugins meanwhile, by any session.

/** The client of Baileys, which passes on what its WebSocket brings. */
export interface Passing {
  emit(event: string | symbol, ...args: unknown[]): boolean
}

/** The WebSocket itself. */
export interface Pausing {
  pause(): void
  resume(): void
}

/** Some 30 ms of work where each is a message. With fewer the commits get small, and cost more in all. */
export const MAX_FRAMES_PER_TURN = 128

/** Baileys passes what it makes of frames through the same client; only these are the socket's own, and its last word. */
const ends: ReadonlySet<string | symbol> = new Set(['close', 'error'])

/**
 * Brakes from here on. What the socket brings beyond it waits, in order, and the socket is paused; one read is up to 64 KB, so
 * little ever waits. That it ends is told behind the frames that came before.
 */
export function brakeIngress(
  client: Passing,
  socket: Pausing,
  /** Runs when the current turn of the event loop is over. */
  endOfTurn: (run: () => void) => void = setImmediate,
): void {
  const emit = client.emit.bind(client)
  let waiting: unknown[][] = []
  let passed = 0

  client.emit = (event, ...args) => {
    if (event !== 'message') {
      if (ends.has(event)) letIn(waiting.length)
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
    if (waiting.length === 0) socket.resume()
  }

  function letIn(count: number) {
    const first = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const args of first) emit('message', ...args)
  }
}
