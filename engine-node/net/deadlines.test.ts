import { describe, expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createDeadlines } from './deadlines.ts'

describe('deadlines', () => {
  it('come each at its time, on one timer for each length', () => {
    const clock = createFakeClock()
    const endAfter = createDeadlines(clock)
    const came: string[] = []
    endAfter(1_000, () => came.push('first'))
    clock.advance(400)
    endAfter(1_000, () => came.push('second'))
    endAfter(100, () => came.push('short'))
    expect(clock.pending).toBe(2)
    clock.advance(100)
    expect(came).toEqual(['short'])
    clock.advance(500)
    expect(came).toEqual(['short', 'first'])
    clock.advance(399)
    expect(came.length).toBe(2)
    clock.advance(1)
    expect(came).toEqual(['short', 'first', 'second'])
    expect(clock.pending).toBe(0)
  })

  it('that are called off never come, and leave no timer', () => {
    const clock = createFakeClock()
    const endAfter = createDeadlines(clock)
    const came: string[] = []
    const cancelFirst = endAfter(1_000, () => came.push('first'))
    clock.advance(10)
    const cancelSecond = endAfter(1_000, () => came.push('second'))
    cancelFirst()
    clock.advance(995)
    expect(came).toEqual([])
    cancelSecond()
    expect(clock.pending).toBe(0)
    cancelSecond()
    clock.advance(10_000)
    expect(came).toEqual([])
  })

  it('may begin and call off others when they come', () => {
    const clock = createFakeClock()
    const endAfter = createDeadlines(clock)
    const came: string[] = []
    endAfter(10, () => {
      came.push('first')
      cancelOther()
      endAfter(10, () => came.push('next'))
    })
    const cancelOther = endAfter(10, () => came.push('other'))
    clock.advance(10)
    clock.advance(10)
    expect(came).toEqual(['first', 'next'])
    expect(clock.pending).toBe(0)
  })
})
