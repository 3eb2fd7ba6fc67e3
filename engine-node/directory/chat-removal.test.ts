import { afterEach, beforeEach, expect, it } from 'vitest'
import { learnChats, listChatRows } from '../../src/db/directory/chats.ts'
import { learnPeople } from '../../src/db/directory/people.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import { messages } from '../../src/db/schema.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createLog } from '../log.ts'
import { made } from '../store/queued-statement.ts'
import { createChatRemoval } from './chat-removal.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const [phoneId, lidId, other] = ['1555@c.us', '91@lid', '1556@c.us']
let database: TestDatabase
let told: (string | null)[]
let isHeard: boolean
let written: Promise<unknown>

beforeEach(async () => {
  told = []
  isHeard = true
  database = await openFile()
  const row = (index: number, chatId: string) =>
    insertMessage({
      id: `m${String(index).padStart(4, '0')}`,
      sessionId,
      waMessageId: `W${index}`,
      chatId,
      senderId: chatId,
      from: chatId,
      to: 'me@c.us',
      body: `text ${index}`,
      type: 'text',
      direction: 'incoming',
      status: 'delivered',
      createdAt: index,
    })
  await database.writer.commit([
    insertSession(database.db, { id: sessionId, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
    ...learnPeople(sessionId, [{ phoneId, lidId }], () => 'p1'),
    learnChats(sessionId, [{ chatId: phoneId, person: { phoneId, lidId } }], 1),
    ...Array.from({ length: 600 }, (_, index) => row(index, phoneId)),
    row(1_000, other),
  ])
})
afterEach(() => database[Symbol.asyncDispose]())

const removal = () =>
  createChatRemoval({
    db: database.db,
    queue: {
      commit: database.writer.commit,
      put(statements) {
        written = database.writer.commit(statements.map(made))
      },
    },
    chain: { order: () => (isHeard ? [1] : []), run: async (_event, { message }) => told.push(message.body) },
    log: createLog('silent'),
  })
const left = async () => (await database.db.select().from(messages)).map(({ chatId }) => chatId)
const chats = () => listChatRows(database.db, sessionId, { limit: 9, offset: 0 })

it('clears a chat by either id of its person, and tells of each message', async () => {
  expect(await removal().around({ sessionId, chatId: lidId, isWhole: false }, async () => true)).toBe(true)
  expect(await left()).toEqual([other])
  expect(new Set(told)).toHaveLength(600)
  expect(await chats()).toHaveLength(1)
})

it('deletes a chat from the list', async () => {
  await removal().around({ sessionId, chatId: '1555@s.whatsapp.net', isWhole: true }, async () => true)
  expect(await left()).toEqual([other])
  expect(await chats()).toEqual([])
})

it('deletes what another device has deleted, and tells of each message where a plugin wants to know', async () => {
  removal().heard(sessionId, lidId)
  await expect.poll(left).toEqual([other])
  await expect.poll(() => new Set(told).size).toBe(600)
  isHeard = false
  removal().heard(sessionId, other)
  await written
  expect(await left()).toEqual([])
  expect(told).toHaveLength(600)
})

it('tells once of what was deleted from here, though Baileys tells of it too', async () => {
  const both = removal()
  await both.around({ sessionId, chatId: phoneId, isWhole: true }, async () => {
    both.heard(sessionId, phoneId)
    return true
  })
  expect(told).toHaveLength(600)
})

it('leaves everything where nothing was changed, or nobody knows', async () => {
  expect(await removal().around({ sessionId, chatId: phoneId, isWhole: true }, async () => false)).toBe(false)
  const failing = removal().around({ sessionId, chatId: phoneId, isWhole: true }, () =>
    Promise.reject(new Error('no answer')),
  )
  await expect(failing).rejects.toThrow('no answer')
  expect(await left()).toHaveLength(601)
  expect(told).toEqual([])
})
