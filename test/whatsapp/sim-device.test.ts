import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { createSimDevice, type SimDevice } from './sim-device.ts'

const ALICE = { user: '15550000001', device: 0 }
const BOB = { user: '15550000002', device: 0 }

let loud: () => void
let alice: SimDevice
let bob: SimDevice

beforeEach(() => {
  loud = silenceSignalConsole()
  alice = createSimDevice()
  bob = createSimDevice()
})
afterEach(() => loud())

const byAlice = (conversation: string) => alice.encrypt(BOB, { conversation }, () => bob.takeBundle())
const byBob = (conversation: string) => bob.encrypt(ALICE, { conversation }, () => alice.takeBundle())
type Sealed = Awaited<ReturnType<typeof byAlice>>
const bobReads = async ({ type, body }: Sealed) => (await bob.decrypt(ALICE, type, body)).conversation
const aliceReads = async ({ type, body }: Sealed) => (await alice.decrypt(BOB, type, body)).conversation

/** Both have written, so that what follows opens no session. */
async function talk() {
  await bobReads(await byAlice('hello'))
  await aliceReads(await byBob('hello'))
}

const spoil = ({ type, body }: Sealed): Sealed => {
  const copy = Buffer.from(body)
  copy[copy.length - 1]! ^= 0xff
  return { type, body: copy }
}

describe('a session', () => {
  it('is not harmed by what cannot be read', async () => {
    await talk()
    const sealed = await byAlice('whole')
    await expect(bobReads(spoil(sealed))).rejects.toThrow()
    expect(await bobReads(sealed)).toBe('whole')
    await expect(bobReads(sealed)).rejects.toThrow()
  })

  it('that is renewed still reads what was under way on the old one', async () => {
    await talk()
    const underWay = await byAlice('under way')
    await bob.renew(ALICE, alice.takeBundle())
    expect(await bobReads(underWay)).toBe('under way')
    const renewed = await byBob('on the new one')
    expect(renewed.type).toBe('pkmsg')
    expect(await aliceReads(renewed)).toBe('on the new one')
  })

  it('is not harmed by messages on another one of the same person', async () => {
    await talk()
    const old = await byAlice('on the old one')
    await bob.renew(ALICE, alice.takeBundle())
    await aliceReads(await byBob('on the new one'))
    // A step on the new one, tried on the old one as well.
    for (const text of ['one', 'two']) {
      expect(await bobReads(await byAlice(text))).toBe(text)
      await aliceReads(await byBob(text))
    }
    expect(await bobReads(old)).toBe('on the old one')
  })

  it('that is lost reads nothing', async () => {
    await talk()
    const underWay = await byAlice('under way')
    bob.forget(ALICE)
    await expect(bobReads(underWay)).rejects.toThrow()
  })
})
