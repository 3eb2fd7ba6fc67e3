import { describe, expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import type { SocketFrames } from './event-dialects.ts'
import { createEventSocket } from './event-socket.ts'

const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
}

/** A stream that always has more, and a socket whose client takes nothing. */
function open({ tells }: { tells: boolean }) {
  const clock = createFakeClock()
  let pulled = 0
  let isCancelled = false
  const stream = new ReadableStream<SocketFrames>(
    {
      pull(controller) {
        pulled += 1
        const frame = pulled === 1 ? '{"control":"ready","cursor":0}' : `{"seq":${pulled}}`
        controller.enqueue({ frames: [frame], hasEvents: pulled > 1 })
      },
      cancel() {
        isCancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  const sent: string[] = []
  const closes: unknown[] = []
  const waiting = { bytes: 0 }
  const handler = createEventSocket(clock, stream)
  handler.opened({
    send: text => {
      sent.push(text)
      if (sent.length > 3) waiting.bytes = 1_000_000
    },
    close: (code, reason) => closes.push([code, reason]),
    ...(tells && { waiting: () => waiting.bytes }),
  })
  return {
    clock,
    handler,
    sent,
    closes,
    waiting,
    get isCancelled() {
      return isCancelled
    },
  }
}

const slow = [[1013, 'The client reads too slowly. It may resume from the cursor']]

describe('a socket whose client takes nothing', () => {
  it('is given no more than there is room for, and is cut off', async () => {
    const rig = open({ tells: true })
    await turns()
    expect(rig.sent).toHaveLength(4)
    expect(rig.sent[0]).toBe('{"control":"ready","cursor":0}')
    rig.waiting.bytes = 0
    rig.clock.advance(50)
    await turns()
    expect(rig.sent).toHaveLength(5)
    for (let passed = 0; passed < 30_000; passed += 50) {
      rig.clock.advance(50)
      await turns()
    }
    expect([rig.closes, rig.isCancelled, rig.sent.length]).toEqual([slow, true, 5])
  })

  it('has to answer where nobody else tells what it has taken', async () => {
    const rig = open({ tells: false })
    await turns()
    expect(rig.sent).toEqual(['{"control":"acks"}', '{"control":"ready","cursor":0}', '{"seq":2}'])
    rig.handler.message('ack')
    await turns()
    expect(rig.sent).toHaveLength(4)
    rig.clock.advance(30_000)
    await turns()
    expect([rig.closes, rig.isCancelled, rig.sent.length]).toEqual([slow, true, 4])
  })

  it('that goes away ends the stream', async () => {
    const rig = open({ tells: false })
    await turns()
    rig.handler.closed()
    await turns()
    expect([rig.closes, rig.isCancelled]).toEqual([[], true])
    expect(rig.clock.pending).toBe(0)
  })
})

describe('a stream that ends', () => {
  const opened = (stream: ReadableStream<SocketFrames>) => {
    const [sent, closes]: [string[], unknown[]] = [[], []]
    createEventSocket(createFakeClock(), stream).opened({
      send: text => void sent.push(text),
      close: (code, reason) => closes.push([code, reason]),
      waiting: () => 0,
    })
    return { sent, closes }
  }

  it('closes the socket with its last word', async () => {
    const last = { frames: ['{"control":"end"}'], hasEvents: false, end: 'API key is revoked' }
    const { sent, closes } = opened(ReadableStream.from([last]))
    await turns()
    expect([sent, closes]).toEqual([['{"control":"end"}'], [[1008, 'API key is revoked']]])
  })

  it('by a failure says nothing of it', async () => {
    const stream = new ReadableStream<SocketFrames>({ pull: c => c.error(new Error('secret path')) })
    const { closes } = opened(stream)
    await turns()
    expect(closes).toEqual([[1013, 'The events cannot be read at the moment']])
  })

  it('by a failure is not cancelled into a failure that nobody hears, by a client that goes then', async () => {
    const unheard: unknown[] = []
    const listener = (reason: unknown) => unheard.push(reason)
    process.on('unhandledRejection', listener)
    try {
      const stream = new ReadableStream<SocketFrames>({
        pull: c => c.error(new Error('the database is away')),
      })
      const handler = createEventSocket(createFakeClock(), stream)
      const closes: unknown[] = []
      handler.opened({ send() {}, close: code => void closes.push(code), waiting: () => 0 })
      await turns()
      handler.closed()
      handler.closed()
      await turns()
      expect([closes, unheard]).toEqual([[1013], []])
    } finally {
      process.off('unhandledRejection', listener)
    }
  })
})
