// Where the process prints to. A pipe that nobody reads must never hold the engine up: what does not fit is dropped and counted.
import { fstatSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'

export interface LineOutput {
  /** Takes whole lines, and never waits. */
  write(text: string): void
  /** Resolves when everything is out, or after so long. To be awaited before the process is ended. */
  drained(withinMs: number): Promise<void>
}

/** Lines that wait for a reader; some thousands of them, and then nobody reads. */
const MAX_WAITING_BYTES = 1024 * 1024

/** Opens standard output (1) or standard error (2). Files and terminals take what they are given at once; pipes may not. */
export function openOutput(fd: 1 | 2): LineOutput {
  const kind = fstatSync(fd)
  if (!kind.isFIFO() && !kind.isSocket()) return createFileOutput(text => writeSync(fd, text))
  // Not process.stdout: on pipes that one waits until they are read.
  return createSocketOutput(new Socket({ fd, readable: false, writable: true }))
}

const droppedLine = (count: number) =>
  `${JSON.stringify({ level: 40, time: new Date().toISOString(), msg: `${count} lines before this one were dropped` })}\n`

/** The same over a file. A disk that is full is no reason to end. */
export function createFileOutput(append: (text: string) => void): LineOutput {
  let dropped = 0
  return {
    write(text) {
      try {
        if (dropped > 0) append(droppedLine(dropped))
        dropped = 0
        append(text)
      } catch {
        dropped += 1
      }
    },
    drained: async () => {},
  }
}

/** The same over any socket. */
export function createSocketOutput(socket: Socket): LineOutput {
  let dropped = 0
  let isGone = false
  let waiters: (() => void)[] = []

  function wake() {
    for (const ready of waiters) ready()
    waiters = []
  }

  socket.on('error', () => {
    // Whoever read it has gone. There is nobody to tell, and no reason to end.
    isGone = true
    wake()
  })
  socket.on('drain', () => {
    if (dropped > 0) socket.write(droppedLine(dropped))
    dropped = 0
  })

  return {
    write(text) {
      if (isGone) return
      if (socket.writableLength + text.length > MAX_WAITING_BYTES) dropped += 1
      else socket.write(text)
    },
    async drained(withinMs) {
      if (isGone || socket.writableLength === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, withinMs)
      // Called in the order of the writes, behind all of them.
      socket.write('', () => resolve())
      waiters.push(resolve)
      await promise
      clearTimeout(timer)
    },
  }
}
