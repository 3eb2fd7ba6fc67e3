import {
  addTransactionCapability,
  DEFAULT_CONNECTION_CONFIG,
  generateSignalPubKey,
  initAuthCreds,
  type SignalDataSet,
  type SignalKeyStore,
} from 'baileys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { silenceSignalConsole } from './signal-console.ts'
import { oneAtATime } from './signal-repository.ts'

const ALICE = '100000000000001@lid'
const BOB = '100000000000002@lid'
const log = createLog('silent')
const makeStock = DEFAULT_CONNECTION_CONFIG.makeSignalRepository

let loud: () => void
beforeEach(() => {
  loud = silenceSignalConsole()
})
afterEach(() => loud())

/** As the key store of a session is: what is read is a copy, and answers from memory. */
function createKeys(): SignalKeyStore {
  const memory = new Map<string, string>()
  const reviver = (_: string, value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
      ? Buffer.from(value.data as number[])
      : value
  return {
    async get(type, ids) {
      const found = ids.map(id => [id, memory.get(`${type} ${id}`)] as const).filter(([, text]) => text)
      return Object.fromEntries(found.map(([id, text]) => [id, JSON.parse(text ?? '', reviver)]))
    },
    async set(data: SignalDataSet) {
      for (const [type, entries] of Object.entries(data))
        for (const [id, value] of Object.entries(entries ?? {}))
          if (value === null) memory.delete(`${type} ${id}`)
          else memory.set(`${type} ${id}`, JSON.stringify(value))
    },
  }
}

function createPerson(make = (keys: SignalKeyStore) => oneAtATime(makeStock, keys)) {
  const creds = initAuthCreds()
  const stored = createKeys()
  const keys = addTransactionCapability(stored, log, { maxCommitRetries: 1, delayBetweenTriesMs: 0 })
  const repository = make(stored)({ creds, keys }, log)
  return {
    keys,
    repository,
    bundle: () => ({
      registrationId: creds.registrationId,
      identityKey: generateSignalPubKey(creds.signedIdentityKey.public),
      signedPreKey: {
        keyId: creds.signedPreKey.keyId,
        publicKey: generateSignalPubKey(creds.signedPreKey.keyPair.public),
        signature: creds.signedPreKey.signature,
      },
    }),
    write: (to: string, text: string) => repository.encryptMessage({ jid: to, data: Buffer.from(text) }),
    async read(from: string, { type, ciphertext }: { type: 'pkmsg' | 'msg'; ciphertext: Uint8Array }) {
      return Buffer.from(await repository.decryptMessage({ jid: from, type, ciphertext })).toString()
    },
  }
}
type Person = ReturnType<typeof createPerson>

/** Both have heard of each other: one session, open on both sides. */
async function introduce(alice: Person, bob: Person) {
  await alice.repository.injectE2ESession({ jid: BOB, session: bob.bundle() })
  expect(await bob.read(ALICE, await alice.write(BOB, 'hello'))).toBe('hello')
  expect(await alice.read(BOB, await bob.write(ALICE, 'hi'))).toBe('hi')
}

describe('a session that is not in use any more', () => {
  it('still reads what was under way on it, and does no harm to the new one', async () => {
    const [alice, bob] = [createPerson(), createPerson()]
    await introduce(alice, bob)
    const late = [await bob.write(ALICE, 'late'), await bob.write(ALICE, 'later')]
    await alice.repository.injectE2ESession({ jid: BOB, session: bob.bundle() })
    for (const [index, text] of ['late', 'later'].entries()) {
      const message = late[index]
      if (message) expect(await alice.read(BOB, message)).toBe(text)
    }
    expect(await bob.read(ALICE, await alice.write(BOB, 'on the new one'))).toBe('on the new one')
    expect(await alice.read(BOB, await bob.write(ALICE, 'me too'))).toBe('me too')
    expect(await bob.read(ALICE, await alice.write(BOB, 'good'))).toBe('good')
  })

  it('does not hide that nobody can read a message', async () => {
    const [alice, bob, carol] = [createPerson(), createPerson(), createPerson()]
    await introduce(alice, bob)
    await alice.repository.injectE2ESession({ jid: BOB, session: bob.bundle() })
    await introduce(carol, bob)
    const strange = await carol.write(BOB, 'for somebody else')
    await expect(alice.read(BOB, strange)).rejects.toThrow('No matching sessions found for message')
    expect(await bob.read(ALICE, await alice.write(BOB, 'unharmed'))).toBe('unharmed')
  })
})

describe('a message that comes while a send waits', () => {
  it('is not forgotten by the send', async () => {
    const [alice, bob] = [createPerson(), createPerson()]
    await introduce(alice, bob)
    const waits = Promise.withResolvers<void>()
    // As Baileys sends: all in one transaction, with questions to the network between its steps.
    const sending = alice.keys.transaction(async () => {
      const first = await alice.write(BOB, 'one')
      await waits.promise
      return [first, await alice.write(BOB, 'two')]
    }, 'send')
    const answer = await bob.write(ALICE, 'meanwhile')
    expect(await alice.read(BOB, answer)).toBe('meanwhile')
    waits.resolve()
    const texts = []
    for (const message of await sending) texts.push(await bob.read(ALICE, message))
    expect(texts).toEqual(['one', 'two'])
    // The same ciphertext again is known: its key was used, and that it was is remembered.
    await expect(alice.read(BOB, answer)).rejects.toThrow()
    expect(await alice.read(BOB, await bob.write(ALICE, 'after'))).toBe('after')
  })
})

describe('messages to a group that come in another order', () => {
  const GROUP = '120363000000000001@g.us'

  it.each<[string, () => Person, boolean]>([
    ['are read', () => createPerson(), true],
    ['are lost to stock Baileys', () => createPerson(() => makeStock), false],
  ])('%s', async (_, person, isRead) => {
    const [alice, bob] = [createPerson(), person()]
    const write = (text: string) =>
      alice.repository.encryptGroupMessage({ group: GROUP, meId: ALICE, data: Buffer.from(text) })
    const sent = [await write('one'), await write('two'), await write('three')]
    await bob.repository.processSenderKeyDistributionMessage({
      item: {
        groupId: GROUP,
        axolotlSenderKeyDistributionMessage: sent[0]?.senderKeyDistributionMessage ?? null,
      },
      authorJid: ALICE,
    })
    const read = async (position: number) =>
      Buffer.from(
        await bob.repository.decryptGroupMessage({
          group: GROUP,
          authorJid: ALICE,
          msg: sent[position]?.ciphertext ?? new Uint8Array(),
        }),
      ).toString()
    expect(await read(2)).toBe('three')
    if (!isRead) return await expect(read(0)).rejects.toThrow('Expected Buffer')
    expect(await read(0)).toBe('one')
    expect(await read(1)).toBe('two')
  })
})
