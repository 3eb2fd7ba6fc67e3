import { describe, expect, it } from 'vitest'
import { createRandomPool } from './random-pool.ts'

describe('a pool of randomness', () => {
  it('gives each byte of its source once', () => {
    let next = 0
    const take = createRandomPool(length => Uint8Array.from({ length }, () => next++ % 251))
    const taken = Array.from({ length: 500 }, () => [...take(12)]).flat()
    // 4,096 is no multiple of 12: what is left of a pool is dropped.
    const expected = Array.from({ length: 4_092 }, (_, position) => position % 251)
    expect(taken.slice(0, 4_092)).toEqual(expected)
    expect(taken[4_092]).toBe(4_096 % 251)
  })

  it('gives a piece that stays as it is when more is taken', () => {
    const take = createRandomPool(length => Buffer.alloc(length, 7))
    const first = take(8)
    take(8)
    expect([...first]).toEqual([7, 7, 7, 7, 7, 7, 7, 7])
  })

  it('takes more than a pool from the source itself', () => {
    expect(createRandomPool(length => new Uint8Array(length))(10_000).length).toBe(10_000)
  })
})
