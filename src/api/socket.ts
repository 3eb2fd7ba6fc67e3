// A WebSocket as the routes see it. How a request becomes one differs between runtimes; each answers `Upgrade` in a file of its
// own (engine-node/web-socket.ts, src/edge/web-socket.ts).
import type { Context } from 'hono'

export interface Socket {
  send(text: string): void
  /** Sends what was given before, then closes. `reason` has at most 123 bytes. */
  close(code: number, reason: string): void
  /** Bytes that the client has not taken yet; absent where the runtime does not tell. */
  waiting?(): number
}

/** What a route does with a socket. */
export interface SocketHandler {
  opened(socket: Socket): void
  /** Bytes are told as an empty text. */
  message(text: string): void
  /** Whoever closed it. May come without `opened`. */
  closed(): void
}

/** Answers an upgrade request; rejects where the runtime cannot. */
export type Upgrade = (c: Context, handler: SocketHandler) => Response | Promise<Response>

/** The answer of a row that becomes a socket. */
export interface SocketReply {
  readonly isSocket: true
  handler: SocketHandler
}

export const socketReply = (handler: SocketHandler): SocketReply => ({ isSocket: true, handler })

export const isSocketReply = (value: unknown): value is SocketReply =>
  typeof value === 'object' && value !== null && 'isSocket' in value && value.isSocket === true

/** True for a request that wants to become a socket. */
export const wantsSocket = (headers: Headers): boolean =>
  headers.get('upgrade')?.toLowerCase() === 'websocket'
