// What listens on Node: the API, and the engine's end of its port for an API that runs elsewhere.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import * as v from 'valibot'
import {
  type Engine,
  type EngineFiles,
  type EngineHandlers,
  type EngineMethod,
  engineMethods,
} from '../src/contract/engine.ts'
import { GatewayError } from '../src/contract/errors.ts'
import { CALL_PATH, MAX_CALL_BYTES, toFailure } from '../src/engine-client/wire.ts'
import { type Clock, createClock } from './clock.ts'
import { createHandshakes } from './handshakes.ts'
import type { Logger } from './log.ts'
import { createSocketServer } from './web-socket.ts'

export interface Listening extends AsyncDisposable {
  /** The port in use: the one that the system chose where 0 was asked for. */
  readonly port: number
}

type Fetch = (request: Request, env?: unknown) => Response | Promise<Response>

/** A request must arrive in this time, headers and body: slower ones hold a connection to hold it. */
const REQUEST_TIMEOUT_MS = 60_000
const HEADERS_TIMEOUT_MS = 10_000

/**
 * Connections to one port at a time; more are closed as they come. Each holds a descriptor and some buffers, and those that the
 * WhatsApp sockets and the database need must not run out. Streams of events and WebSockets count for as long as they are open.
 */
const MAX_CONNECTIONS = 4_096

/** Time for answers that are on their way when the server closes. */
const GRACE_MS = 5_000

interface Where {
  host: string
  port: number
  maxConnections?: number
  clock?: Pick<Clock, 'after'>
}

async function listen(
  fetch: Fetch,
  { host, port, maxConnections = MAX_CONNECTIONS, clock = createClock() }: Where,
): Promise<Listening> {
  const handshakes = createHandshakes(clock)
  const sockets = createSocketServer({ onConnection: handshakes.end })

  /** Any other upgrade is an ordinary request: handed over, its socket would be nobody's. */
  function takeUpgrade({ headers, socket }: IncomingMessage): boolean {
    if (headers.upgrade?.toLowerCase() !== 'websocket') return false
    // Here, since the adapter refuses handshakes only where nobody else listens for upgrades.
    handshakes.begin(socket)
    return true
  }

  const server = createAdaptorServer({
    fetch,
    websocket: { server: sockets.server },
    serverOptions: {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      shouldUpgradeCallback: takeUpgrade,
    },
  }) as Server
  server.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      sockets.close()
      const cancel = clock.after(GRACE_MS, () => {
        server.closeAllConnections()
        // The server does not count these among its own.
        sockets[Symbol.dispose]()
        handshakes[Symbol.dispose]()
      })
      await closed
      cancel()
    },
  }
}

/** The address at the other end of a connection, for createClientIp. */
export function peerAddress(c: Context): string | undefined {
  return (c.env as HttpBindings).incoming.socket.remoteAddress
}

/** Opens the API. Disposing refuses new connections and lets the answers that are on their way finish. */
export function serveApi(options: Where & { app: { fetch: Fetch } }): Promise<Listening> {
  return listen((request, env) => options.app.fetch(request, env), options)
}

/** Opens the engine to an API elsewhere: one POST per call, with the token that both sides share. */
export function serveEngine(
  options: Where & { handlers: EngineHandlers; token: string; log: Pick<Logger, 'error'> },
): Promise<Listening> {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${options.token}`)
  const isOurs = (authorization: string | null) =>
    authorization !== null && timingSafeEqual(digest(authorization), expected)

  async function perform(request: Request): Promise<unknown> {
    if (!isOurs(request.headers.get('authorization')))
      throw new GatewayError('unauthorized', 'The engine token is missing or wrong')
    const { pathname } = new URL(request.url)
    const method = pathname.startsWith(CALL_PATH) ? pathname.slice(CALL_PATH.length) : ''
    if (request.method !== 'POST' || !isEngineMethod(method))
      throw new GatewayError('not_found', 'No such method')
    const params = v.safeParse(engineMethods[method].params, await readCall(request))
    if (!params.success)
      throw new GatewayError('invalid_input', params.issues.map(issue => issue.message).join('; '))
    const handler = options.handlers[method] as (params: unknown) => Promise<unknown>
    return await handler(params.output)
  }

  return listen(async request => {
    try {
      return Response.json({ result: await perform(request) })
    } catch (thrown) {
      const { status, body } = toFailure(thrown)
      if (body.error.code === 'internal') options.log.error({ err: thrown }, 'a call of the engine failed')
      return Response.json(body, { status })
    }
  }, options)
}

const isEngineMethod = (name: string): name is EngineMethod => Object.hasOwn(engineMethods, name)

async function readCall(request: Request): Promise<unknown> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN)
  // Without a length there is no bound to what arrives; our own client always sends one.
  if (!(declared <= MAX_CALL_BYTES)) throw new GatewayError('body_too_large', 'The call is too large')
  try {
    return await request.json()
  } catch (cause) {
    throw new GatewayError('invalid_input', 'The call is not JSON', { cause })
  }
}

/** The port where API and engine share a process. */
export function createLocalEngine(handlers: EngineHandlers, files?: EngineFiles): Engine {
  return {
    ...(files && { files }),
    async call(method, params) {
      return await handlers[method](params)
    },
  }
}
