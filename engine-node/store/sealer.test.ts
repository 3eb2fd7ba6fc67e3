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

  it('never uses a nonce twice under one salt, and changes the salt in time', () => {
    const own = createSealer(randomBytes(32))
    const nonces = new Set<string>()
    const salts = new Set<string>()
    for (let count = 0; count <= 65_536; count += 1) {
      const sealed = Buffer.from(own.seal(new Uint8Array(), 'c'))
      nonces.add(sealed.subarray(1, 29).toString('latin1'))
      salts.add(sealed.subarray(1, 17).toString('latin1'))
    }
    expect(nonces.size).toBe(65_537)
    expect(salts.size).toBe(2)
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
