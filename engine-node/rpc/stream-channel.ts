// A channel over a byte stream: each frame is its length (4 bytes, big-endian) and its JSON text. Frames of one turn of the
// event loop leave in one write, which is what makes many small hooks cheap.
import type { Duplex } from 'node:stream'
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import { MAX_FRAME_BYTES } from '../../src/contract/frame-size.ts'
import type { Frame } from '../../src/contract/frames.ts'
import type { Channel } from './channel.ts'
import { encodeFrame } from './frame-codec.ts'
import { createFrameReader } from './frame-reader.ts'
import { createInbox, flooded } from './inbox.ts'

/** Bytes that may wait for a guest that does not read; beyond it is not slow but stuck, and would eat the host's memory. */
export const MAX_UNSENT_BYTES = 4 * MAX_FRAME_BYTES

const PREFIX_BYTES = 4

export interface StreamChannelDeps {
  stream: Duplex
  /** Text to frame; what it throws closes the channel. */
  decode(text: string): Frame
  /** Why the stream ended by itself; asked once. */
  ended(): GatewayError | Promise<GatewayError>
}

export function createStreamChannel({ stream, decode, ended }: StreamChannelDeps): Channel {
  const inbox = createInbox()
  let outgoing: string[] = []
  let outgoingBytes = 0

  function flush(): void {
    if (outgoing.length === 0) return
    const texts = outgoing
    const bytes = Buffer.allocUnsafe(outgoingBytes)
    outgoing = []
    outgoingBytes = 0
    let at = 0
    for (const text of texts) {
      const length = bytes.write(text, at + PREFIX_BYTES)
      bytes.writeUInt32BE(length, at)
      at += PREFIX_BYTES + length
    }
    if (stream.destroyed) return
    stream.write(bytes)
    if (stream.writableLength > MAX_UNSENT_BYTES)
      close(new GatewayError('plugin_misbehaved', 'Does not read what it is sent'))
  }

  function close(reason: GatewayError): void {
    if (inbox.isClosed) return
    inbox.close(reason)
    flush()
    stream.destroy()
  }

  const reader = createFrameReader((text, bytes) => {
    if (!inbox.push(decode(text), bytes)) throw flooded()
    return !inbox.isClosed
  })
  stream.on('data', (chunk: Buffer) => {
    if (inbox.isClosed) return
    try {
      reader.take(chunk)
    } catch (thrown) {
      close(toGatewayError(thrown))
    }
  })
  // A broken pipe has no news in it: `close` follows and asks `ended` for the reason.
  stream.on('error', () => {})
  stream.on('end', () => stream.destroy())
  stream.on('close', () => {
    if (!inbox.isClosed) void Promise.resolve(ended()).then(inbox.end)
  })

  return {
    closed: inbox.closed,
    receive: inbox.receive,
    send(frame) {
      if (inbox.isClosed) return
      const text = encodeFrame(frame)
      const bytes = Buffer.byteLength(text)
      if (bytes > MAX_FRAME_BYTES)
        throw new GatewayError('frame_invalid', `A frame of ${bytes} bytes is too large to be sent`)
      if (outgoing.push(text) === 1) process.nextTick(flush)
      outgoingBytes += PREFIX_BYTES + bytes
    },
    close,
  }
}
