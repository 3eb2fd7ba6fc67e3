// What one session is to the rest of the engine, and what it is made of.

import type { GatewayError } from '../../src/contract/errors.ts'
import type { UpdateSessionConfig } from '../../src/contract/session-setup.ts'
import type { SessionRow } from '../../src/db/sessions.ts'
import type { Inbound, Outbound } from './inbound-port.ts'
import type { Link, LinkDeps } from './link-port.ts'
import type { SessionNews } from './session-news.ts'

export interface SessionDeps extends LinkDeps {
  inbound: Inbound
  outbound: Outbound
  news: SessionNews
  /** [0, 1), for the jitter of reconnects. */
  random: () => number
}

export interface RunningSession {
  /** Its row as it will be once all that is queued is written. */
  readonly row: SessionRow
  readonly isRunning: boolean
  /** The code to scan now, null while there is none. */
  readonly qr: string | null
  /** The connection, to send by. Throws `session_not_started`, or `session_not_ready` while there is no connection. */
  link(): Link
  /** Changes its own settings; those that are undefined stay. */
  configure(settings: UpdateSessionConfig): Promise<void>
  /** Rejects with `session_not_ready` while no phone could be linked: there is no QR code either. */
  pairingCode(phoneNumber: string): Promise<string>
  start(): Promise<void>
  /** Brings about what the database says was wanted, after a restart of the gateway. */
  resume(): void
  stop(): Promise<void>
  logout(): Promise<void>
  forceKill(): Promise<void>
  remove(): Promise<void>
  /** Another engine may run it from now on: closes its socket and writes nothing more. */
  lose(why: string): void
  /** Another engine has run it meanwhile: this is what it left. */
  refresh(stored: SessionRow): void
  /** What is in memory may be ahead of the database: drop it and begin again from there. */
  reload(error: GatewayError): void
  /** Ends with the gateway; what the operator wants stays as it is. */
  close(): Promise<void>
}
