// Holds back what a socket sends until every write that led to it is durable: receipts follow their messages, encrypted
// sends follow their ratchet step.
import type { WriteQueue } from '../store/write-queue.ts'

/** Where a WebSocket writes to. */
interface Corked {
  cork(): void
  uncork(): void
}

/** The part of a WebSocket that the gate stands in front of. */
export interface Sending {
  send(data: string | Uint8Array, done?: (error?: Error) => void): void
  /** Tells of the stream below once it is connected. */
  once(event: 'upgrade', listener: (response: { socket: Corked }) => void): unknown
}

export interface EgressGate {
  /** Nothing leaves any more; what waits is dropped. The socket's memory may be ahead of the database from here on. */
  close(): void
}

/**
 * Replaces `socket.send`. A frame is sent, in order, once all that was queued before **the end of the turn that sent it**
 * is committed. The end of the turn, since Baileys writes late: it sends a message before it commits the ratchet step
 * of its encryption, and a receipt before it tells of the message; both writes follow in the same turn. The callback is
 * answered at once, because Baileys awaits it inside the mutex that serialises incoming messages, and one commit per
 * message would be the price. After a failed write nothing that waits is ever sent.
 */
export function createEgressGate(deps: {
  socket: Sending
  queue: Pick<WriteQueue, 'after'>
  /** Runs when the current turn of the event loop is over. */
  endOfTurn?: (run: () => void) => void
}): EgressGate {
  const { socket, queue, endOfTurn = setImmediate } = deps
  const send = socket.send.bind(socket)
  const undos = new Set<() => void>()
  let stream: Corked | undefined
  let closed = false
  let frames: Uint8Array[] = []

  function release() {
    const leaving = frames
    frames = []
    if (closed) return
    let undo: (() => void) | undefined
    let isDone = false
    undo = queue.after(() => {
      isDone = true
      if (undo) undos.delete(undo)
      if (!closed) sendAll(leaving)
    })
    if (!isDone) undos.add(undo)
  }

  /** In one write to the system: one for each receipt is a good part of what a message costs. */
  function sendAll(leaving: readonly Uint8Array[]) {
    stream?.cork()
    for (const frame of leaving) send(frame)
    stream?.uncork()
  }

  socket.once('upgrade', response => {
    stream = response.socket
  })
  socket.send = (data, done) => {
    if (!closed) {
      if (frames.length === 0) endOfTurn(release)
      frames.push(Buffer.from(data as Uint8Array))
    }
    done?.()
  }

  return {
    close() {
      closed = true
      frames = []
      for (const undo of undos) undo()
      undos.clear()
    },
  }
}
