// Lets so many frames of one connection in within a turn of the event loop. Whoever was away gets thousands of messages at once, and
// they would be read in one turn: nothing could be committed, answered or asked of plugins meanwhile, by any session.

/** The part of a WebSocket that the brake is on. */
export interface Receiving {
  on(event: 'message', hear: () => void): unknown
  pause(): void
  resume(): void
}

/** Some 15 ms of work where each is a message. What the socket has read already comes all the same: one read is up to 64 KB. */
export const MAX_FRAMES_PER_TURN = 64

/** Brakes from here on. */
export function brakeIngress(
  socket: Receiving,
  /** Runs when the current turn of the event loop is over. */
  endOfTurn: (run: () => void) => void = setImmediate,
): void {
  let frames = 0
  socket.on('message', () => {
    frames += 1
    if (frames === 1) endOfTurn(begin)
    if (frames === MAX_FRAMES_PER_TURN) socket.pause()
  })

  function begin() {
    if (frames >= MAX_FRAMES_PER_TURN) socket.resume()
    frames = 0
  }
}
