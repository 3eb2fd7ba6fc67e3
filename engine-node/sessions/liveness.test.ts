import { describe, expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLiveness } from './liveness.ts'

function createOne() {
  const clock = createFakeClock()
  const line = { answers: true, buffering: false, probes: 0, deaf: 0, flushed: 0 }
  const liveness = createLiveness({
    clock,
    async probe() {
      line.probes += 1
      return line.answers
    },
    isBuffering: () => line.buffering,
    flush: () => {
      line.flushed += 1
    },
    onDeaf: () => {
      line.deaf += 1
    },
  })
  /** Some looks, each with its answer. */
  async function pass(looks: number, before = () => {}) {
    for (let look = 0; look < looks; look += 1) {
      before()
      clock.advance(15_000)
      await new Promise(setImmediate)
    }
  }
  return { clock, line, liveness, pass }
}

describe('liveness', () => {
  it('asks a silent connection, and keeps one that answers', async () => {
    const { clock, line, liveness, pass } = createOne()
    expect(liveness.health()).toEqual({ lastFrameAt: null, lastAnswerAt: null, bufferedMs: 0 })
    liveness.start()
    await pass(4)
    expect(line).toMatchObject({ probes: 4, deaf: 0 })
    expect(liveness.health().lastAnswerAt).toBe(clock.now())
  })

  it('gives up one that is not ready in time, unless it waits for a person', async () => {
    const one = createOne()
    one.clock.advance(20_000)
    expect(one.line.deaf).toBe(1)
    const [waiting, ready] = [createOne(), createOne()]
    waiting.liveness.waits()
    waiting.clock.advance(60_000)
    expect(waiting.line.deaf).toBe(0)
    ready.clock.advance(19_999)
    ready.liveness.start()
    ready.liveness.heard()
    ready.clock.advance(1)
    expect(ready.line.deaf).toBe(0)
  })

  it('gives up one that says nothing and does not answer twice, once', async () => {
    const { line, liveness, pass } = createOne()
    liveness.start()
    line.answers = false
    await pass(1)
    expect(line.deaf).toBe(0)
    await pass(1)
    expect(line.deaf).toBe(1)
    await pass(5)
    expect(line).toMatchObject({ probes: 2, deaf: 1 })
  })

  it('asks one that sends frames now and then, and gives it up when it never answers', async () => {
    const { clock, line, liveness, pass } = createOne()
    liveness.start()
    const frame = () => liveness.heard()
    await pass(3, frame)
    expect(line.probes).toBe(0)
    expect(liveness.health().lastFrameAt).toBe(clock.now() - 15_000)
    line.answers = false
    await pass(1, frame)
    expect(line).toMatchObject({ probes: 1, deaf: 0 })
    await pass(1, frame)
    expect(line).toMatchObject({ probes: 2, deaf: 1 })
  })

  it('forgives one lost answer', async () => {
    const { line, liveness, pass } = createOne()
    liveness.start()
    line.answers = false
    await pass(1)
    line.answers = true
    await pass(1)
    line.answers = false
    await pass(1)
    expect(line.deaf).toBe(0)
  })

  it('lets go what Baileys has been holding for a minute', async () => {
    const { line, liveness, pass } = createOne()
    liveness.start()
    line.buffering = true
    await pass(4)
    expect(line.flushed).toBe(0)
    expect(liveness.health().bufferedMs).toBe(45_000)
    await pass(1)
    expect(line.flushed).toBe(1)
    line.buffering = false
    await pass(1)
    expect(liveness.health().bufferedMs).toBe(0)
  })

  it.each([3_600_000, -3_600_000, 10 * 365 * 86_400_000])(
    'measures on when the hour is set by %i ms',
    async ms => {
      const { clock, line, liveness, pass } = createOne()
      liveness.start()
      line.buffering = true
      await pass(1, () => liveness.heard())
      clock.step(ms)
      await pass(3, () => liveness.heard())
      expect(line.flushed).toBe(0)
      expect(liveness.health().bufferedMs).toBe(45_000)
      await pass(1, () => liveness.heard())
      expect(line.flushed).toBe(1)
    },
  )

  it('ends with its connection', async () => {
    const { clock, liveness } = createOne()
    liveness.start()
    liveness.stop()
    expect(clock.pending).toBe(0)
    liveness.start()
    expect(clock.pending).toBe(0)
  })
})
