import { setImmediate as turn } from 'node:timers/promises'
import { addTransactionCapability, type SignalDataSet, type SignalKeyStore } from 'baileys'
import { beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { withSenderKeyMemory } from './sender-key-memory.ts'

const TEAM = '120363000000000001@g.us'
const OTHERS = '120363000000000002@g.us'
const BOB = '100000000000002@lid'
const EVE = '100000000000003@lid'

/** As the store of a session is: what it gives is what it holds. */
function createKeys() {
  const memory = new Map<string, unknown>()
  const written: SignalDataSet[] = []
  const keys: SignalKeyStore = {
    async get(type, ids) {
      const found = ids.filter(id => memory.has(`${type} ${id}`)).map(id => [id, memory.get(`${type} ${id}`)])
      return Object.fromEntries(found)
    },
    async set(data) {
      written.push(data)
      for (const [type, entries] of Object.entries(data))
        for (const [id, value] of Object.entries(entries ?? {}))
          if (value === null) memory.delete(`${type} ${id}`)
          else memory.set(`${type} ${id}`, value)
    },
  }
  return { keys, written }
}

const listsOf = (lists: Record<string, Record<string, boolean> | null>) =>
  ({ 'sender-key-memory': lists }) as unknown as SignalDataSet

let stored: ReturnType<typeof createKeys>
/** As Baileys has it: a send is a transaction, a retry receipt is none. */
let keys: ReturnType<typeof addTransactionCapability>

beforeEach(() => {
  stored = createKeys()
  keys = addTransactionCapability(withSenderKeyMemory(stored.keys), createLog('silent'), {
    maxCommitRetries: 1,
    delayBetweenTriesMs: 0,
  })
})

async function listOf(group: string): Promise<Record<string, boolean>> {
  const { [group]: list } = await keys.get('sender-key-memory', [group])
  return (list ?? {}) as unknown as Record<string, boolean>
}

/** As Baileys does for a retry receipt, outside of every send. */
const drop = async (group: string) => await keys.set(listsOf({ [group]: null }))

/**
 * A send to the group as Baileys does it: whoever is not on the list is given the key, and it ends when WhatsApp has answered
 * what it asks. Resolves with those who were given the key.
 */
async function sends(to: readonly string[], answer: Promise<void> = Promise.resolve()) {
  const given: string[] = []
  await keys.transaction(async () => {
    const list = await listOf(TEAM)
    for (const member of to) {
      if (list[member]) continue
      given.push(member)
      list[member] = true
    }
    await answer
    await keys.set(listsOf({ [TEAM]: list }))
  }, 'me')
  return given
}

/** Does something while a send is under way. */
async function meanwhile(to: readonly string[], work: () => Promise<void>) {
  const answer = Promise.withResolvers<void>()
  const sent = sends(to, answer.promise)
  await turn()
  await work()
  answer.resolve()
  await sent
}

describe('the list of who has the key of a group', () => {
  it('spares those who have it', async () => {
    expect(await sends([BOB])).toEqual([BOB])
    expect(await sends([BOB, EVE])).toEqual([EVE])
    expect(await sends([BOB, EVE])).toEqual([])
  })

  it.each([
    ['knew them all', [BOB, EVE]],
    ['was the first', []],
  ])('stays dropped when a send is under way that %s', async (_what, before) => {
    if (before.length > 0) await sends(before)
    await meanwhile([BOB, EVE], () => drop(TEAM))
    expect(await sends([BOB, EVE])).toEqual([BOB, EVE])
    expect(await sends([BOB, EVE])).toEqual([])
  })

  it('stays dropped when it is dropped twice', async () => {
    await sends([BOB])
    await meanwhile([BOB], async () => {
      await drop(TEAM)
      await drop(TEAM)
    })
    expect(await sends([BOB])).toEqual([BOB])
  })

  it('is kept by a send when that of another group is dropped', async () => {
    await meanwhile([BOB], () => drop(OTHERS))
    expect(await sends([BOB])).toEqual([])
  })

  it('does not name those whom a failed send would have reached', async () => {
    await sends([BOB])
    await expect(sends([BOB, EVE], Promise.reject(new Error('no answer')))).rejects.toThrow('no answer')
    expect(await sends([BOB, EVE])).toEqual([EVE])
  })
})

it('leaves what else is written, and writes it in one go', async () => {
  await keys.transaction(async () => {
    const list = await listOf(TEAM)
    await keys.set({ session: { 'bob.0': Buffer.from('a session') } })
    await keys.set(listsOf({ [TEAM]: { ...list, [BOB]: true }, [OTHERS]: null }))
  }, 'me')
  expect(stored.written).toEqual([
    { session: { 'bob.0': Buffer.from('a session') }, ...listsOf({ [OTHERS]: null }) },
  ])
})
