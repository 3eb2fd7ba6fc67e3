import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createClock } from './clock.ts'

const DAY_MS = 86_400_000

describe('the clock of the machine', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('calls once, after so long, however long that is', () => {
    const clock = createClock()
    const calls: string[] = []
    clock.after(1_000, () => calls.push('second'))
    clock.after(60 * DAY_MS, () => calls.push('two months'))
    clock.after(40 * DAY_MS, () => calls.push('called off'))()
    vi.advanceTimersByTime(1_000)
    expect(calls).toEqual(['second'])
    vi.advanceTimersByTime(60 * DAY_MS - 1_001)
    expect(calls).toEqual(['second'])
    vi.advanceTimersByTime(1)
    expect(calls).toEqual(['second', 'two months'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('measures evenly while the hour is set back and forth', () => {
    const clock = createClock()
    const { now, elapsed } = clock
    const [hour, began] = [now(), elapsed()]
    let isCalled = false
    clock.after(5_000, () => {
      isCalled = true
    })
    vi.setSystemTime(hour + 10 * 365 * DAY_MS)
    vi.advanceTimersByTime(4_999)
    expect(now() - hour).toBeGreaterThan(9 * 365 * DAY_MS)
    expect(elapsed() - began).toBeCloseTo(4_999)
    expect(isCalled).toBe(false)
    vi.advanceTimersByTime(1)
    expect(isCalled).toBe(true)
  })
})
