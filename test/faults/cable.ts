// A network cable between a gateway and a server: shows what goes through it, and can be cut. When the server hangs up, the
// gateway is not told, as behind a router that has forgotten the connection.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Cable extends AsyncDisposable {
  /** The server's address, through the cable. */
  readonly url: string
  /** Connections that the gateway holds open. */
  readonly open: number
  /** Bytes that the gateway has sent. */
  readonly sent: number
  /** Resets what is open and what comes, until told otherwise. */
  cut(isCut: boolean): void
  /** Nothing that the server says on the connections of now arrives any more. */
  deafen(): void
}

export async function createCable(target: string): Promise<Cable> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const deaf = new WeakSet<Socket>()
  let sent = 0
  let isCut = false
  const server = createServer(near => {
    if (isCut) return near.resetAndDestroy()
    sockets.add(near)
    const far = connect(Number(port), hostname)
    near.on('data', data => {
      sent += data.length
      if (!far.destroyed) far.write(data)
    })
    far.on('data', data => {
      if (!deaf.has(near)) near.write(data)
    })
    near.on('close', () => {
      sockets.delete(near)
      far.destroy()
    })
    // What ends in an error is closed next.
    for (const socket of [near, far]) socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href.replace(/\/$/, ''),
    get open() {
      return sockets.size
    },
    get sent() {
      return sent
    },
    cut(cutting) {
      isCut = cutting
      if (cutting) for (const socket of sockets) socket.resetAndDestroy()
    },
    deafen() {
      for (const socket of sockets) deaf.add(socket)
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
