import { describe, expect, it } from 'vitest'
import { createBoundedCache } from './bounded-cache.ts'

describe('bounded cache', () => {
  it('forgets the oldest beyond its size, and what is past its time', () => {
    let time = 0
    const cache = createBoundedCache({ max: 2, ttlMs: 10, now: () => time })
    for (const key of ['a', 'b', 'c']) cache.set(key, key)
    expect(['a', 'b', 'c'].map(key => cache.get(key))).toEqual([undefined, 'b', 'c'])
    cache.set('b', 'again')
    cache.set('d', 'd')
    expect(cache.get('b')).toBe('again')
    time = 10
    expect(cache.get('b')).toBeUndefined()
  })

  it('deletes and empties', () => {
    const cache = createBoundedCache({ max: 2, ttlMs: 10, now: () => 0 })
    cache.set('a', 1)
    cache.set('b', 2)
    cache.del('a')
    expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 2])
    cache.flushAll()
    expect(cache.get('b')).toBeUndefined()
  })
})
