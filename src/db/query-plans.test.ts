// What SQLite makes of the queries that the engine asks for every message: by an index that finds a few rows, in a database
// without statistics, as ours are. One that reads a session's messages holds the engine up for as long as there are many.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { openQueryPlans, type QueryPlans } from '../../test/support/query-plans.ts'
import { chatHistory } from './chat-history.ts'
import type { Db, Statement } from './db.ts'
import { logBytes } from './events.ts'
import { reactionsTo } from './message-changes.ts'
import { findMediaByWaId } from './message-media.ts'
import { insertToldMessage, markTold } from './message-writes.ts'
import {
  findByWaId,
  findMessage,
  isTwinOfAny,
  listMessages,
  type NewMessageRow,
  pendingMessages,
  unannouncedMessages,
  undecryptedMessages,
  untoldMessages,
} from './messages.ts'

let database: TestDatabase
let plans: QueryPlans

beforeAll(async () => {
  database = await openFile()
  plans = openQueryPlans(database.url)
})
afterAll(async () => {
  plans[Symbol.dispose]()
  await database[Symbol.asyncDispose]()
})

/** How messages are found by the queries that `ask` makes; one line for each. */
async function plansOf(ask: (db: Db) => Promise<unknown>): Promise<string[]> {
  const made = await Promise.all((await plans.statementsOf(ask)).map(plans.of))
  return made.flat().filter(line => /\bmessages\b/.test(line))
}

const sessionId = 'a'
const person = '1555@c.us'
const lid = '900@lid'
const byWaId = { sessionId, waMessageId: 'W' }
const page = { limit: 50, offset: 0, orderBy: 'createdAt' } as const

describe('found by an index of a few', () => {
  it.each<[string, (db: Db) => Promise<unknown>, RegExp]>([
    ['a message by its id', db => findMessage(db, 'x'), /sqlite_autoindex_messages_1/],
    ['by WhatsApp’s id', db => findByWaId(db, byWaId), /messages_identity/],
    ['in a chat', db => findByWaId(db, { ...byWaId, chatId: person }), /messages_identity/],
    ['in a chat of a lid', db => findByWaId(db, { ...byWaId, chatId: lid }), /messages_identity/],
    ['its file', db => findMediaByWaId(db, { ...byWaId, chatId: person }), /messages_identity/],
    ['what a reaction is to', db => reactionsTo(db, { ...byWaId, chatId: person }), /messages_identity/],
    ['its file, with a lid', db => findMediaByWaId(db, { ...byWaId, chatId: lid }), /messages_identity/],
    [
      'what a reaction is to, with a lid',
      db => reactionsTo(db, { ...byWaId, chatId: lid }),
      /messages_identity/,
    ],
    ['what waits for WhatsApp', db => pendingMessages(db, { sessionId }), /messages_unacked/],
    ['what waits for too long', db => pendingMessages(db, { before: 1, limit: 9 }), /messages_unacked/],
    ['what nobody has been told of', db => unannouncedMessages(db), /messages_unacked/],
    ['what plugins wait for', db => untoldMessages(db), /messages_untold/],
    ['what could not be decrypted', db => undecryptedMessages(db), /messages_undecrypted/],
    ['a chat’s last', db => chatHistory(db, { sessionId, chatId: person, limit: 50 }), /messages_by_chat/],
    [
      'the last with a lid',
      db => chatHistory(db, { sessionId, chatId: lid, limit: 50 }),
      /messages_by_chat|messages_by_lid|OR/,
    ],
    ['listed by id', db => listMessages(db, { sessionId, messageId: 'W' }, page), /messages_identity/],
    ['listed by chat', db => listMessages(db, { sessionId, chatId: person }, page), /messages_by_chat/],
    [
      'whether two ids are one person',
      db => isTwinOfAny(db, { sessionId, chatId: lid, others: [person] }),
      /messages_by_chat|messages_by_lid/,
    ],
  ])('%s', async (_, ask, index) => {
    const steps = await plansOf(ask)
    expect(steps.length).toBeGreaterThan(0)
    for (const plan of steps) {
      expect(plan).toMatch(index)
      expect(plan).not.toMatch(/messages_by_session|^SCAN messages$/)
    }
  })

  it('a message’s twin under the other id of its person', async () => {
    const row = { id: 'x', sessionId, waMessageId: 'W', chatId: person, phoneId: person, lidId: lid }
    const steps = await plans.of(insertToldMessage(row as NewMessageRow))
    expect(steps.join('; ')).toMatch(/SEARCH t USING .*INDEX messages_identity/)
  })

  it('those that plugins have heard of', async () => {
    const steps = await plans.of(markTold(['x', 'y']))
    expect(steps.join('; ')).toMatch(/SEARCH messages USING .*INDEX sqlite_autoindex/)
  })

  it('what the event log weighs, without its rows', async () => {
    const [asked] = await plans.statementsOf(logBytes)
    expect(await plans.of(asked as Statement)).toEqual(['SCAN events USING COVERING INDEX events_by_session'])
  })

  it('a list without a filter, in the order of its index', async () => {
    const [first] = await plansOf(db => listMessages(db, { sessionId }, page))
    expect(first).toContain('messages_by_session')
  })
})
