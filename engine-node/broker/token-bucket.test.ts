import { expect, it } from 'vitest'
import { createTokenBucket } from './token-bucket.ts'

it('gives what it holds at once, and fills at its rate up to that', () => {
  let now = 0
  const take = createTokenBucket({ burst: 3, perSecond: 2 }, () => now)
  const taken = () => Array.from({ length: 5 }, take).filter(Boolean).length
  expect(taken()).toBe(3)
  now = 499
  expect(taken()).toBe(0)
  now = 500
  expect(taken()).toBe(1)
  now = 60_000
  expect(taken()).toBe(3)
})

it('survives a clock that is set back', () => {
  let now = 10_000
  const take = createTokenBucket({ burst: 1, perSecond: 1 }, () => now)
  expect(take()).toBe(true)
  now = 0
  expect(take()).toBe(false)
  now = 1_000
  expect(take()).toBe(true)
})
