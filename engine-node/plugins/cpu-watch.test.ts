import { beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { CPU_INTERVAL_MS, type CpuWatch, createCpuWatch, UNREADABLE_MS } from './cpu-watch.ts'

const clock = createFakeClock()
let used: number | null
let share: number
let readable: Promise<void>
let pings: PromiseWithResolvers<unknown>[]
let reasons: GatewayError[]
let watch: CpuWatch

beforeEach(() => {
  watch?.[Symbol.dispose]()
  used = 1_000
  share = 0
  readable = Promise.resolve()
  pings = []
  reasons = []
  watch = createCpuWatch({
    clock,
    cpuMs: () => readable.then(() => used),
    idleLimitMs: 1_000,
    ping() {
      pings.push(Promise.withResolvers())
      return pings.at(-1)!.promise
    },
    exceeded: reason => void reasons.push(reason),
  })
})

/** Lets time pass in which the guest has `share` of a core. */
async function pass(ms: number) {
  for (let left = ms; left > 0; left -= 10) {
    if (used !== null) used += 10 * share
    clock.advance(10)
    for (let turn = 0; turn < 4; turn += 1) await Promise.resolve()
  }
}
const hook = (limitMs: number) => {
  const answer = Promise.withResolvers<unknown>()
  const done = watch.during({ what: 'hook', limitMs }, () => answer.promise)
  done.catch(() => {})
  return { ...answer, done }
}

describe('a call', () => {
  it('ends the guest once it has used its processor time, and not much later', async () => {
    hook(205)
    share = 1
    await pass(200)
    expect(reasons).toEqual([])
    // One look for where it began, and then one when its time is over.
    await pass(CPU_INTERVAL_MS + 10)
    expect(reasons).toMatchObject([
      { code: 'plugin_crashed', message: 'used more than 205 ms of processor time in one call (hook)' },
    ])
    expect(clock.pending).toBe(0)
  })

  it('ends a guest whose thread cannot even be read', async () => {
    hook(60_000)
    readable = new Promise(() => {})
    await pass(UNREADABLE_MS)
    expect(reasons).toEqual([])
    await pass(100)
    expect(reasons).toMatchObject([{ message: `was too busy to be looked at for ${UNREADABLE_MS} ms` }])
    expect(clock.pending).toBe(0)
  })

  it('may wait as long as it likes', async () => {
    hook(200)
    share = 0.01
    await pass(5_000)
    expect(reasons).toEqual([])
  })

  it('is over when it is answered', async () => {
    const { resolve, done } = hook(200)
    share = 1
    await pass(100)
    resolve('answer')
    expect(await done).toBe('answer')
    hook(200)
    await pass(150)
    expect(reasons).toEqual([])
  })

  it('counts on when it was late, until the guest answers anything', async () => {
    const first = hook(200)
    share = 1
    await pass(100)
    first.reject(new GatewayError('plugin_timeout', 'late'))
    await expect(first.done).rejects.toThrow('late')
    await pass(250)
    expect(reasons).toHaveLength(1)
  })

  it('that was late is forgiven when the guest answers another', async () => {
    const first = hook(200)
    share = 1
    await pass(100)
    first.reject(new GatewayError('plugin_timeout', 'late'))
    const second = hook(10_000)
    second.resolve(null)
    await second.done
    await pass(400)
    expect(reasons).toEqual([])
  })
})

describe('a guest that nobody called', () => {
  it('is asked for a sign of life when it burns a core, and ended when it gives none', async () => {
    share = 1
    await pass(4_100)
    expect(pings).toHaveLength(1)
    await pass(1_200)
    expect(reasons).toMatchObject([{ message: expect.stringContaining('a sign of life') }])
  })

  it('is left alone when it answers, or does little', async () => {
    share = 0.05
    await pass(6_000)
    expect(pings).toHaveLength(0)
    share = 1
    while (pings.length === 0) await pass(10)
    pings[0]?.resolve(null)
    await pass(1_000)
    expect(reasons).toEqual([])
  })

  it('may end while it is asked', async () => {
    watch[Symbol.dispose]()
    const cpuMs = () => Promise.reject(new Error('not running'))
    watch = createCpuWatch({
      clock,
      cpuMs,
      idleLimitMs: 1,
      ping: async () => {},
      exceeded: r => reasons.push(r),
    })
    hook(10)
    await pass(5_000)
    expect(reasons).toEqual([])
  })

  it('is not judged where its processor time is not known', async () => {
    used = null
    hook(10)
    await pass(10_000)
    expect(reasons).toEqual([])
  })
})
