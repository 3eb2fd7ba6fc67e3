// A byte stream over a message port, so that a worker thread is spoken to exactly as a process is: the same frames, the same
// reader, the same bounds.
import { Duplex } from 'node:stream'

/** What a worker is to its parent, and a parent port to the worker. */
export interface MessageEnd {
  postMessage(value: unknown, transfer: ArrayBuffer[]): void
  on(event: 'message', listener: (value: unknown) => void): unknown
}

/** Bytes on their way that the other side has not said it took: a port by itself holds as much as memory does. */
const WINDOW_BYTES = 1024 * 1024

/** How much is taken in before the other side is told: for small frames next to never. */
const ACKNOWLEDGE_BYTES = WINDOW_BYTES / 4

/** Messages are bytes, or the number of bytes taken. The other side may send anything; what is neither ends the stream. */
export function createPortStream(port: MessageEnd): Duplex {
  let onTheWay = 0
  let taken = 0
  let goOn: (() => void) | null = null

  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      // A copy of its own: the clone of a pooled buffer would carry the rest of the pool, which is the sender's memory.
      const bytes = new Uint8Array(chunk)
      onTheWay += bytes.length
      port.postMessage(bytes, [bytes.buffer])
      if (onTheWay < WINDOW_BYTES) done()
      else goOn = done
    },
  })

  function acknowledged(bytes: number): void {
    onTheWay -= bytes
    if (goOn === null || onTheWay >= WINDOW_BYTES) return
    const resume = goOn
    goOn = null
    resume()
  }

  port.on('message', value => {
    if (stream.destroyed) return
    if (typeof value === 'number') acknowledged(value)
    else if (value instanceof Uint8Array && value.buffer instanceof ArrayBuffer) {
      stream.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      taken += value.byteLength
      if (taken < ACKNOWLEDGE_BYTES) return
      port.postMessage(taken, [])
      taken = 0
    } else stream.destroy()
  })
  return stream
}
