// One WebSocket of a client: bytes to stanzas and back, one stanza at a time, and the ways in which it can end.
import type { Duplex } from 'node:stream'
import { type BinaryNode, decodeBinaryNode, encodeBinaryNode } from 'baileys'
import { WebSocket } from 'ws'
import type { Authority } from './certificates.ts'
import type { Companion } from './companion.ts'
import { type Client, createNoiseResponder, type NoiseEvent } from './noise.ts'
import type { Timers } from './timers.ts'
import type { WireLog } from './wire-log.ts'

/** Baileys decodes a frame some ticks after it came; a close in the same breath would overtake the last stanza. */
const LAST_WORD_MS = 5

export interface Connection {
  /** Who the handshake said it is; undefined before it is over. */
  readonly client: Client | undefined
  /** The linked device, once it has logged in. */
  companion: Companion | undefined
  /** The device said that it takes stanzas. */
  active: boolean
  send(stanza: BinaryNode): void
  /** Encodes a stanza now, and gives what sends it; that does nothing once the connection has ended. */
  prepare(stanza: BinaryNode): () => void
  /** Says the last word, if any, then closes in order. */
  end(lastWord?: BinaryNode): void
  /** Resets without a word. */
  drop(): void
  /** Stays open but hears and says nothing more, like a link whose other end lost power. */
  mute(): void
}

interface Deps {
  readonly socket: WebSocket
  /** What the socket writes to. */
  readonly stream: Duplex
  readonly authority: Authority
  readonly log: WireLog
  readonly timers: Timers
  /** How long the server thinks between the handshake and its first stanza. */
  readonly handshakeDelayMs: number
  onClient(connection: Connection): void
  onStanza(connection: Connection, stanza: BinaryNode): void | Promise<void>
  onClosed(connection: Connection): void
  surprise(what: string): void
}

/** Serves one socket. Everything it learns goes out through the callbacks. */
export function createConnection(deps: Deps): Connection {
  const { socket, stream, log, timers, surprise } = deps
  const noise = createNoiseResponder(deps.authority)
  let client: Client | undefined
  let isMute = false
  let isOver = false
  let isGathering = false
  // Stanzas are handled strictly one after another, as they came: Signal and receipts depend on their order.
  let line: Promise<void> = Promise.resolve()

  const connection: Connection = {
    get client() {
      return client
    },
    companion: undefined,
    active: false,
    send(stanza) {
      if (isOpen()) put(stanza, encodeBinaryNode(stanza))
    },
    prepare(stanza) {
      const encoded = encodeBinaryNode(stanza)
      return () => {
        if (isOpen()) put(stanza, encoded)
      }
    },
    end(lastWord) {
      if (lastWord) connection.send(lastWord)
      over()
      // A link that went dead stays half open: its other end learns nothing.
      if (!isMute) timers.after(LAST_WORD_MS, () => socket.close())
    },
    drop() {
      over()
      // What was said before is on its way and arrives.
      flush()
      socket.terminate()
    },
    mute() {
      isMute = true
    },
  }

  const isOpen = () => !isMute && !isOver && socket.readyState === WebSocket.OPEN

  function put(stanza: BinaryNode, encoded: Uint8Array): void {
    record('out', stanza)
    gather()
    socket.send(noise.seal(encoded))
  }

  /** What is said in one breath goes to the system in one write; a write each would be a third of the work. */
  function gather(): void {
    if (isGathering) return
    isGathering = true
    stream.cork()
    process.nextTick(flush)
  }

  function flush(): void {
    if (!isGathering) return
    isGathering = false
    stream.uncork()
  }

  function record(direction: 'in' | 'out', stanza: BinaryNode): void {
    const { companion } = connection
    if (companion) log.record(direction, stanza, companion.account.pn, companion.id)
  }

  function over(): void {
    if (isOver) return
    isOver = true
    connection.active = false
    deps.onClosed(connection)
  }

  async function handle(bytes: Buffer): Promise<void> {
    try {
      const stanza = await decodeBinaryNode(bytes)
      if (isMute || isOver) return
      record('in', stanza)
      await deps.onStanza(connection, stanza)
    } catch (error) {
      surprise(`a stanza could not be handled: ${error instanceof Error ? error.stack : error}`)
    }
  }

  function react(event: NoiseEvent): void {
    switch (event.kind) {
      case 'answer':
        socket.send(event.bytes)
        break
      case 'client':
        client = event.client
        timers.after(deps.handshakeDelayMs, () => void (isOver || deps.onClient(connection)))
        break
      case 'stanza':
        line = line.then(() => handle(event.bytes))
    }
  }

  socket.on('message', data => {
    if (isMute || isOver) return
    try {
      noise.receive(data as Buffer).forEach(react)
    } catch (error) {
      surprise(`a client spoke wrongly: ${error}`)
      connection.drop()
    }
  })
  socket.on('close', over)
  // A reset by the client is followed by 'close'; without a listener it would end the process.
  socket.on('error', () => {})
  return connection
}
