// The port on loopback that clients connect to. What is said on a connection is up to others.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Faults } from './faults.ts'

const HOST = '127.0.0.1'

export interface FrontDoor extends AsyncDisposable {
  readonly url: string
}

interface Deps {
  /** 0 lets the system choose. */
  readonly port: number
  readonly faults: Pick<Faults, 'refusing' | 'stalling'>
  /** `stream` is what the socket writes to. */
  onSocket(socket: WebSocket, stream: Duplex): void
}

/** Opens the door. Dispose it, and all its connections end. */
export async function createFrontDoor({ port, faults, onSocket }: Deps): Promise<FrontDoor> {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.on('upgrade', (request, stream, head) => {
    if (faults.refusing) return stream.destroy()
    sockets.handleUpgrade(request, stream, head, socket => {
      if (!faults.stalling) onSocket(socket, stream)
    })
  })
  server.listen(port, HOST)
  await once(server, 'listening')
  return {
    url: `ws://${HOST}:${(server.address() as AddressInfo).port}/ws/chat`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
