// WebSockets at the edge: a pair of ends on Workers, an upgraded request on Deno.
import type { SocketHandler, Upgrade } from '../api/socket.ts'

/** What both runtimes have of a socket. Deno also tells what waits in it. */
interface EdgeSocket extends EventTarget {
  send(text: string): void
  close(code: number, reason: string): void
  readonly bufferedAmount?: number
}

/** What of Deno is used. */
export interface DenoSockets {
  upgradeWebSocket(request: Request): { socket: EdgeSocket; response: Response }
}

interface WorkersScope {
  WebSocketPair?: new () => { 0: EdgeSocket; 1: EdgeSocket & { accept(): void } }
}

function listen(socket: EdgeSocket, handler: SocketHandler, isTelling: boolean) {
  const opened = () =>
    handler.opened({
      send: text => socket.send(text),
      close: (code, reason) => socket.close(code, reason),
      ...(isTelling && { waiting: () => socket.bufferedAmount ?? 0 }),
    })
  socket.addEventListener('message', event => {
    const { data } = event as MessageEvent
    handler.message(typeof data === 'string' ? data : '')
  })
  socket.addEventListener('close', () => handler.closed())
  socket.addEventListener('error', () => handler.closed())
  return opened
}

/** `deno` is null on Workers. */
export function createUpgrade(deno: DenoSockets | null): Upgrade {
  return (c, handler) => {
    if (deno) {
      const { socket, response } = deno.upgradeWebSocket(c.req.raw)
      socket.addEventListener('open', listen(socket, handler, true))
      return response
    }
    const { WebSocketPair } = globalThis as WorkersScope
    if (WebSocketPair === undefined) throw new Error('there is no WebSocketPair')
    const { 0: client, 1: server } = new WebSocketPair()
    const opened = listen(server, handler, false)
    server.accept()
    opened()
    return new Response(null, { status: 101, webSocket: client } as ResponseInit)
  }
}
