import type { BinaryNode } from 'baileys'
import { proto } from 'baileys'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Statement } from '../../src/db/db.ts'
import { clearChat, deleteChat } from '../../src/db/directory/chats.ts'
import { insertChange } from '../../src/db/message-changes.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import { decryptJournal, messageChanges } from '../../src/db/schema.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createFakeClock, type FakeClock } from '../../test/support/fake-clock.ts'
import { createSealer } from '../store/sealer.ts'
import { createWriteQueue, type WriteQueue } from '../store/write-queue.ts'
import { loadDecryptJournal } from './decrypt-journal.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const ME = { id: '49:1@s.whatsapp.net', lid: '9:1@lid' }
const [BOB, EVE] = ['1555@c.us', '1556@c.us']
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const sealer = createSealer(Buffer.alloc(32, 7))
let database: TestDatabase
let queue: WriteQueue
let clock: FakeClock

beforeEach(async () => {
  database = await openFile()
  clock = createFakeClock()
  const { db, writer } = database
  queue = createWriteQueue({
    target: { batch: writer.commit, reconnect: async () => {} },
    delay: async () => {},
  })
  await queue.commit([
    insertSession(db, { id: sessionId, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
  ])
})
afterEach(async () => {
  await queue[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const load = () => loadDecryptJournal({ db: database.db, queue, sealer, clock, sessionId })
type Journal = Awaited<ReturnType<typeof load>>

/** A stanza is decrypted; `text` is what libsignal makes of it, at its first delivery only. */
async function deliver(journal: Journal, id: string, text: string | null = id) {
  const plaintext = Buffer.concat([proto.Message.encode({ conversation: text ?? '' }).finish(), Buffer.of(1)])
  const content = Buffer.from(`ciphertext of ${id}`)
  const attrs = { id, from: '1555@s.whatsapp.net', t: '1700000000', type: 'text' }
  journal.sees({ tag: 'message', attrs, content: [{ tag: 'enc', attrs: {}, content }] } as BinaryNode)
  const decrypt = async () => {
    if (text === null) throw new Error('No session found to decrypt message')
    return plaintext
  }
  const make = () => ({ decryptMessage: decrypt, decryptGroupMessage: decrypt })
  const repository = journal.wrap(make as never)({} as never, {} as never, (async () => {}) as never)
  const read = await repository.decryptMessage({ ciphertext: content, jid: '', type: 'msg' })
  await queue.settled()
  return proto.Message.decode(read.subarray(0, -1)).conversation
}
const kept = async () => {
  await queue.settled()
  return (await database.db.select().from(decryptJournal)).length
}
const stored = (id: string, chatId: string): Statement =>
  insertMessage({
    ...{ id, sessionId, waMessageId: id, chatId, senderId: chatId, from: chatId, to: 'me@c.us' },
    ...{ type: 'text', direction: 'incoming', status: 'delivered', createdAt: 1 },
  })
const edited = (id: string, chatId: string) =>
  insertChange({
    ...{ id, sessionId, waMessageId: id, chatId, chatIds: [chatId], senderId: chatId, at: 1, createdAt: 1 },
    ...{ phoneId: chatId, lidId: null, targetId: 'A', kind: 'edit', value: { body: 'new words' } },
  })

it.each([
  ['deleted', deleteChat],
  ['cleared', clearChat],
])('keeps a %s chat from coming back by a reconnect, and answers a redelivery', async (_what, remove) => {
  const journal = await load()
  for (const id of ['A', 'EDIT', 'B', 'LOST']) await deliver(journal, id)
  await queue.commit([stored('A', BOB), edited('EDIT', BOB), stored('B', EVE)])
  await queue.commit(remove(sessionId, BOB))
  expect(await database.db.select().from(messageChanges)).toEqual([])
  const next = await load()
  expect((await next.orphans(ME)).map(({ key }) => key.id)).toEqual(['LOST'])
  expect(await deliver(next, 'A', null)).toBe('A')
})

it('forgets what a connection has not brought again, though none holds for an hour', async () => {
  for (let connection = 0; connection < 4; connection += 1) {
    const journal = await load()
    await journal.orphans(ME)
    journal.opened()
    journal.caughtUp()
    await deliver(journal, `A${connection}`)
    clock.advance(50 * MINUTE)
    expect(await kept()).toBe(1)
    journal.close()
    expect(clock.pending).toBe(0)
  }
})

it('never forgets what may be delivered again', async () => {
  const first = await load()
  await deliver(first, 'A')
  first.close()
  clock.advance(20 * DAY)
  // At the login all that the server kept comes again; it may take its time, and the connection may be lost again.
  const second = await load()
  second.opened()
  clock.advance(MINUTE)
  second.caughtUp()
  clock.advance(4 * MINUTE)
  expect(await deliver(second, 'A', null)).toBe('A')
  clock.advance(10 * MINUTE)
  expect(await kept()).toBe(1)
  second.close()
  const third = await load()
  third.opened()
  clock.advance(59 * MINUTE)
  expect(await kept()).toBe(1)
  clock.advance(MINUTE)
  expect(await kept()).toBe(0)
})

it('forgets at an opening what no server delivers any more', async () => {
  const first = await load()
  await deliver(first, 'A')
  first.close()
  clock.advance(36 * DAY)
  const second = await load()
  expect((await second.orphans(ME)).map(({ key }) => key.id)).toEqual(['A'])
  await deliver(second, 'B')
  expect(await kept()).toBe(2)
  second.opened()
  expect(await kept()).toBe(1)
})

it('answers a redelivery each time, also two at once, when only the database has it', async () => {
  await deliver(await load(), 'A')
  let elapsed = 0
  // Time goes on at each look, so that no two of them note the same.
  const ticking = { ...clock, elapsed: () => ++elapsed }
  for (let round = 0; round < 3; round += 1) {
    clock.advance(MINUTE)
    const journal = await loadDecryptJournal({ db: database.db, queue, sealer, clock: ticking, sessionId })
    expect(await Promise.all([deliver(journal, 'A', null), deliver(journal, 'A', null)])).toEqual(['A', 'A'])
    expect(await deliver(journal, 'A', null)).toBe('A')
  }
  expect(await kept()).toBe(1)
})
