import { describe, expect, it } from 'vitest'
import type { GatewayError } from '../contract/errors.ts'
import { createRateLimit } from './rate-limit.ts'

function setUp(
  limits: [number, number][] = [
    [2, 1000],
    [3, 60_000],
  ],
) {
  const clock = { now: 1_000_000 }
  const limit = createRateLimit({
    windows: limits.map(([limit, ttlMs], index) => ({ name: ['short', 'medium'][index]!, limit, ttlMs })),
    now: () => clock.now,
  })
  const take = (address = '1.2.3.4', handler = 'GET /x') => {
    const headers: Record<string, string> = {}
    try {
      limit.take(handler, address, headers)
      return { headers, refused: false, wait: undefined }
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'rate_limited' })
      return { headers, refused: true, wait: (thrown as GatewayError).details.retryAfterSeconds }
    }
  }
  const isFull = (address = '1.2.3.4', handler = 'GET /x') => limit.isFull(handler, address)
  return { clock, take, isFull }
}

describe('createRateLimit', () => {
  it('counts down in headers that are named for their window', () => {
    const { take } = setUp()
    expect(take().headers).toEqual({
      'x-ratelimit-limit-short': '2',
      'x-ratelimit-remaining-short': '1',
      'x-ratelimit-reset-short': '1',
      'x-ratelimit-limit-medium': '3',
      'x-ratelimit-remaining-medium': '2',
      'x-ratelimit-reset-medium': '60',
    })
  })

  it('refuses what is over the short window until it ends, then over the longer one', () => {
    const { clock, take } = setUp()
    expect([take().refused, take().refused]).toEqual([false, false])
    const third = take()
    expect(third).toMatchObject({ refused: true, wait: 1, headers: { 'retry-after-short': '1' } })
    expect(third.headers).not.toHaveProperty('retry-after-medium')
    clock.now += 1000
    const fourth = take()
    expect(fourth).toMatchObject({ refused: true, wait: 59, headers: { 'retry-after-medium': '59' } })
    clock.now += 59_000
    expect(take().refused).toBe(false)
  })

  it('counts each route and each address by itself', () => {
    const { take } = setUp([[1, 1000]])
    expect(take('1.2.3.4', 'GET /a').refused).toBe(false)
    expect(take('1.2.3.4', 'GET /b').refused).toBe(false)
    expect(take('1.2.3.5', 'GET /a').refused).toBe(false)
    expect(take('1.2.3.4', 'GET /a').refused).toBe(true)
  })

  it('counts an IPv6 network as one', () => {
    const { take } = setUp([[1, 1000]])
    expect(take('2001:db8::1').refused).toBe(false)
    expect(take('2001:db8::2').refused).toBe(true)
    expect(take('2001:db8:0:1::1').refused).toBe(false)
  })

  it('forgets the longest known address when there are too many', () => {
    const { take } = setUp([[1, 1_000_000]])
    take('first')
    expect(take('first').refused).toBe(true)
    for (let index = 0; index < 50_000; index += 1)
      take(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
    expect(take('first').refused).toBe(false)
    expect(take('10.0.195.79').refused).toBe(true)
  })

  it('tells whether the next one would be refused, and counts nothing by that', () => {
    const { clock, take, isFull } = setUp([
      [2, 1000],
      [3, 60_000],
    ])
    const told = [isFull()]
    for (let taken = 0; taken < 2; taken += 1) {
      expect(take().refused).toBe(false)
      told.push(isFull(), isFull())
    }
    expect(told).toEqual([false, false, false, true, true])
    expect([isFull('1.2.3.5'), isFull('1.2.3.4', 'GET /y')]).toEqual([false, false])
    clock.now += 1000
    expect(isFull()).toBe(false)
    take()
    expect(isFull()).toBe(true)
    clock.now -= 3_600_000
    expect(isFull()).toBe(false)
  })

  it('does not lock anybody out when the clock is set back', () => {
    const { clock, take } = setUp([[1, 1000]])
    take()
    clock.now -= 3_600_000
    expect(take().refused).toBe(false)
  })
})
