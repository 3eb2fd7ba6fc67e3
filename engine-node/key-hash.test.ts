import { expect, it } from 'vitest'
import { createKeyHash as createWebKeyHash } from '../src/api/key-hash.ts'
import { createKeyHash } from './key-hash.ts'

/** SHA-256 of "abc", as FIPS 180-2 prints it. */
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

it('is SHA-256, and under a pepper something else', () => {
  expect(createKeyHash(null)('abc')).toBe(ABC)
  expect(createKeyHash('pepper')('abc')).toMatch(/^[0-9a-f]{64}$/)
  expect(createKeyHash('pepper')('abc')).not.toBe(ABC)
})

it.each([null, 'pepper'])('is what the edge makes of it, with the pepper %j', async pepper => {
  expect(createKeyHash(pepper)('owa_k1_é')).toBe(await createWebKeyHash(pepper)('owa_k1_é'))
})
