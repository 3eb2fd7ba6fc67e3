import { describe, expect, it } from 'vitest'
import type { OpenDelivery } from '../../src/db/delivery-reads.ts'
import { createLanes } from './lanes.ts'

const row = (position: number, lane: string, data = '{}') =>
  ({ position, lane, rewritten: null, data }) as OpenDelivery

function open() {
  const lanes = createLanes()
  return {
    lanes,
    /** Puts the first as due, and the rest behind it. */
    put(name: string, [first = 0, ...rest]: number[], more: string[] = []) {
      lanes.putDue([row(first, name)], 0, true)
      const parts = [{ lane: name, after: first }]
      lanes.putLater(
        rest.map(position => row(position, name)),
        0,
        { parts, more: new Set(more) },
      )
    },
    /** What may be begun now. */
    take(now = 0) {
      const taken: number[] = []
      while (lanes.isReady) {
        const { delivery } = lanes.take(now)
        if (delivery) taken.push(delivery.position)
      }
      return taken
    },
  }
}

describe('lanes', () => {
  it('give one of each at a time, the next when the one before may be gone on from', () => {
    const box = open()
    box.put('x', [1, 3])
    box.put('y', [2, 4])
    expect(box.take()).toEqual([1, 2])
    box.lanes.ended(2, 'may go')
    expect(box.take()).toEqual([4])
    expect(box.lanes.noted(2)).toBe(false)
    box.lanes.ended(1, 'may go')
    expect(box.take()).toEqual([3])
    expect([3, 4, 1].map(position => box.lanes.noted(position))).toEqual([false, true, true])
    expect(box.lanes.isEmpty).toBe(true)
  })

  it('leave what comes behind a failure to the database, also what is begun already', () => {
    const box = open()
    box.put('x', [1, 2, 3])
    expect(box.take()).toEqual([1])
    box.lanes.ended(1, 'may go')
    expect(box.take()).toEqual([2])
    // The first is lost after it was gone on from.
    box.lanes.ended(1, 'waits')
    expect(box.lanes.isBehindFailure(2)).toBe(true)
    box.lanes.ended(2, 'may go')
    expect(box.take()).toEqual([])
    expect(box.lanes.held()).toEqual({ positions: [1, 2], lanes: ['x'], parts: [] })
    expect([box.lanes.noted(1), box.lanes.noted(2), box.lanes.isEmpty]).toEqual([false, true, true])
  })

  it('go on behind what is here, and only where nothing came in between', () => {
    const box = open()
    box.put('x', [1])
    box.put('y', [2, 5])
    expect(box.take()).toEqual([1, 2])
    const { parts } = box.lanes.held()
    expect(parts).toEqual([
      { lane: 'x', after: 1 },
      { lane: 'y', after: 5 },
    ])
    // The query runs; y is dropped meanwhile, so what comes behind 5 must not come behind 2.
    box.lanes.ended(1, 'may go')
    box.lanes.drop()
    box.lanes.putLater([row(3, 'x'), row(6, 'y')], 0, { parts, more: new Set() })
    box.lanes.ended(2, 'may go')
    expect(box.take()).toEqual([3])
    expect(box.lanes.held().parts).toEqual([
      { lane: 'x', after: 3 },
      { lane: 'y', after: 2 },
    ])
  })

  it('are all of one where the webhook has no order, and hold their chats for when it gets one', () => {
    const box = open()
    box.lanes.putDue([row(1, 'x'), row(2, 'x')], 0, false)
    expect(box.lanes.held().positions).toEqual([1, 2])
    expect(box.take()).toEqual([1, 2])
    box.lanes.ended(1, 'waits')
    expect(box.lanes.isBehindFailure(2)).toBe(false)
    expect(box.lanes.held()).toEqual({ positions: [1, 2], lanes: ['x'], parts: [] })
  })

  it('say when they run dry, and when what was read is too old', () => {
    const box = open()
    box.put('x', [1, 2], ['x'])
    box.put('y', [3])
    expect([box.lanes.take(999).isDry, box.lanes.take(999).isDry]).toEqual([false, false])
    box.lanes.ended(1, 'may go')
    expect(box.lanes.take(999)).toMatchObject({ delivery: { position: 2 }, isDry: true })
    box.put('z', [4])
    expect(box.lanes.take(1_000)).toEqual({ delivery: null, isDry: true })
    expect(box.lanes.held().lanes).toEqual(['x', 'y'])
  })

  it('know how much lies in them', () => {
    const box = open()
    box.lanes.putDue([row(1, 'x', '1234'), row(2, 'y', '12')], 0, true)
    expect(box.lanes.length).toBe(6)
    box.lanes.take(0)
    expect(box.lanes.length).toBe(2)
    box.lanes.drop()
    expect([box.lanes.length, box.lanes.isReady]).toEqual([0, false])
  })
})
