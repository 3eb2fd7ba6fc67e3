// The two ways in which the guard reaches the network: asking DNS, and connecting to an address that it has judged.
import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface DialTarget {
  /** The judged address; no name is looked up again. */
  address: string
  port: number
  tls: boolean
  /** The host that the certificate must be for. */
  host: string
  signal: AbortSignal
}

export interface Connection {
  socket: Socket
  /** What the other end really is, as the socket reports it. */
  remoteAddress: string
}

export type Resolve = (host: string) => Promise<string[]>
export type Dial = (target: DialTarget) => Promise<Connection>

/** All addresses of a host, as the machine resolves names. */
export const resolveHost: Resolve = async host => {
  const answers = await lookup(host, { all: true })
  return answers.map(answer => answer.address)
}

/** Connects, and for https completes the handshake. Rejects with the system's error, or with the signal's reason. */
export const dialAddress: Dial = ({ address, port, tls, host, signal }) => {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  const name = host.replace(/^\[|\]$/g, '')
  const socket = tls
    ? connectTls({
        host: address,
        port,
        // An address is no server name (RFC 6066, section 3); the certificate is still checked against it.
        ...(isIP(name) === 0 ? { servername: name } : { host: address }),
        ALPNProtocols: ['http/1.1'],
      })
    : connectTcp({ host: address, port })
  const abort = () => socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  // Stays for good: an error between two owners of the socket would else end the process.
  socket.on('error', reject)
  socket.once(tls ? 'secureConnect' : 'connect', () => {
    signal.removeEventListener('abort', abort)
    resolve({ socket, remoteAddress: socket.remoteAddress ?? '' })
  })
  return promise
}
