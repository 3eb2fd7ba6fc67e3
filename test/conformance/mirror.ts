// The far end of a channel under test: answers what it is sent, and misbehaves when told to. It speaks frames by itself,
// without the code under test, apart from cutting them out of the stream.
import type { Duplex } from 'node:stream'
import * as v from 'valibot'
import { createFrameReader } from '../../engine-node/rpc/frame-reader.ts'

const Asked = v.looseObject({
  t: v.string(),
  id: v.optional(v.number(), 0),
  method: v.optional(v.string(), ''),
})
const Count = v.object({ count: v.number() })
const Text = v.object({ text: v.string() })

export interface MirrorEnd {
  /** Sends JSON text as one frame, whatever it holds. */
  sendText(text: string): void
  /** Bytes as they are, where there are bytes at all. */
  sendBytes(bytes: Buffer): void
  die(): void
}

/** Takes each frame's text. Known methods: echo, never, cancelled, text, bytes, burst, burst-and-die, die. */
export function createMirror(end: MirrorEnd): (text: string) => void {
  const cancelled: number[] = []
  const burst = (count: number) => {
    for (let id = 1; id <= count; id += 1)
      end.sendText(JSON.stringify({ t: 'event', method: 'tick', params: id }))
  }
  return text => {
    const frame = v.parse(Asked, JSON.parse(text))
    const answer = (value: unknown) => end.sendText(JSON.stringify({ t: 'result', id: frame.id, value }))
    if (frame.t === 'cancel') cancelled.push(frame.id)
    if (frame.t !== 'call') return
    const acts: Record<string, () => void> = {
      echo: () => answer(frame.params),
      never: () => {},
      cancelled: () => answer(cancelled),
      text: () => end.sendText(v.parse(Text, frame.params).text),
      bytes: () => end.sendBytes(Buffer.from(v.parse(Text, frame.params).text, 'base64')),
      burst: () => burst(v.parse(Count, frame.params).count),
      'burst-and-die': () => {
        burst(v.parse(Count, frame.params).count)
        end.die()
      },
      die: end.die,
    }
    acts[frame.method]?.()
  }
}

/** A mirror at the end of a byte stream. */
export function mirrorStream(stream: Duplex, die: () => void): void {
  const sendBytes = (bytes: Buffer) => void stream.write(bytes)
  const mirror = createMirror({
    sendBytes,
    sendText(text) {
      const body = Buffer.from(text)
      const prefix = Buffer.alloc(4)
      prefix.writeUInt32BE(body.length)
      sendBytes(Buffer.concat([prefix, body]))
    },
    die: () => stream.write(Buffer.alloc(0), die),
  })
  const reader = createFrameReader(text => {
    mirror(text)
    return true
  })
  stream.on('data', chunk => reader.take(chunk))
  stream.on('error', () => {})
}
