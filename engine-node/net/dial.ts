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

/** For so long a lookup under way answers others who ask for the same host; one that hangs longer is left to who asked. */
const SHARE_MS = 5_000

/**
 * The same, but who asks while a lookup of the host is under way gets its answer: the system looks up a few names at a time, so
 * many requests to one slow name would hold up those to all others. Nothing is remembered.
 */
export function shareLookups(resolve: Resolve, now: () => number): Resolve {
  const underWay = new Map<string, { since: number; answer: Promise<string[]> }>()
  return host => {
    const known = underWay.get(host)
    if (known && now() - known.since < SHARE_MS) return known.answer
    const mine = { since: now(), answer: resolve(host) }
    underWay.set(host, mine)
    const forget = () => {
      if (underWay.get(host) === mine) underWay.delete(host)
    }
    mine.answer.then(forget, forget)
    return mine.answer
  }
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
