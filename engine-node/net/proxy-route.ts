// One proxy for all that a session sends: an agent for the WebSocket and for uploads, a dispatcher for fetch.
import { type AgentOptions, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { type Dispatcher, Agent as FetchAgent } from 'undici'
import type { Dial } from './dial.ts'
import { openTunnel, readProxy } from './proxy-tunnel.ts'

export interface ProxyRoute {
  /** For a WebSocket to this URL. */
  socketAgent(url: string): HttpsAgent
  /** For https requests by Node. */
  readonly agent: HttpsAgent
  /** For fetch. */
  readonly dispatcher: Dispatcher
  /** For the guarded fetch: to the address that it has judged. */
  readonly dial: Dial
}

type Callback = (error: Error | null, stream?: Duplex) => void

/** What Node and undici hand over of a request that is to be connected. */
interface Asked {
  host?: string | null | undefined
  hostname?: string | undefined
  port?: number | string | null | undefined
  servername?: string | null | undefined
}

/** `ca` is trusted in place of the usual ones, by the proxy's side and behind it: a test's. */
export function createProxyRoute(
  url: string,
  options: { ca?: string | Buffer | undefined } = {},
): ProxyRoute {
  const proxy = readProxy(url)
  const { ca } = options

  async function secure(socket: Socket, given: string): Promise<Socket> {
    const host = given.replace(/^\[|\]$/g, '')
    const alpn = { ALPNProtocols: ['http/1.1'] }
    const secured = connectTls({ socket, host, ca, ...alpn, ...(isIP(host) === 0 && { servername: host }) })
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve)
      secured.once('error', reject)
    })
    return secured
  }

  async function connect(asked: Asked, isTls: boolean): Promise<Socket> {
    const host = (asked.hostname ?? asked.host ?? '').replace(/^\[|\]$/g, '')
    const port = Number(asked.port || (isTls ? 443 : 80))
    const socket = await openTunnel(proxy, { host, port }, options)
    return isTls ? await secure(socket, asked.servername || host) : socket
  }

  const through = (isTls: boolean) => (asked: AgentOptions & Asked, done?: Callback) => {
    connect(asked, isTls).then(
      stream => done?.(null, stream),
      (error: Error) => done?.(error),
    )
    return undefined
  }

  const agent = new HttpsAgent({ keepAlive: true })
  const plain = new HttpAgent({ keepAlive: true })
  // Node takes the stream by the callback; the types know only the older way of returning it.
  agent.createConnection = through(true) as unknown as HttpsAgent['createConnection']
  plain.createConnection = through(false) as unknown as HttpAgent['createConnection']

  const dial: Dial = async ({ address, port, tls: isTls, host, signal }) => {
    signal.throwIfAborted()
    const plainSocket = await openTunnel(proxy, { host: address, port }, options)
    signal.addEventListener('abort', () => plainSocket.destroy(), { once: true })
    // What is behind the proxy cannot be seen from here; the proxy was told the judged address, and no name.
    return { socket: isTls ? await secure(plainSocket, host) : plainSocket, remoteAddress: address }
  }

  return {
    dial,
    // The types of Baileys ask for one of https, and a WebSocket in clear for one of http.
    socketAgent: to => (to.startsWith('wss:') ? agent : (plain as HttpsAgent)),
    agent,
    dispatcher: new FetchAgent({
      connect: (asked, done) => {
        connect(asked, asked.protocol === 'https:').then(
          stream => done(null, stream as never),
          (error: Error) => done(error, null),
        )
      },
    }),
  }
}
