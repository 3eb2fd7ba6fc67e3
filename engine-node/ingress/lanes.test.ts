import { expect, it } from 'vitest'
import { createLanes } from './lanes.ts'

it('takes lanes in the order in which they became ready, and each lane one at a time', () => {
  const lanes = createLanes()
  for (const [key, id] of [
    ['a', 1],
    ['a', 2],
    ['b', 3],
    ['c', 4],
  ] as const)
    lanes.add(key, id)
  expect([lanes.take(), lanes.take()]).toEqual([
    { key: 'a', id: 1 },
    { key: 'b', id: 3 },
  ])
  lanes.drop('a')
  expect([lanes.take(), lanes.take(), lanes.take()]).toEqual([{ key: 'c', id: 4 }, { key: 'a', id: 2 }, null])
})

it('keeps the first of a parked lane first until it is released', () => {
  const lanes = createLanes()
  lanes.add('a', 1)
  lanes.take()
  lanes.park('a')
  lanes.add('a', 2)
  expect([lanes.take(), lanes.parked()]).toEqual([null, ['a']])
  lanes.release('a')
  expect([lanes.take(), lanes.parked()]).toEqual([{ key: 'a', id: 1 }, []])
})

it('puts an older one before those that wait, not before the one that runs', () => {
  const lanes = createLanes()
  lanes.add('a', 5)
  lanes.add('a', 7)
  lanes.take()
  lanes.add('a', 3)
  const order: unknown[] = []
  for (let count = 0; count < 3; count += 1) {
    lanes.drop('a')
    order.push(lanes.take()?.id)
  }
  expect(order).toEqual([3, 7, undefined])
  lanes.add('b', 9)
  lanes.add('b', 8)
  expect(lanes.take()).toEqual({ key: 'b', id: 8 })
})

it('does nothing for a lane that is not in the state asked for', () => {
  const lanes = createLanes()
  lanes.add('a', 1)
  lanes.park('a')
  lanes.drop('a')
  lanes.release('b')
  expect(lanes.take()).toEqual({ key: 'a', id: 1 })
  lanes.release('a')
  expect(lanes.take()).toBe(null)
})
