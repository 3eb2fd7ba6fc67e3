// What the host needs of a running guest, whatever tier it runs in and however calls reach it. main.ts makes one from a tier,
// a channel, a peer and the broker; tests make one from functions.
import type { GatewayError } from '../../src/contract/errors.ts'
import type { GuestCall, GuestParams, LogLevel } from '../../src/contract/frames.ts'
import type { Powers } from '../../src/contract/grants.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'

export interface GuestLogLine {
  level: LogLevel
  message: string
  meta?: unknown
}

/** Disposing it ends the guest for certain; a second time does nothing. */
export interface GuestConnection extends AsyncDisposable {
  /** Rejects with `plugin_failed` (what the plugin threw), `plugin_timeout`, or the reason of the end. */
  call<M extends GuestCall>(
    method: M,
    params: GuestParams<M>,
    options: { timeoutMs: number },
  ): Promise<unknown>
  /** Set before the first call. The event's name is what the plugin said, so any text. */
  onSubscribe(listener: (subscription: { event: string; priority: number }) => void): void
  onLog(listener: (line: GuestLogLine) => void): void
  /** The main file as the guest sees it. */
  resolveMain(main: string): string
  /** Resolves when the guest is gone, by whatever cause. Never rejects. */
  readonly closed: Promise<GatewayError>
  usage(): Promise<{ memoryBytes: number; cpuMs: number } | null>
}

/** Rejects when the guest cannot be started; nothing of it is left then. */
export type OpenGuest = (options: {
  pluginId: string
  packageDir: string
  /** The tier that the manifest asks for; null for none. */
  asked: Tier | null
  /** It came with the gateway. */
  bundled?: boolean
  powers: Powers
  /** A line that the guest printed: hostile text, cut to a bound. */
  onOutput(line: string): void
}) => Promise<GuestConnection>
