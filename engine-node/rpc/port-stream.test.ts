import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { createPortStream } from './port-stream.ts'

const ports: { close(): void }[] = []
afterEach(() => {
  for (const port of ports.splice(0)) port.close()
})

function pair() {
  const { port1, port2 } = new MessageChannel()
  ports.push(port1, port2)
  return [port1, port2] as const
}

describe('a stream over a port', () => {
  it('carries bytes in order, both ways, however many', async () => {
    const [near, far] = pair().map(port => createPortStream(port)) as [
      ReturnType<typeof createPortStream>,
      ReturnType<typeof createPortStream>,
    ]
    far.pipe(far)
    const sent = Buffer.alloc(5_000_000, 'abcdefg')
    for (let at = 0; at < sent.length; at += 100_000) near.write(sent.subarray(at, at + 100_000))
    const parts: Buffer[] = []
    let length = 0
    for await (const part of near) {
      parts.push(part)
      length += part.length
      if (length === sent.length) break
    }
    expect(Buffer.concat(parts).equals(sent)).toBe(true)
  })

  it('sends no more of its memory than it was given', async () => {
    const [near, far] = pair()
    const got = new Promise<Uint8Array>(resolve => far.on('message', resolve))
    createPortStream(near).write(Buffer.from('small'))
    expect((await got).buffer.byteLength).toBe(5)
  })

  it('holds back when the other side takes nothing', async () => {
    const [near, far] = pair()
    let messages = 0
    far.on('message', () => {
      messages += 1
    })
    const stream = createPortStream(near)
    for (let n = 0; n < 100; n += 1) stream.write(Buffer.alloc(100_000))
    await new Promise(resolve => setImmediate(resolve))
    expect(messages).toBeLessThan(15)
    expect(stream.writableLength).toBeGreaterThan(8_000_000)
  })

  it.each<[string, () => unknown]>([
    ['shared memory', () => new Uint8Array(new SharedArrayBuffer(8))],
    ['text', () => 'frame'],
    ['an object', () => ({ length: 5 })],
    ['null', () => null],
  ])('ends on %s', async (_, make) => {
    const [near, far] = pair()
    const stream = createPortStream(near)
    const closed = new Promise<void>(resolve => stream.once('close', () => resolve()))
    far.postMessage(make())
    await closed
    expect(stream.destroyed).toBe(true)
  })
})
