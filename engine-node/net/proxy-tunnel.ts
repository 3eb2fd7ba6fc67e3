// A connection through a proxy: HTTP CONNECT (RFC 9110, 9.3.6), in clear or over TLS, SOCKS5 with a user name (RFC 1928, RFC
// 1929), and SOCKS4 with its extension for names (4a). The proxy resolves the name, so that nothing of the target is asked of this machine's DNS.
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { GatewayError } from '../../src/contract/errors.ts'

/** A proxy's address without brackets, with its credentials in clear. */
export interface Proxy {
  type: 'http' | 'https' | 'socks4' | 'socks5'
  host: string
  port: number
  username: string
  password: string
}

/** Time for reaching the proxy and for its consent. */
const TIMEOUT_MS = 20_000

/** Longest answer to CONNECT: it is some headers. */
const MAX_HEAD = 16_384

const ports = { http: 80, https: 443, socks4: 1080, socks5: 1080 } as const

/** Reads what settings have checked. */
export function readProxy(url: string): Proxy {
  const { protocol, hostname, port, username, password } = new URL(url)
  const type = protocol.slice(0, -1) as Proxy['type']
  return {
    type,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || ports[type]),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  }
}

const failed = (why: string, cause?: unknown) =>
  new GatewayError('proxy_failed', `The proxy of this session ${why}`, { cause, certain: true })

/** What is read from a socket by the byte; what was read too much goes back into it. */
function createReader(socket: Socket) {
  let buffer = Buffer.alloc(0)
  let wake = () => {}
  let fault: Error | null = null
  // Not by `data`: a stream that has once flowed and was paused does not flow by itself for its next owner.
  const onReadable = () => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null)
      buffer = Buffer.concat([buffer, chunk])
    wake()
  }
  const onEnd = (error?: Error) => {
    fault = error ?? new Error('closed')
    wake()
  }
  socket
    .on('readable', onReadable)
    .on('error', onEnd)
    .on('close', () => onEnd())
  const until = async (length: () => number): Promise<Buffer> => {
    for (;;) {
      const wanted = length()
      if (wanted > 0 && buffer.length >= wanted) {
        const taken = buffer.subarray(0, wanted)
        buffer = buffer.subarray(wanted)
        return taken
      }
      if (fault) throw failed('ended the connection', fault)
      if (buffer.length > MAX_HEAD) throw failed('answered with more than an answer')
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }
  return {
    bytes: (count: number) => until(() => count),
    head: () =>
      until(() => {
        const end = buffer.indexOf('\r\n\r\n')
        return end < 0 ? 0 : end + 4
      }),
    release() {
      socket.off('readable', onReadable)
      if (buffer.length > 0) socket.unshift(buffer)
    },
  }
}
type Reader = ReturnType<typeof createReader>

async function connectByHttp(proxy: Proxy, target: string, socket: Socket, reader: Reader) {
  const { username, password } = proxy
  const credentials = username === '' && password === '' ? null : Buffer.from(`${username}:${password}`)
  const authorization = credentials ? `Proxy-Authorization: Basic ${credentials.toString('base64')}\r\n` : ''
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`)
  const status = /^HTTP\/1\.[01] (\d{3})/.exec((await reader.head()).toString('latin1'))?.[1]
  if (status === '407') throw failed('refused its credentials')
  if (status === undefined || !status.startsWith('2'))
    throw failed(`refused the connection (${status ?? 'no status'})`)
}

/** The address that tells a SOCKS4 proxy to look for a name behind it. */
const SOCKS4_NAMED = Buffer.of(0, 0, 0, 1)

async function connectBySocks4(
  { username }: Proxy,
  { host, port }: { host: string; port: number },
  socket: Socket,
  reader: Reader,
) {
  if (Math.max(username.length, host.length) > 255 || `${username}${host}`.includes('\0'))
    throw failed('takes no such name')
  const head = Buffer.concat([Buffer.of(4, 1, port >> 8, port & 0xff), SOCKS4_NAMED])
  socket.write(Buffer.concat([head, Buffer.from(`${username}\0${host}\0`)]))
  const [version, code] = await reader.bytes(8)
  if (version !== 0) throw failed('does not speak SOCKS4')
  if (code === 92 || code === 93) throw failed('refused its credentials')
  if (code !== 90) throw failed(`refused the connection (${code})`)
}

const SOCKS_ERRORS: Record<number, string> = {
  1: 'failed',
  2: 'does not allow the connection',
  3: 'does not reach the network',
  4: 'does not reach the host',
  5: 'was refused by the host',
  6: 'let the connection expire',
}
/** Bytes of the address in an answer, by its type; a name says its own length. */
const SOCKS_ADDRESS: Record<number, number> = { 1: 4, 4: 16 }

async function connectBySocks(
  proxy: Proxy,
  { host, port }: { host: string; port: number },
  socket: Socket,
  reader: Reader,
) {
  const [user, password] = [Buffer.from(proxy.username), Buffer.from(proxy.password)]
  const name = Buffer.from(host)
  if (Math.max(user.length, password.length, name.length) > 255) throw failed('takes no name that long')
  const withLogin = user.length > 0
  socket.write(Buffer.from(withLogin ? [5, 2, 0, 2] : [5, 1, 0]))
  const [version, method] = await reader.bytes(2)
  if (version !== 5) throw failed('does not speak SOCKS5')
  if (method === 2 && withLogin) {
    socket.write(Buffer.concat([Buffer.of(1, user.length), user, Buffer.of(password.length), password]))
    const [, refused] = await reader.bytes(2)
    if (refused !== 0) throw failed('refused its credentials')
  } else if (method !== 0) throw failed('asks for credentials')
  // As a name even where it is an address in text: proxies take both.
  const end = Buffer.of(port >> 8, port & 0xff)
  socket.write(Buffer.concat([Buffer.of(5, 1, 0, 3, name.length), name, end]))
  const [, code, , type] = await reader.bytes(4)
  if (code !== 0) throw failed(SOCKS_ERRORS[code ?? 1] ?? 'refused the connection')
  const length = SOCKS_ADDRESS[type ?? 0] ?? (await reader.bytes(1))[0] ?? 0
  await reader.bytes(length + 2)
}

/**
 * Opens a connection to the target through the proxy. Rejects with `proxy_failed`. `ca` is for a proxy whose certificate
 * not everybody trusts.
 */
export async function openTunnel(
  proxy: Proxy,
  target: { host: string; port: number },
  options: { ca?: string | Buffer | undefined } = {},
): Promise<Socket> {
  const { host, port } = proxy
  const socket =
    proxy.type === 'https'
      ? connectTls({ host, port, ca: options.ca, ...(isIP(host) === 0 && { servername: host }) })
      : connectTcp({ host, port })
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('timed out')))
  const reader = createReader(socket)
  try {
    if (proxy.type === 'socks5') await connectBySocks(proxy, target, socket, reader)
    else if (proxy.type === 'socks4') await connectBySocks4(proxy, target, socket, reader)
    else {
      const name = isIP(target.host) === 6 ? `[${target.host}]` : target.host
      await connectByHttp(proxy, `${name}:${target.port}`, socket, reader)
    }
  } catch (error) {
    socket.destroy()
    throw error
  }
  reader.release()
  socket.setTimeout(0)
  return socket
}
