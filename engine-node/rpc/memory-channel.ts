// Two channels joined in memory, for tests of everything above a channel. Frames cross as text, as in every other tier.
import { GatewayError } from '../../src/contract/errors.ts'
import { MAX_FRAME_BYTES } from '../../src/contract/frame-size.ts'
import type { Channel } from './channel.ts'
import { decodeFrame, encodeFrame } from './frame-codec.ts'
import { createInbox, flooded, type Inbox } from './inbox.ts'

/** A linked pair; closing either side ends the other with `channel_closed`. */
export function createLinkedPair(): [Channel, Channel] {
  const left = createInbox()
  const right = createInbox()
  return [createSide(left, right), createSide(right, left)]
}

function createSide(mine: Inbox, theirs: Inbox): Channel {
  const goneAway = new GatewayError('channel_closed', 'The other side closed the channel')
  return {
    closed: mine.closed,
    receive: mine.receive,
    send(frame) {
      if (mine.isClosed || theirs.isClosed) return
      const text = encodeFrame(frame)
      const bytes = Buffer.byteLength(text)
      if (bytes > MAX_FRAME_BYTES)
        throw new GatewayError('frame_invalid', `A frame of ${bytes} bytes is too large to be sent`)
      try {
        if (theirs.push(decodeFrame(text), bytes)) return
        theirs.close(flooded())
      } catch (thrown) {
        if (!(thrown instanceof GatewayError)) throw thrown
        theirs.close(thrown)
      }
      mine.end(goneAway)
    },
    close(reason) {
      mine.close(reason)
      theirs.end(goneAway)
    },
  }
}
