// The receiving half that all channels share: frames wait here for the one reader, and the first close reason stays.
import { GatewayError } from '../../src/contract/errors.ts'
import { MAX_FRAME_BYTES } from '../../src/contract/frame-size.ts'
import type { Frame } from '../../src/contract/frames.ts'

/** Frames that may wait unread. A guest that sends faster than it is read would fill the host's memory (attack 36). */
export const MAX_UNREAD_FRAMES = 16_384

/** The same bound for few and large frames. */
export const MAX_UNREAD_BYTES = 4 * MAX_FRAME_BYTES

export interface Inbox {
  readonly closed: Promise<GatewayError>
  readonly isClosed: boolean
  /** False when there is no room: the sender is to be closed. */
  push(frame: Frame, bytes: number): boolean
  receive(): Promise<Frame>
  /** Nothing more will come; what has arrived can still be read. */
  end(reason: GatewayError): void
  /** Ended from this side: what has arrived is dropped, so that nothing takes effect any more. */
  close(reason: GatewayError): void
}

export function createInbox(): Inbox {
  let frames: { frame: Frame; bytes: number }[] = []
  let head = 0
  let unreadBytes = 0
  let reader: PromiseWithResolvers<Frame> | null = null
  let reason: GatewayError | null = null
  const closed = Promise.withResolvers<GatewayError>()

  function end(why: GatewayError): void {
    if (reason !== null) return
    reason = why
    reader?.reject(why)
    reader = null
    closed.resolve(why)
  }

  return {
    closed: closed.promise,
    get isClosed() {
      return reason !== null
    },
    push(frame, bytes) {
      if (reason !== null) return true
      if (reader !== null) {
        reader.resolve(frame)
        reader = null
        return true
      }
      frames.push({ frame, bytes })
      unreadBytes += bytes
      return frames.length - head <= MAX_UNREAD_FRAMES && unreadBytes <= MAX_UNREAD_BYTES
    },
    receive() {
      const next = frames[head]
      if (next !== undefined) {
        head += 1
        unreadBytes -= next.bytes
        if (head === frames.length) {
          frames = []
          head = 0
        }
        return Promise.resolve(next.frame)
      }
      if (reason !== null) return Promise.reject(reason)
      if (reader !== null)
        return Promise.reject(new GatewayError('internal', 'A channel has one reader at a time'))
      reader = Promise.withResolvers<Frame>()
      return reader.promise
    },
    end,
    close(why) {
      if (reason === null) {
        frames = []
        head = 0
        unreadBytes = 0
      }
      end(why)
    },
  }
}

/** The reason for closing a sender whose frames nobody can keep up with. */
export const flooded = () => new GatewayError('plugin_misbehaved', 'Sent more frames than can be read')
