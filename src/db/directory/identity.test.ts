// Whatever is learnt of people, in whatever order and in whatever portions: one person stays one person, with one chat.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFile, type TestDatabase } from '../../../test/support/api-database.ts'
import type { Statement } from '../db.ts'
import { insertMessage, insertToldMessage } from '../message-writes.ts'
import type { NewMessageRow } from '../messages.ts'
import { chats, contacts, conversationMappings, groupMembers, messages } from '../schema.ts'
import { insertSession } from '../sessions.ts'
import { learnChats, listChatRows } from './chats.ts'
import { addMembers } from './groups.ts'
import { findContact, isSamePerson, learnPeople, listBlocked, listContacts, setBlocked } from './people.ts'

const SESSION = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const GROUP = '123@g.us'

let database: TestDatabase
let ids = 0
const newId = () => `c${++ids}`
const commit = (...statements: Statement[]) => database.writer.commit(statements)

beforeEach(async () => {
  database = await openFile()
  await commit(
    insertSession(database.db, { id: SESSION, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
  )
})
afterEach(() => database[Symbol.asyncDispose]())

const people = (...facts: Parameters<typeof learnPeople>[1]) => learnPeople(SESSION, facts, newId)
const pair = (phoneId: string, lidId: string) => ({ phoneId, lidId })
const rows = async () => {
  const found = await database.db.select().from(contacts)
  return found.map(({ phoneId, lidId }) => `${phoneId} ${lidId}`).sort()
}

/** A small generator with a seed, so that a failing run can be had again. */
function createRandom(seed: number) {
  let state = seed
  const below = (n: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  return {
    below,
    shuffled<T>(items: readonly T[]): T[] {
      const left = [...items]
      return items.map(() => left.splice(below(left.length), 1)[0] as T)
    },
  }
}

const count = 5
const phoneOf = (n: number) => `1555000${n}@c.us`
const lidOf = (n: number) => `9900${n}@lid`

type Event = { what: string; statements: () => Statement[] }

function eventsOf(n: number, random: ReturnType<typeof createRandom>): Event[] {
  const phone = { phoneId: phoneOf(n), lidId: null }
  const lid = { phoneId: null, lidId: lidOf(n) }
  const both = pair(phoneOf(n), lidOf(n))
  const message = (id: string, chatId: string): Event => ({
    what: `message ${id} in ${chatId}`,
    statements: () => [
      ...people(chatId.endsWith('@lid') ? lid : phone),
      insertMessage({
        id: newId(),
        sessionId: SESSION,
        waMessageId: id,
        chatId,
        senderId: chatId,
        from: chatId,
        to: 'me@c.us',
        type: 'text',
        direction: 'incoming',
        status: 'delivered',
        timestamp: 5,
        createdAt: 5_000,
      }),
    ],
  })
  const chat = (person: typeof phone | typeof lid, fact: object): Event => ({
    what: `chat ${person.phoneId ?? person.lidId} ${JSON.stringify(fact)}`,
    statements: () => [
      ...people(person),
      learnChats(SESSION, [{ person, chatId: person.phoneId ?? person.lidId ?? '', ...fact }], 7),
    ],
  })
  const member = (person: typeof phone | typeof lid): Event => ({
    what: `member ${person.phoneId ?? person.lidId}`,
    statements: () => [
      ...people(person),
      addMembers(SESSION, GROUP, [{ ...person, address: person.lidId ?? person.phoneId ?? '', admin: null }]),
    ],
  })
  const all: Event[] = [
    { what: `pair ${n}`, statements: () => people(both) },
    { what: `named ${n}`, statements: () => people({ ...phone, name: `Name ${n}` }) },
    { what: `pushed ${n}`, statements: () => people({ ...lid, pushName: `Push ${n}` }) },
    { what: `blocked ${n}`, statements: () => [...people(lid), ...setBlocked(SESSION, [lidOf(n)], true)] },
    chat(phone, { archived: true }),
    chat(lid, { mutedUntil: -1, lastAt: 3 }),
    chat(phone, { lastAt: 9 }),
    message('A', lidOf(n)),
    message('B', phoneOf(n)),
    // One message under either id.
    message('C', lidOf(n)),
    message('C', phoneOf(n)),
    member(phone),
    member(lid),
  ]
  const [first, ...rest] = all
  return [first as Event, ...random.shuffled(rest).slice(0, 4 + random.below(rest.length - 3))]
}

describe('people', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => [seed + 1]))('stay one each, seed %i', async seed => {
    const random = createRandom(seed)
    const events = Array.from({ length: count }, (_, n) => eventsOf(n, random)).flat()
    const told = new Set(events.map(({ what }) => what))
    const shuffled = random.shuffled([...events, ...random.shuffled(events).slice(0, 10)])
    // In portions of any size, as a history chunk brings many at once and a message one.
    while (shuffled.length > 0)
      await commit(...shuffled.splice(0, 1 + random.below(6)).flatMap(({ statements }) => statements()))

    expect(await rows()).toEqual(Array.from({ length: count }, (_, n) => `${phoneOf(n)} ${lidOf(n)}`))
    const list = await listChatRows(database.db, SESSION, { limit: 100, offset: 0 })
    expect(new Set(list.map(({ id }) => id)).size).toBe(list.length)
    expect(await database.db.select().from(chats)).toHaveLength(list.length)
    for (let n = 0; n < count; n += 1) {
      const has = (what: string) => told.has(what)
      const found = list.find(({ id }) => id === phoneOf(n))
      const isTold = [...told].some(what => /^chat/.test(what) && what.includes(`000${n}@`))
      const isToldByLid = [...told].some(what => /^chat/.test(what) && what.includes(lidOf(n)))
      expect(found !== undefined).toBe(isTold || isToldByLid)
      if (has(`chat ${phoneOf(n)} {"archived":true}`)) expect(found?.archived).toBe(1)
      if (isToldByLid) expect(found?.mutedUntil).toBe(-1)
      const contact = await findContact(database.db, SESSION, lidOf(n))
      if (has(`named ${n}`)) expect(contact?.name).toBe(`Name ${n}`)
      if (has(`pushed ${n}`)) expect(contact?.pushName).toBe(`Push ${n}`)
      expect(contact?.isBlocked).toBe(has(`blocked ${n}`))
      const stored = (await database.db.select().from(messages)).filter(({ chatId }) =>
        [phoneOf(n), lidOf(n)].includes(chatId),
      )
      // Messages that came before the pair lie under the phone with the others; whoever stores them later does the same.
      const wanted = ['A', 'B', 'C'].filter(id =>
        [...told].some(
          what =>
            what.startsWith(`message ${id} in`) && (what.endsWith(phoneOf(n)) || what.endsWith(lidOf(n))),
        ),
      )
      expect([...new Set(stored.map(({ waMessageId }) => waMessageId))].sort()).toEqual(wanted)
    }
    const members = (await database.db.select().from(groupMembers)).map(({ contactId }) => contactId)
    const wanted: (string | undefined)[] = []
    for (let n = 0; n < count; n += 1)
      if (told.has(`member ${phoneOf(n)}`) || told.has(`member ${lidOf(n)}`))
        wanted.push((await findContact(database.db, SESSION, lidOf(n)))?.id)
    expect(members.sort()).toEqual(wanted.sort())
  })

  it('have their messages under the phone as soon as it is known, each once', async () => {
    const random = createRandom(1)
    const events = eventsOf(0, random)
    const named = (what: string) => events.filter(event => event.what.startsWith(what))
    await commit(...named('message').flatMap(({ statements }) => statements()))
    await commit(...named('pair').flatMap(({ statements }) => statements()))
    const stored = await database.db.select().from(messages)
    expect(new Set(stored.map(({ chatId, senderId, from }) => `${chatId} ${senderId} ${from}`))).toEqual(
      new Set([`${phoneOf(0)} ${phoneOf(0)} ${phoneOf(0)}`]),
    )
    expect(new Set(stored.map(({ waMessageId }) => waMessageId)).size).toBe(stored.length)
  })

  it('take a new number along, with their chat', async () => {
    await commit(...people(pair(phoneOf(1), lidOf(1))))
    await commit(learnChats(SESSION, [{ person: pair(phoneOf(1), lidOf(1)), chatId: phoneOf(1) }], 1))
    await commit(
      ...eventsOf(1, createRandom(2))
        .filter(({ what }) => what.includes('message B'))
        .flatMap(({ statements }) => statements()),
    )
    await commit(...people(pair(phoneOf(2), lidOf(1))))
    expect(await rows()).toEqual([`${phoneOf(2)} ${lidOf(1)}`])
    expect((await listChatRows(database.db, SESSION, { limit: 9, offset: 0 })).map(({ id }) => id)).toEqual([
      phoneOf(2),
    ])
    for (const { chatId } of await database.db.select().from(messages)) expect(chatId).toBe(phoneOf(2))
  })

  it('may swap their numbers', async () => {
    await commit(...people(pair(phoneOf(1), lidOf(1)), pair(phoneOf(2), lidOf(2))))
    await commit(...people(pair(phoneOf(2), lidOf(1)), pair(phoneOf(1), lidOf(2))))
    expect(await rows()).toEqual([`${phoneOf(1)} ${lidOf(2)}`, `${phoneOf(2)} ${lidOf(1)}`])
  })

  it('keep their messages when one takes the number that another one leaves', async () => {
    const [anna, bert] = [lidOf(1), lidOf(2)]
    const message = (id: string, phoneId: string, lidId: string) =>
      insertMessage({
        ...{ id, sessionId: SESSION, waMessageId: id, chatId: phoneId, senderId: phoneId, from: phoneId },
        ...{ to: 'me@c.us', phoneId, lidId, type: 'text', direction: 'incoming', status: 'delivered' },
        createdAt: 1,
      })
    await commit(
      ...people(pair(phoneOf(1), anna), pair(phoneOf(3), bert)),
      message('A', phoneOf(1), anna),
      message('B', phoneOf(3), bert),
      // Of whom nobody knows the number yet; it came before the pair.
      message('C', bert, bert),
    )
    await commit(...people(pair(phoneOf(2), anna), pair(phoneOf(1), bert)))
    const found = await database.db.select().from(messages)
    expect(found.map(({ id, chatId, lidId }) => [id, chatId, lidId]).sort()).toEqual([
      ['A', phoneOf(2), anna],
      ['B', phoneOf(1), bert],
      ['C', phoneOf(1), bert],
    ])
  })

  it.each([1, 2, 3, 4, 5, 6])('lose no message whatever numbers and lids they take, seed %i', async seed => {
    const random = createRandom(seed)
    const any = (idOf: (n: number) => string) => (random.below(3) === 0 ? null : idOf(random.below(4)))
    for (let step = 0; step < 40; step += 1) {
      const told = Array.from({ length: 1 + random.below(4) }, () => ({
        phoneId: any(phoneOf),
        lidId: any(lidOf),
      })).filter(({ phoneId, lidId }) => phoneId ?? lidId)
      const chatId = told[0]?.phoneId ?? told[0]?.lidId
      if (!chatId) continue
      const row = {
        ...{ id: `m${step}`, sessionId: SESSION, waMessageId: `W${step}`, chatId, senderId: chatId },
        ...{ from: chatId, to: 'me@c.us', ...told[0], type: 'text', direction: 'incoming' },
        ...{ status: 'delivered', createdAt: step },
      } as NewMessageRow
      const before = await database.db.$count(messages)
      await commit(
        ...people(...told),
        learnChats(SESSION, [{ chatId, person: told[0] }], step),
        insertToldMessage(row),
      )
      expect(await database.db.$count(messages)).toBe(before + 1)
    }
    const known = new Set((await database.db.select().from(contacts)).map(({ id }) => id))
    for (const { peer } of await database.db.select().from(chats)) expect(known).toContain(peer)
  })

  it('take along the conversations of other systems, and who answers there', async () => {
    const conversation = (id: string, chatId: string, handoverState: string): Statement => ({
      sql: `INSERT INTO conversation_mappings (session_id, chat_id, plugin_id, instance_id, provider_conversation_id,
        handover_state, created_at, updated_at) VALUES (?, ?, 'desk', 'main', ?, ?, 1, 1)`,
      args: [SESSION, chatId, id, handoverState],
    })
    const found = async () =>
      (await database.db.select().from(conversationMappings))
        .map(row => `${row.providerConversationId} ${row.chatId} ${row.handoverState}`)
        .sort()
    await commit(
      {
        sql: `INSERT INTO plugins (id, name, version, manifest, status, tier, config_masked, session_config_masked,
          config_sealed, active_sessions, installed_at, updated_at)
          VALUES ('desk', 'd', '1', '{}', 'enabled', 'process', '{}', '{}', x'00', '[]', 1, 1)`,
        args: [],
      },
      conversation('new', lidOf(0), 'human'),
      conversation('both', lidOf(1), 'closed'),
      conversation('both too', phoneOf(1), 'bot'),
      ...people(pair(phoneOf(2), lidOf(2)), pair(phoneOf(3), lidOf(3))),
      conversation('swap', phoneOf(2), 'human'),
      conversation('swapped', phoneOf(3), 'bot'),
    )
    await commit(
      ...people(
        pair(phoneOf(0), lidOf(0)),
        pair(phoneOf(1), lidOf(1)),
        pair(phoneOf(3), lidOf(2)),
        pair(phoneOf(2), lidOf(3)),
      ),
    )
    expect(await found()).toEqual([
      `both ${lidOf(1)} bot`,
      `both too ${phoneOf(1)} closed`,
      `new ${phoneOf(0)} human`,
      `swap ${phoneOf(3)} human`,
      `swapped ${phoneOf(2)} bot`,
    ])
  })

  it('keep a number when they get another lid', async () => {
    await commit(...people(pair(phoneOf(1), lidOf(1))))
    await commit(...people(pair(phoneOf(1), lidOf(2))))
    expect(await rows()).toEqual([`${phoneOf(1)} ${lidOf(2)}`])
  })

  it('are what was said last, and lose a name that is taken away', async () => {
    const [phoneId, lidId] = [phoneOf(1), lidOf(1)]
    await commit(
      ...people({ phoneId, lidId: null, name: 'Old' }, { phoneId, lidId, name: 'New', pushName: 'P' }),
    )
    await commit(...people({ phoneId: null, lidId, verifiedName: 'V' }, { phoneId, lidId: null, name: null }))
    expect(await findContact(database.db, SESSION, lidId)).toMatchObject({
      phoneId,
      lidId,
      name: null,
      pushName: 'P',
      verifiedName: 'V',
    })
  })

  it('are listed by name, and found by either id', async () => {
    await commit(
      ...people(
        { phoneId: phoneOf(1), lidId: null, name: 'zoe' },
        { phoneId: phoneOf(2), lidId: lidOf(2), pushName: 'Adam' },
        { phoneId: null, lidId: lidOf(3) },
      ),
    )
    const list = await listContacts(database.db, SESSION, { limit: 9, offset: 0 })
    expect(list.map(({ phoneId, lidId }) => phoneId ?? lidId)).toEqual([phoneOf(2), phoneOf(1), lidOf(3)])
    const only = await listContacts(database.db, SESSION, { limit: 9, offset: 0, only: [lidOf(2)] })
    expect(only.map(({ phoneId }) => phoneId)).toEqual([phoneOf(2)])
    expect(await listContacts(database.db, SESSION, { limit: 9, offset: 0, only: [] })).toEqual([])
    const same = (id: string, others: string[]) =>
      isSamePerson(database.db, { sessionId: SESSION, id, others })
    expect(await same(phoneOf(2), [lidOf(2)])).toBe(true)
    expect(await same(lidOf(2), [phoneOf(1)])).toBe(false)
    await commit(...setBlocked(SESSION, [lidOf(2)], true))
    await commit(...setBlocked(SESSION, [phoneOf(1)], true, true))
    expect(await listBlocked(database.db, SESSION)).toEqual([phoneOf(1)])
  })
})
