// Live events over a WebSocket: takes from the stream of events what the client has taken from the socket, and no more, so a
// slow client costs no memory.
import type { SocketFrames } from './event-dialects.ts'
import { STALL_MS } from './event-stream.ts'
import type { Socket, SocketHandler } from './socket.ts'

/** Bytes that may lie ready for a client. A page of events comes on top. */
const MAX_WAITING_BYTES = 256 * 1024

/** How often a full socket is looked at. */
const LOOK_MS = 50

const ASK_FOR_ACKS = '{"control":"acks"}'

/** Close codes: it may come again; and what is over for good. */
const TRY_AGAIN = 1013
const OVER = 1008

const TOO_SLOW = 'The client reads too slowly. It may resume from the cursor'

/**
 * Where the runtime does not tell what a client has taken, the client has to: after each part with events it answers with any
 * text, which a control frame asks for at the start.
 */
export function createEventSocket(
  deps: { now(): number; after(ms: number, run: () => void): () => void },
  stream: ReadableStream<SocketFrames>,
): SocketHandler {
  const reader = stream.getReader()
  let isOver = false
  let heard = 0
  let wake = () => {}

  /** Until something is heard of the client, or that long. */
  const pause = (ms: number) =>
    new Promise<void>(resolve => {
      const cancel = deps.after(ms, resolve)
      wake = () => {
        cancel()
        resolve()
      }
    })

  /** False when the client has not taken it in time. */
  async function isTaken(socket: Socket, { hasEvents }: SocketFrames, before: number): Promise<boolean> {
    const since = deps.now()
    const waits = () =>
      socket.waiting ? socket.waiting() > MAX_WAITING_BYTES : hasEvents && heard === before
    while (!isOver && waits()) {
      if (deps.now() - since >= STALL_MS) return false
      await pause(socket.waiting ? LOOK_MS : STALL_MS)
    }
    return true
  }

  async function pump(socket: Socket) {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || isOver) return
      const before = heard
      for (const frame of value.frames) socket.send(frame)
      if (value.end !== undefined) return end(socket, OVER, value.end)
      if (await isTaken(socket, value, before)) continue
      await reader.cancel()
      return end(socket, TRY_AGAIN, TOO_SLOW)
    }
  }

  function end(socket: Socket, code: number, reason: string) {
    isOver = true
    socket.close(code, reason)
  }

  return {
    opened(socket) {
      if (!socket.waiting) socket.send(ASK_FOR_ACKS)
      // The stream fails where the database is away, and is done where the client has gone.
      pump(socket).catch(() => {
        if (!isOver) end(socket, TRY_AGAIN, 'The events cannot be read at the moment')
      })
    },
    message() {
      heard += 1
      wake()
    },
    closed() {
      isOver = true
      wake()
      // A stream that has failed says so again to whoever cancels it; the pump has heard of it.
      reader.cancel().catch(() => {})
    },
  }
}
