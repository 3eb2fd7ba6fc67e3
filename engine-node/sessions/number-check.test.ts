import { describe, expect, it } from 'vitest'
import { phoneDigits, toNumberCheck } from './number-check.ts'

describe('a number', () => {
  it('exists when WhatsApp says so, and only then', () => {
    const jid = '1555@s.whatsapp.net'
    const found = { number: '1555', exists: true, whatsappId: '1555@c.us' }
    expect(toNumberCheck('1555', [{ jid, exists: true }])).toEqual(found)
    const none = { number: '1555', exists: false, whatsappId: null }
    expect(toNumberCheck('1555', [{ jid, exists: false }])).toEqual(none)
    expect(toNumberCheck('1555', [])).toEqual(none)
  })

  it('is not "missing" because nobody answered', () =>
    expect(() => toNumberCheck('1555', undefined)).toThrow(
      expect.objectContaining({ code: 'whatsapp_unanswered' }),
    ))
})

describe('phoneDigits', () => {
  it.each([
    ['15551110001', '15551110001'],
    ['+1 (555) 111-00.01', '15551110001'],
    ['15551110001@c.us', '15551110001'],
    ['1234', null],
    ['1234567890123456', null],
    ['no number', null],
    ['@c.us', null],
  ])('of %s', (text, digits) => expect(phoneDigits(text)).toBe(digits))
})
