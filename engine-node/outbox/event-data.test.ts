import { describe, expect, it } from 'vitest'
import { createEventData } from './event-data.ts'

describe('the data of recent events', () => {
  it('is kept as far as there is room, the newest longest', () => {
    const data = createEventData(10)
    data.put('a', '1234')
    data.put('b', '5678')
    data.put('b', 'another')
    expect([data.get('a'), data.get('b')]).toEqual(['1234', '5678'])
    data.put('c', '90ab')
    expect([data.get('a'), data.get('b'), data.get('c')]).toEqual([undefined, '5678', '90ab'])
    data.put('d', '12345678901')
    expect(['b', 'c', 'd'].map(data.get)).toEqual([undefined, undefined, undefined])
    data.put('e', '1234567890')
    expect(data.get('e')).toBe('1234567890')
  })
})
