// Sockets between "make this a WebSocket" and the answer to it. Node's HTTP server lets go of a socket with the event, its error
// listener and its timeouts included: whoever takes it must bring both, or a client's reset ends the process.
import type { Socket } from 'node:net'

/** A handshake waits for one look at the database, no longer. */
const HANDSHAKE_MS = 10_000

/** For a refusal to be read. A client that keeps its own half open has nothing more to say. */
const LINGER_MS = 1_000

export interface Handshakes extends Disposable {
  /** From now on the socket lives for as long as a handshake may take, and not on after a refusal. */
  begin(socket: Socket): void
  /** It has become a WebSocket, which looks after itself. */
  end(socket: Socket): void
}

/** `after` calls once, after so many milliseconds, and gives the undo. Disposing cuts off who has no answer yet. */
export function createHandshakes(deps: { after(ms: number, run: () => void): () => void }): Handshakes {
  const stops = new Map<Socket, () => void>()

  return {
    begin(socket) {
      // Kept for good: between two owners nobody else listens.
      socket.on('error', () => {})
      const destroy = () => socket.destroy()
      let cancel = deps.after(HANDSHAKE_MS, destroy)
      const refused = () => {
        cancel()
        cancel = deps.after(LINGER_MS, destroy)
        // Read to nowhere: what the client still sends would keep its goodbye from being seen.
        socket.resume()
      }
      const stop = () => {
        cancel()
        socket.off('finish', refused)
        socket.off('close', stop)
        stops.delete(socket)
      }
      stops.set(socket, stop)
      socket.once('finish', refused)
      socket.once('close', stop)
    },
    end(socket) {
      stops.get(socket)?.()
    },
    [Symbol.dispose]() {
      for (const socket of stops.keys()) socket.destroy()
    },
  }
}
