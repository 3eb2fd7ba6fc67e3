import { describe, expect, it } from 'vitest'
import { createBackOff } from './back-off.ts'

describe('back-off', () => {
  const most = () => createBackOff({ random: () => 0.999999 })

  it('doubles from one second to five minutes', () => {
    const backOff = most()
    const waits = Array.from({ length: 11 }, () => Math.round(backOff.next() / 1000))
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  })

  it('jitters over the whole of the wait', () => {
    const backOff = createBackOff({ random: () => 0 })
    expect([backOff.next(), backOff.next()]).toEqual([0, 0])
  })

  it('starts anew after a stable minute, and not after less', () => {
    const backOff = most()
    backOff.next()
    backOff.next()
    backOff.held(59_999)
    expect(Math.round(backOff.next() / 1000)).toBe(4)
    backOff.held(60_000)
    expect(backOff.attempts).toBe(0)
    expect(Math.round(backOff.next() / 1000)).toBe(1)
  })

  it('takes the first wait that the session is configured with', () => {
    expect(Math.round(createBackOff({ random: () => 0.999999, firstMs: () => 5_000 }).next() / 1000)).toBe(5)
  })

  it('stays a number after years of tries', () => {
    const backOff = most()
    for (let index = 0; index < 2_000; index += 1) backOff.next()
    expect(backOff.next()).toBeLessThan(300_000)
  })
})
