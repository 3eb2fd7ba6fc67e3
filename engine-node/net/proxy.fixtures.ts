// Proxies on loopback for tests: HTTP CONNECT, SOCKS4 and SOCKS5, each with a user or without, that say what went through them.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

export interface TestProxy extends AsyncDisposable {
  url: string
  /** `host:port` of each connection that was let through. */
  targets: string[]
}

interface Options {
  user?: string
  password?: string
  tls?: { key: string; cert: string }
}

async function listen(server: Server) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const join = (from: Socket, host: string, port: number, ready: () => void) => {
  const to = connect(port, host === 'localhost' ? '127.0.0.1' : host, () => {
    ready()
    from.pipe(to).pipe(from)
  })
  to.on('error', () => from.destroy())
  from.on('error', () => to.destroy())
}

export async function httpProxy({ user, password, tls }: Options = {}): Promise<TestProxy> {
  const targets: string[] = []
  const wanted = user === undefined ? null : Buffer.from(`${user}:${password}`).toString('base64')
  const onClient = (socket: Socket) => {
    socket.once('data', data => {
      const [, target = '', host = '', port = ''] = /^CONNECT ((\S+):(\d+)) /.exec(data.toString()) ?? []
      if (wanted !== null && !data.toString().includes(`Basic ${wanted}\r\n`))
        return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      targets.push(target)
      return join(socket, host, Number(port), () => socket.write('HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n'))
    })
    socket.on('error', () => {})
  }
  const server = await listen(tls ? createTlsServer(tls, onClient) : createServer(onClient))
  const login = user === undefined ? '' : `${user}:${password}@`
  return { ...server, targets, url: `${tls ? 'https' : 'http'}://${login}127.0.0.1:${server.port}` }
}

export async function socksProxy({ user, password = '' }: Options = {}): Promise<TestProxy> {
  const targets: string[] = []
  const server = await listen(
    createServer(socket => {
      socket.on('error', () => {})
      const ask = (data: Buffer) => {
        const length = data[4] ?? 0
        const host = data.subarray(5, 5 + length).toString()
        const port = data.readUInt16BE(5 + length)
        targets.push(`${host}:${port}`)
        join(socket, host, port, () => socket.write(Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0)))
      }
      socket.once('data', () => {
        if (user === undefined) {
          socket.write(Buffer.of(5, 0))
          socket.once('data', ask)
          return
        }
        socket.write(Buffer.of(5, 2))
        socket.once('data', data => {
          const given = data.toString('latin1').slice(2)
          const isRight = given === `${user}${String.fromCharCode(password.length)}${password}`
          socket.write(Buffer.of(1, isRight ? 0 : 1))
          if (isRight) socket.once('data', ask)
        })
      })
    }),
  )
  const login = user === undefined ? '' : `${user}:${password}@`
  return { ...server, targets, url: `socks5://${login}127.0.0.1:${server.port}` }
}

/** SOCKS4 with names behind the address, as 4a has them. */
export async function socks4Proxy({ user = '' }: Pick<Options, 'user'> = {}): Promise<TestProxy> {
  const targets: string[] = []
  const server = await listen(
    createServer(socket => {
      socket.on('error', () => {})
      socket.once('data', (data: Buffer) => {
        const [given, host = ''] = data.subarray(8).toString().split('\0')
        const answer = (code: number) => socket.write(Buffer.of(0, code, 0, 0, 0, 0, 0, 0))
        if (given !== user) return answer(93)
        const port = data.readUInt16BE(2)
        targets.push(`${host}:${port}`)
        return join(socket, host, port, () => answer(90))
      })
    }),
  )
  const login = user === '' ? '' : `${user}@`
  return { ...server, targets, url: `socks4://${login}127.0.0.1:${server.port}` }
}
