import { describe, expect, it } from 'vitest'
import { createRecentFacts } from './recent-facts.ts'

const [phoneId, lidId, other] = ['1@c.us', '2@lid', '3@lid']

describe('recent facts', () => {
  it('take the same word for no news, for each session', () => {
    const recent = createRecentFacts()
    expect(recent.isNewPerson('a', { phoneId, lidId, pushName: 'X' })).toBe(true)
    expect(recent.isNewPerson('a', { phoneId, lidId, pushName: 'X' })).toBe(false)
    expect(recent.isNewPerson('a', { phoneId, lidId })).toBe(false)
    expect(recent.isNewPerson('b', { phoneId, lidId, pushName: 'X' })).toBe(true)
  })

  it('hear a name and a pair that come back after another one', () => {
    const recent = createRecentFacts()
    const say = (fact: object) => recent.isNewPerson('a', { phoneId, lidId: null, ...fact })
    expect([say({ name: 'A' }), say({ name: null }), say({ name: 'A' }), say({ name: 'A' })]).toEqual([
      true,
      true,
      true,
      false,
    ])
    expect([say({ lidId }), say({ lidId: other }), say({ lidId })]).toEqual([true, true, true])
    expect(recent.isNewPerson('a', { phoneId: '9@c.us', lidId })).toBe(true)
    expect(say({ lidId })).toBe(true)
  })

  it('forget the oldest, and what they are told to', () => {
    const recent = createRecentFacts(2)
    const chat = (chatId: string) => recent.isNewChat('a', { chatId, archived: true })
    expect([chat('1'), chat('2'), chat('3'), chat('2'), chat('1')]).toEqual([true, true, true, false, true])
    recent.forgetChat('a', '1')
    expect(chat('1')).toBe(true)
    recent.clear()
    expect(chat('1')).toBe(true)
  })
})
