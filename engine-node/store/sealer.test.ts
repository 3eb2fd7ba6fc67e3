import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createSealer } from './sealer.ts'

const sealer = createSealer(randomBytes(32))
const plain = new TextEncoder().encode('{"noiseKey":"…"}')

describe('sealer', () => {
  it('opens what it sealed, and never seals alike twice', () => {
    const sealed = sealer.seal(plain, 'session/creds')
    expect(Buffer.from(sealer.open(sealed, 'session/creds'))).toEqual(Buffer.from(plain))
    expect(Buffer.from(sealer.seal(plain, 'session/creds'))).not.toEqual(Buffer.from(sealed))
    expect(Buffer.from(sealed).includes(Buffer.from('noiseKey'))).toBe(false)
  })

  it.each([
    ['another place', (sealed: Uint8Array) => sealer.open(sealed, 'other/creds')],
    ['another key', (sealed: Uint8Array) => createSealer(randomBytes(32)).open(sealed, 'session/creds')],
    ['a cut value', (sealed: Uint8Array) => sealer.open(sealed.subarray(0, 20), 'session/creds')],
    ['nothing', () => sealer.open(new Uint8Array(), 'session/creds')],
  ])('refuses %s', (_, open) => {
    const sealed = sealer.seal(plain, 'session/creds')
    expect(() => open(sealed)).toThrow(expect.objectContaining({ code: 'credentials_unreadable' }))
  })

  it('refuses a value with any byte changed', () => {
    const sealed = sealer.seal(plain, 'c')
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Uint8Array.from(sealed)
      changed[index] = (changed[index] ?? 0) ^ 1
      expect(() => sealer.open(changed, 'c')).toThrow(
        expect.objectContaining({ code: 'credentials_unreadable' }),
      )
    }
  })
})
