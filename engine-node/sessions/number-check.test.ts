import { describe, expect, it } from 'vitest'
import { toNumberCheck } from './number-check.ts'

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
