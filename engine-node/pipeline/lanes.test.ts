import { describe, expect, it } from 'vitest'
import { createLanes } from './lanes.ts'

describe('lanes', () => {
  it('keeps the order within a lane and lets other lanes pass', async () => {
    const done: string[] = []
    const lanes = createLanes({ onError: () => {} })
    const first = Promise.withResolvers<void>()
    lanes.add('a', async () => {
      await first.promise
      done.push('a1')
    })
    lanes.add('a', async () => void done.push('a2'))
    lanes.add('b', async () => void done.push('b1'))
    await new Promise(setImmediate)
    expect(done).toEqual(['b1'])
    first.resolve()
    await lanes[Symbol.asyncDispose]()
    expect(done).toEqual(['b1', 'a1', 'a2'])
  })

  it('goes on after an error, and tells of it', async () => {
    const errors: unknown[] = []
    const done: string[] = []
    const lanes = createLanes({ onError: error => errors.push(error) })
    lanes.add('a', () => Promise.reject(new Error('x')))
    lanes.add('a', async () => void done.push('a2'))
    await lanes[Symbol.asyncDispose]()
    expect(errors).toEqual([new Error('x')])
    expect(done).toEqual(['a2'])
  })
})
