import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/contract/errors.ts'
import { learnChats } from '../../../src/db/directory/chats.ts'
import { learnPeople } from '../../../src/db/directory/people.ts'
import { insertMessage } from '../../../src/db/message-writes.ts'
import type { NewMessageRow } from '../../../src/db/messages.ts'
import { insertSession } from '../../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../../test/support/api-database.ts'
import type { CallOrigin } from '../verb.ts'
import { createEngineVerbs, historyLimit, type SessionReads } from './engine.ts'

const session = '0b0d6a57-6f0f-4d0e-8a55-2f0e7a9d9f10'
const origin = {} as CallOrigin
let database: TestDatabase
let isReady = true
const link: SessionReads = {
  book: { phoneOf: lid => (lid === '99@lid' ? '1599@c.us' : null) },
  account: { groupInfo: async id => ({ id }) as never },
  checkNumber: async digits => ({ number: digits, exists: true, whatsappId: `${digits}@c.us` }),
}
const verbs = () =>
  createEngineVerbs({
    db: database.db,
    now: () => 5_000,
    async link() {
      if (!isReady) throw new GatewayError('session_not_ready', 'connecting')
      return link
    },
    open: async ({ chatId, messageId }) => ({
      stream: new Response(`${chatId} ${messageId}`).body as ReadableStream<Uint8Array>,
      bytes: 20,
    }),
  })

let count = 0
const row = (more: Partial<NewMessageRow>): NewMessageRow => {
  count += 1
  return {
    id: `id-${String(count).padStart(4, '0')}`,
    sessionId: session,
    waMessageId: `W${count}`,
    chatId: '1555@c.us',
    senderId: '1555@c.us',
    from: '1555@c.us',
    to: '1500@c.us',
    phoneId: '1555@c.us',
    body: `text ${count}`,
    type: 'text',
    direction: 'incoming',
    timestamp: count,
    status: 'delivered',
    createdAt: count,
    ...more,
  }
}
const store = (...rows: NewMessageRow[]) => database.writer.commit(rows.map(each => insertMessage(each)))

beforeEach(async () => {
  count = 0
  isReady = true
  database = await openFile()
  const times = { createdAt: 0, updatedAt: 0 }
  await database.writer.commit([
    insertSession(database.db, { id: session, name: 'one', status: 'ready', config: null, ...times }),
  ])
})
afterEach(() => database[Symbol.asyncDispose]())

describe('history', () => {
  it('is the last messages of the chat, oldest first, under either id of the person', async () => {
    await store(
      row({ lidId: '7@lid' }),
      row({ direction: 'outgoing', senderId: '', from: '1500@c.us', to: '1555@c.us', lidId: '7@lid' }),
      row({ chatId: '1556@c.us', phoneId: '1556@c.us' }),
      row({ lidId: '7@lid', metadata: { quotedMessage: { id: 'Q', body: 'asked' } } }),
    )
    for (const id of ['1555@c.us', '1555@s.whatsapp.net', '7@lid']) {
      const history = await verbs()['engine.getChatHistory']([session, id, 2, false], origin)
      expect(history.map(message => message.id)).toEqual(['W2', 'W4'])
      expect(history[0]).toMatchObject({ fromMe: true, isGroup: false, kind: 'individual', body: 'text 2' })
      expect(history[1]).toMatchObject({ fromMe: false, quotedMessage: { id: 'Q', body: 'asked' } })
    }
  })

  it('has files where they are asked for', async () => {
    const media = { mimetype: 'image/png', sizeBytes: 12, archived: true }
    await store(row({ type: 'image', metadata: { media } }))
    const ask = (includeMedia: unknown) =>
      verbs()['engine.getChatHistory']([session, '1555@c.us', 1, includeMedia], origin)
    expect((await ask(true))[0]?.media).toMatchObject({ data: btoa('1555@c.us W1') })
    for (const no of [false, undefined, 'yes'])
      expect((await ask(no))[0]?.media).toEqual({ ...media, omitted: true })
  })

  it('is at most a hundred long', async () => {
    await store(...Array.from({ length: 101 }, () => row({})))
    const history = await verbs()['engine.getChatHistory']([session, '1555@c.us', 1_000, null], origin)
    expect(history).toHaveLength(100)
    expect(history[0]?.id).toBe('W2')
  })

  it.each([
    [undefined, 50],
    [null, 50],
    [Number.NaN, 50],
    ['7', 50],
    [0, 1],
    [-3, 1],
    [1.9, 1],
    [100.5, 100],
    [101, 100],
  ])('of limit %s has %d', (asked, given) => expect(historyLimit(asked)).toBe(given))
})

/** What the phone has said of people and chats. */
async function learn() {
  const ids = ['c1', 'c2', 'c3'][Symbol.iterator]()
  await database.writer.commit([
    ...learnPeople(
      session,
      [
        { phoneId: '1555@c.us', lidId: '7@lid', pushName: 'Bob' },
        { phoneId: null, lidId: '8@lid', name: 'Carla' },
      ],
      () => ids.next().value ?? '',
    ),
    learnChats(
      session,
      [
        { person: { phoneId: '1555@c.us', lidId: '7@lid' }, chatId: '1555@c.us', lastAt: 3 },
        { chatId: '120@g.us', name: 'Friends', lastAt: 9, archived: true },
      ],
      1,
    ),
  ])
}

it('lists chats, the latest first', async () => {
  await learn()
  await store(row({ body: 'latest' }))
  const chats = await verbs()['engine.getChats']([session], origin)
  expect(chats).toMatchObject([
    { id: '120@g.us', name: 'Friends', isGroup: true, kind: 'group', timestamp: 9, archived: true },
    { id: '1555@c.us', name: 'Bob', isGroup: false, timestamp: 3, lastMessage: 'latest', unreadCount: 1 },
  ])
})

describe('people', () => {
  it('are those that the account knows, each once', async () => {
    await learn()
    const contacts = await verbs()['engine.getContacts']([session], origin)
    expect(contacts).toEqual([
      { id: '1555@c.us', number: '1555', pushName: 'Bob', isMyContact: false, isBlocked: false },
      { id: '8@lid', number: '8', name: 'Carla', isMyContact: true, isBlocked: false },
    ])
  })

  it('are found by either id, and named by the phone', async () => {
    await learn()
    const get = (id: string) => verbs()['engine.getContactById']([session, id], origin)
    for (const id of ['7@lid', '1555@c.us', '1555@s.whatsapp.net'])
      expect(await get(id)).toMatchObject({ id: '1555@c.us' })
    expect(await get('8@lid')).toMatchObject({ id: '8@lid' })
    expect(await get('1666@c.us')).toBeNull()
  })

  it('have one canonical chat: the phone where anybody knows it, else the same id', async () => {
    await learn()
    const canonical = (id: string) => verbs()['engine.canonicalChatId']([session, id], origin)
    expect(await canonical('7@lid')).toBe('1555@c.us')
    expect(await canonical('99@lid')).toBe('1599@c.us')
    isReady = false
    for (const id of ['99@lid', '120@g.us', '1555@c.us']) expect(await canonical(id)).toBe(id)
  })
})

describe('what is asked of WhatsApp', () => {
  it('takes a number as people write it', async () => {
    const check = (number: string) => verbs()['engine.checkNumberExists']([session, number], origin)
    expect(await check('+1 (555) 000-0002')).toEqual({
      number: '+1 (555) 000-0002',
      exists: true,
      whatsappId: '15550000002@c.us',
    })
    for (const number of ['bob', '123', '+'.repeat(20)])
      await expect(check(number)).rejects.toMatchObject({ code: 'invalid_input' })
  })

  it('takes the id of a group and no other', async () => {
    expect(await verbs()['engine.getGroupInfo']([session, '120@g.us'], origin)).toEqual({ id: '120@g.us' })
    await expect(verbs()['engine.getGroupInfo']([session, '1555@c.us'], origin)).rejects.toThrow('group')
  })
})
