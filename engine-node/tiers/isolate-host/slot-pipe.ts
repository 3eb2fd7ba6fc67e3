// Frames between one isolate and its pipe: cut out of the bytes on the way in, put into bytes on the way out. What the isolate
// sends is judged by nobody here; the gateway does that.
import type { Socket } from 'node:net'
import { MAX_FRAME_BYTES } from '../../../src/contract/frame-size.ts'
import { createFrameReader } from '../../rpc/frame-reader.ts'
import { TEXT_SEPARATOR } from '../../rpc/text-channel.ts'

/** Characters given to an isolate that it has not worked off; above it nothing more is read for it. */
const MAX_UNWORKED = 1024 * 1024

/** Bytes that may wait for the gateway. An isolate that makes more is cut off: its neighbours need the memory (attack 36). */
const MAX_UNSENT = 2 * MAX_FRAME_BYTES

const PREFIX_BYTES = 4

export interface SlotFrames {
  send(texts: string): void
  /** Starts reading. `deliver` resolves when the texts are worked off. */
  deliverTo(deliver: (texts: string) => Promise<void>): void
}

export function carryFrames(pipe: Socket): SlotFrames {
  pipe.on('error', () => {})
  return {
    send(texts) {
      if (pipe.destroyed) return
      if (texts.length > MAX_UNSENT) {
        pipe.destroy()
        return
      }
      const parts = texts.split(TEXT_SEPARATOR).map(text => Buffer.from(text))
      const bytes = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + PREFIX_BYTES + part.length, 0))
      let at = 0
      for (const part of parts) {
        bytes.writeUInt32BE(part.length, at)
        part.copy(bytes, at + PREFIX_BYTES)
        at += PREFIX_BYTES + part.length
      }
      pipe.write(bytes)
      if (pipe.writableLength > MAX_UNSENT) pipe.destroy()
    },
    deliverTo(deliver) {
      let texts: string[] = []
      let unworked = 0
      const reader = createFrameReader(text => {
        texts.push(text)
        return true
      })
      pipe.on('data', (chunk: Buffer) => {
        reader.take(chunk)
        if (texts.length === 0) return
        const joined = texts.join(TEXT_SEPARATOR)
        texts = []
        unworked += joined.length
        if (unworked > MAX_UNWORKED) pipe.pause()
        void deliver(joined).then(() => {
          unworked -= joined.length
          if (unworked <= MAX_UNWORKED) pipe.resume()
        })
      })
    },
  }
}
