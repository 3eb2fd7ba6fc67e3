// The port on loopback that clients connect to. What is said on a connection is up to others.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Faults } from './faults.ts'

const HOST = '127.0.0.1'

/** What came through the door. */
export interface Visits {
  /** How many connections there were in all. */
  readonly all: number
  /** How many there were at one moment, at most; one that was told to go, or has said that it goes, is none. */
  readonly most: number
}

export interface FrontDoor extends AsyncDisposable {
  readonly url: string
  readonly visits: Visits
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
  const visits = { all: 0, most: 0 }
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.on('upgrade', (request, stream, head) => {
    if (faults.refusing) return stream.destroy()
    sockets.handleUpgrade(request, stream, head, socket => {
      const open = [...sockets.clients].filter(each => each.readyState === each.OPEN)
      visits.all += 1
      visits.most = Math.max(visits.most, open.length)
      if (!faults.stalling) onSocket(socket, stream)
    })
  })
  server.listen(port, HOST)
  await once(server, 'listening')
  return {
    url: `ws://${HOST}:${(server.address() as AddressInfo).port}/ws/chat`,
    visits,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
