import { describe, expect, it } from 'vitest'
import { createFakeClock } from '../test/support/fake-clock.ts'
import { createRounds, FAILURE_PAUSE_MS, LONGEST_SLEEP_MS } from './rounds.ts'

const TEN_YEARS = 3_652 * 24 * 3_600_000

function open(look: () => Promise<number> | number = () => Number.POSITIVE_INFINITY) {
  const clock = createFakeClock()
  const errors: unknown[] = []
  let looks = 0
  const rounds = createRounds({
    clock,
    look: async () => {
      looks += 1
      return await look()
    },
    onError: error => errors.push(error),
  })
  return { clock, errors, rounds, looks: () => looks }
}

describe('rounds', () => {
  it('look once for all who wake in one turn or during a look, and never two at a time', async () => {
    const gate = Promise.withResolvers<number>()
    const day = open(() => (day.looks() === 1 ? gate.promise : Number.POSITIVE_INFINITY))
    day.rounds.wake()
    for (let times = 0; times < 5; times += 1) day.rounds.wake()
    while (day.looks() === 0) await new Promise(setImmediate)
    for (let times = 0; times < 5; times += 1) day.rounds.wake()
    await new Promise(setImmediate)
    expect(day.looks()).toBe(1)
    gate.resolve(Number.POSITIVE_INFINITY)
    await day.rounds.idle()
    expect(day.looks()).toBe(2)
    expect(day.clock.pending).toBe(0)
  })

  it('look again when something falls due, at the latest time that was told', async () => {
    const times = [1_000, 50, Number.POSITIVE_INFINITY]
    const day = open(() => day.clock.now() + (times.shift() ?? 0))
    day.rounds.wake()
    await day.rounds.idle()
    day.rounds.wake()
    await day.rounds.idle()
    expect(day.clock.pending).toBe(1)
    day.clock.advance(50)
    await day.rounds.idle()
    expect([day.looks(), day.clock.pending]).toEqual([3, 0])
  })

  it.each([-TEN_YEARS, TEN_YEARS])('rest as long when the hour is set by %i ms', async ms => {
    const day = open(() => {
      if (day.looks() === 1) throw new Error('no database')
      return Number.POSITIVE_INFINITY
    })
    day.rounds.wake()
    await day.rounds.idle()
    day.clock.step(ms)
    day.rounds.wake()
    await day.rounds.idle()
    day.clock.advance(FAILURE_PAUSE_MS - 1)
    await day.rounds.idle()
    expect([day.looks(), day.rounds.mayBegin]).toEqual([1, false])
    day.clock.advance(1)
    await day.rounds.idle()
    expect([day.looks(), day.rounds.mayBegin]).toEqual([2, true])
  })

  it('look after a minute at the latest, since the hour may have been set', async () => {
    const day: ReturnType<typeof open> = open(() => due)
    const due = day.clock.now() + TEN_YEARS
    day.rounds.wake()
    await day.rounds.idle()
    day.clock.advance(LONGEST_SLEEP_MS)
    await day.rounds.idle()
    expect(day.looks()).toBe(2)
  })

  it('rest after a failed look, whoever wakes them meanwhile', async () => {
    const day = open(() => {
      if (day.looks() === 1) throw new Error('no database')
      return Number.POSITIVE_INFINITY
    })
    day.rounds.wake()
    await day.rounds.idle()
    day.rounds.wake()
    await day.rounds.idle()
    day.clock.advance(FAILURE_PAUSE_MS - 1)
    await day.rounds.idle()
    expect([day.looks(), day.errors.length]).toEqual([1, 1])
    day.clock.advance(1)
    await day.rounds.idle()
    expect(day.looks()).toBe(2)
  })

  it('rest after work that failed, and are idle when the last has ended', async () => {
    const day = open()
    const [good, bad] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    day.rounds.start(good.promise, () => {})
    // Whoever goes on at the end of a failure must know of it, or it would be tried again at once.
    let mayGoOn = true
    day.rounds.start(bad.promise, () => {
      mayGoOn = day.rounds.mayBegin
      day.rounds.wake()
    })
    let isIdle = false
    const idle = day.rounds.idle().then(() => {
      isIdle = true
    })
    bad.reject(new Error('no database'))
    await new Promise(setImmediate)
    expect([isIdle, mayGoOn, day.errors.length]).toEqual([false, false, 1])
    good.resolve()
    await idle
    day.rounds.wake()
    await day.rounds.idle()
    expect(day.looks()).toBe(0)
    day.clock.advance(FAILURE_PAUSE_MS)
    await day.rounds.idle()
    expect(day.looks()).toBe(1)
  })

  it('end when the work under way has ended, and look no more', async () => {
    const day = open()
    const work = Promise.withResolvers<void>()
    day.rounds.start(work.promise, () => {})
    let isOver = false
    const over = Promise.resolve(day.rounds[Symbol.asyncDispose]()).then(() => {
      isOver = true
    })
    day.rounds.wake()
    await new Promise(setImmediate)
    expect([day.looks(), isOver, day.rounds.mayBegin]).toEqual([0, false, false])
    work.resolve()
    await over
    expect(day.clock.pending).toBe(0)
  })

  it('end without the work that takes too long', async () => {
    const day = open()
    day.rounds.start(new Promise(() => {}), () => {})
    const over = day.rounds[Symbol.asyncDispose]()
    await new Promise(setImmediate)
    day.clock.advance(5_000)
    await over
  })
})
