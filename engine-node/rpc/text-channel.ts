// The guest's end of a channel where whole texts are handed over by function calls: inside an isolate there are no bytes.
import { GatewayError } from '../../src/contract/errors.ts'
import { MAX_FRAME_BYTES } from '../../src/contract/frame-size.ts'
import type { Channel } from './channel.ts'
import { decodeTrustedFrame, encodeFrame } from './frame-codec.ts'
import { createInbox } from './inbox.ts'

/** Parts the texts that go in one call. JSON text has no line feed of its own. */
export const TEXT_SEPARATOR = '\n'

export interface TextChannelDeps {
  /** Takes one or more texts. */
  send(texts: string): void
  byteLength(text: string): number
  /** Runs once, after the code that runs now. */
  defer(run: () => void): void
}

/** `deliver` takes what the host sent, which is trusted. Frames of one turn leave together. */
export function createTextChannel(deps: TextChannelDeps): { channel: Channel; deliver(texts: string): void } {
  const inbox = createInbox()
  let outgoing: string[] = []
  let waitingBytes = 0

  function flush(): void {
    if (outgoing.length === 0) return
    const texts = outgoing.join(TEXT_SEPARATOR)
    outgoing = []
    waitingBytes = 0
    deps.send(texts)
  }

  return {
    deliver(texts) {
      for (const text of texts.split(TEXT_SEPARATOR)) inbox.push(decodeTrustedFrame(text), text.length)
    },
    channel: {
      closed: inbox.closed,
      receive: inbox.receive,
      send(frame) {
        if (inbox.isClosed) return
        const text = encodeFrame(frame)
        const bytes = deps.byteLength(text)
        if (bytes > MAX_FRAME_BYTES)
          throw new GatewayError('frame_invalid', `A frame of ${bytes} bytes is too large to be sent`)
        if (outgoing.push(text) === 1) deps.defer(flush)
        waitingBytes += bytes
        // More than one frame may hold is not kept waiting: the isolate has little memory.
        if (waitingBytes > MAX_FRAME_BYTES) flush()
      },
      close(reason) {
        flush()
        inbox.close(reason)
      },
    },
  }
}
