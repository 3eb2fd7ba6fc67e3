import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { applyChange, insertChange, type NewChange, reactionsTo } from './message-changes.ts'
import { insertMessage } from './message-writes.ts'
import { findByWaId, type NewMessageRow } from './messages.ts'
import { insertSession } from './sessions.ts'

const SESSION = '11111111-1111-4111-8111-111111111111'
const BOB = '15551110001@c.us'
const LID = '900001@lid'
let database: TestDatabase
let count: number

beforeEach(async () => {
  database = await openFile()
  count = 0
  await database.writer.commit([
    insertSession(database.db, { id: SESSION, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
  ])
})
afterEach(() => database[Symbol.asyncDispose]())

function freshId() {
  count += 1
  return `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`
}

async function message(rest: Partial<NewMessageRow> = {}) {
  const row: NewMessageRow = {
    id: freshId(),
    sessionId: SESSION,
    waMessageId: 'T1',
    chatId: BOB,
    senderId: BOB,
    from: BOB,
    to: 'me@c.us',
    phoneId: BOB,
    lidId: null,
    body: 'old',
    type: 'text',
    direction: 'incoming',
    status: 'delivered',
    protoSealed: new Uint8Array([1]),
    createdAt: 1,
    ...rest,
  }
  await database.writer.commit([insertMessage(row)])
}

const changeOf = (rest: Partial<NewChange>): NewChange => ({
  id: freshId(),
  sessionId: SESSION,
  waMessageId: `C${count}`,
  chatId: BOB,
  chatIds: [BOB, LID],
  senderId: BOB,
  phoneId: BOB,
  lidId: LID,
  targetId: 'T1',
  kind: 'reaction',
  value: { emoji: '👍' },
  at: 5_000,
  createdAt: 2,
  ...rest,
})
/** True where the change is new. */
async function make(rest: Partial<NewChange>): Promise<boolean> {
  const change = changeOf(rest)
  const [inserted] = await database.writer.commit([insertChange(change), ...applyChange(change)])
  return inserted === 1
}
const row = () => findByWaId(database.db, { sessionId: SESSION, waMessageId: 'T1' })
const edit = { kind: 'edit', value: { body: 'new', mentionedIds: [] } } as const

describe('a change', () => {
  it('is made once, however often it comes', async () => {
    await message()
    expect(await make({ ...edit, waMessageId: 'E1' })).toBe(true)
    expect(await make({ ...edit, value: { body: 'newer' }, waMessageId: 'E2' })).toBe(true)
    expect(await make({ ...edit, waMessageId: 'E1' })).toBe(false)
    expect(await row()).toMatchObject({ body: 'newer', metadata: { editedAt: 5 } })
  })

  it('of a message that is not here is kept, and changes nothing', async () => {
    expect(await make(edit)).toBe(true)
    expect(await row()).toBeNull()
  })

  it('finds a message that is stored under the other id of the person', async () => {
    await message({ chatId: LID, senderId: LID, phoneId: null, lidId: LID })
    expect(await make(edit)).toBe(true)
    expect(await row()).toMatchObject({ body: 'new' })
  })

  it.each<[string, Partial<NewMessageRow>, Partial<NewChange>, boolean]>([
    ['its author', {}, {}, true],
    [
      'its author by lid alone',
      { phoneId: null, lidId: LID, senderId: LID },
      { senderId: LID, phoneId: null },
      true,
    ],
    ['somebody else', { senderId: 'c@c.us', phoneId: 'c@c.us' }, {}, false],
    [
      'somebody else of whom no lid is known, like the author',
      { senderId: 'c@c.us', phoneId: 'c@c.us' },
      { lidId: null },
      false,
    ],
    ['a contact, of a message of ours', { direction: 'outgoing', senderId: '' }, {}, false],
    ['us, of a message of ours', { direction: 'outgoing', senderId: '' }, { senderId: '' }, true],
    ['us, of a message of a contact', {}, { senderId: '' }, false],
  ])('by %s', async (_who, target, by, isAllowed) => {
    await message(target)
    for (const [kind, value] of [
      ['edit', edit.value],
      ['revoke', {}],
    ] as const) {
      expect(await make({ ...by, kind, value })).toBe(isAllowed)
    }
    expect((await row())?.type).toBe(isAllowed ? 'revoked' : 'text')
    expect((await row())?.body).toBe(isAllowed ? '' : 'old')
  })

  it('by an admin of a group takes a message back, and does not edit it', async () => {
    const group = { chatId: '1@g.us', senderId: 'c@c.us', phoneId: 'c@c.us' }
    await message(group)
    const of = { chatId: '1@g.us', chatIds: ['1@g.us'] }
    expect(await make({ ...of, ...edit })).toBe(false)
    expect(await make({ ...of, kind: 'revoke', value: {} })).toBe(true)
    expect(await row()).toMatchObject({ type: 'revoked', body: '', metadata: null, protoSealed: null })
  })

  it('reactions of several people stand beside each other, one of each', async () => {
    await message()
    await make({})
    await make({ value: { emoji: '❤️' }, at: 6_000 })
    await make({ senderId: '', value: { emoji: '🎉', me: 'me@c.us' }, at: 7_000 })
    const found = () => reactionsTo(database.db, { sessionId: SESSION, chatId: BOB, waMessageId: 'T1' })
    expect(await found()).toEqual([
      { emoji: '❤️', senderId: BOB, timestamp: 6 },
      { emoji: '🎉', senderId: 'me@c.us', timestamp: 7 },
    ])
    await make({ value: { emoji: '' }, at: 8_000 })
    expect(await found()).toEqual([{ emoji: '🎉', senderId: 'me@c.us', timestamp: 7 }])
    expect(
      await reactionsTo(database.db, { sessionId: SESSION, chatId: BOB, waMessageId: 'none' }),
    ).toBeNull()
  })

  it('leaves a revoked message as it is', async () => {
    await message()
    await make({ kind: 'revoke', value: {} })
    await make(edit)
    await make({})
    expect(await row()).toMatchObject({ type: 'revoked', body: '', metadata: null })
  })

  it('a pin is there until it is taken away', async () => {
    await message()
    await make({ kind: 'pin', value: { pinned: true, seconds: 100 } })
    expect(await row()).toMatchObject({ metadata: { pinned: { until: 105, by: BOB } } })
    await make({ kind: 'pin', value: { pinned: false, seconds: 0 } })
    expect((await row())?.metadata).toEqual({})
  })
})
