// WebSockets on Node: the server that shakes hands, and the upgrade of a request.
import type { Socket } from 'node:net'
import { type HttpBindings, upgradeWebSocket, type WebSocketServerLike } from '@hono/node-server'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import type { Upgrade } from '../src/api/socket.ts'

/** Clients have little to say: acknowledgements. */
const MAX_MESSAGE_BYTES = 4 * 1024

export interface SocketServer extends Disposable {
  server: WebSocketServerLike
  /** Asks every client to go, since the gateway stops. */
  close(): void
}

/** One per HTTP server. `onConnection` hears of each handshake that is done. Disposing cuts off who is still there. */
export function createSocketServer({ onConnection }: { onConnection(socket: Socket): void }): SocketServer {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  })
  server.on('connection', (_client, request) => onConnection(request.socket))
  return {
    // The two types differ only in whether an option may be undefined.
    server: server as WebSocketServerLike,
    close() {
      for (const client of server.clients) client.close(1001, 'The gateway stops')
    },
    [Symbol.dispose]() {
      for (const client of server.clients) client.terminate()
    },
  }
}

/** Turns a request on Node into a socket. */
export const upgrade: Upgrade = (c, handler) => {
  let isClosed = false
  const closed = () => {
    if (isClosed) return
    isClosed = true
    handler.closed()
  }
  const { socket } = (c.env as HttpBindings).incoming
  // A handshake that comes to nothing tells nobody but the socket.
  if (socket.destroyed) closed()
  else socket.once('close', closed)
  return upgradeWebSocket(c, {
    onOpen(_event, context) {
      const raw = context.raw as WebSocket
      handler.opened({
        send: text => context.send(text),
        close: (code, reason) => context.close(code, reason),
        waiting: () => raw.bufferedAmount,
      })
    },
    onMessage: ({ data }) => handler.message(typeof data === 'string' ? data : ''),
    onClose: closed,
    onError: closed,
  })
}
