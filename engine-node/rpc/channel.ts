// A pipe to one plugin, whatever carries it. Code above a channel does not know which tier is behind it.
import type { GatewayError } from '../../src/contract/errors.ts'
import type { Frame } from '../../src/contract/frames.ts'

/**
 * Ordered and lossless until it closes. Frames that arrive have passed the size cap and the frame schema; what breaks
 * either closes the channel with `plugin_misbehaved`.
 */
export interface Channel {
  /** Queues a frame. After close it does nothing: there is nobody left to read it. */
  send(frame: Frame): void
  /** The next frame. One reader at a time; rejects with the close reason once all frames are read. */
  receive(): Promise<Frame>
  /** Ends it from this side; the first reason given, by either side, is the one that counts. */
  close(reason: GatewayError): void
  /** Resolves with that reason. Never rejects. */
  readonly closed: Promise<GatewayError>
}
