// What SQLite makes of the queries that the engine asks for every message: by an index that finds a few rows, in a database
// without statistics, as ours are. One that reads a session's messages holds the engine up for as long as there are many.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import { migrate } from 'drizzle-orm/libsql/migrator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatHistory } from './chat-history.ts'
import type { Db } from './db.ts'
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
import * as schema from './schema.ts'

let folder: string
let client: Client
let db: Db
const asked: { sql: string; params: unknown[] }[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-plans-'))
  client = createClient({ url: `file:${folder}/a.db` })
  const logger = { logQuery: (sql: string, params: unknown[]) => void asked.push({ sql, params }) }
  await migrate(drizzle(client), { migrationsFolder: join(import.meta.dirname, 'migrations') })
  db = drizzle(client, { schema, logger }) as unknown as Db
})
afterAll(() => {
  client.close()
  rmSync(folder, { recursive: true, force: true })
})

/** How messages are found by the queries that `ask` makes; one line for each. */
async function plansOf(ask: () => Promise<unknown>): Promise<string[]> {
  asked.length = 0
  await ask()
  const plans: string[] = []
  for (const { sql, params } of [...asked]) {
    const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${sql}`, args: params as string[] })
    plans.push(...rows.map(row => String(row.detail)).filter(line => /\bmessages\b/.test(line)))
  }
  return plans
}

const sessionId = 'a'
const person = '1555@c.us'
const lid = '900@lid'
const byWaId = { sessionId, waMessageId: 'W' }
const page = { limit: 50, offset: 0, orderBy: 'createdAt' } as const

describe('found by an index of a few', () => {
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['a message by its id', () => findMessage(db, 'x'), /sqlite_autoindex_messages_1/],
    ['by WhatsApp’s id', () => findByWaId(db, byWaId), /messages_by_wa_id/],
    ['in a chat', () => findByWaId(db, { ...byWaId, chatId: person }), /messages_by_wa_id/],
    ['in a chat of a lid', () => findByWaId(db, { ...byWaId, chatId: lid }), /messages_by_wa_id/],
    ['its file', () => findMediaByWaId(db, { ...byWaId, chatId: person }), /messages_by_wa_id/],
    ['what a reaction is to', () => reactionsTo(db, { ...byWaId, chatId: person }), /messages_by_wa_id/],
    ['its file, with a lid', () => findMediaByWaId(db, { ...byWaId, chatId: lid }), /messages_by_wa_id/],
    [
      'what a reaction is to, with a lid',
      () => reactionsTo(db, { ...byWaId, chatId: lid }),
      /messages_by_wa_id/,
    ],
    ['what waits for WhatsApp', () => pendingMessages(db, { sessionId }), /messages_unacked/],
    ['what waits for too long', () => pendingMessages(db, { before: 1, limit: 9 }), /messages_unacked/],
    ['what nobody has been told of', () => unannouncedMessages(db), /messages_unacked/],
    ['what plugins wait for', () => untoldMessages(db), /messages_untold/],
    ['what could not be decrypted', () => undecryptedMessages(db), /messages_undecrypted/],
    ['a chat’s last', () => chatHistory(db, { sessionId, chatId: person, limit: 50 }), /messages_by_chat/],
    [
      'the last with a lid',
      () => chatHistory(db, { sessionId, chatId: lid, limit: 50 }),
      /messages_by_chat|messages_identity|messages_by_lid|OR/,
    ],
    ['listed by id', () => listMessages(db, { sessionId, messageId: 'W' }, page), /messages_by_wa_id/],
    ['listed by chat', () => listMessages(db, { sessionId, chatId: person }, page), /messages_by_chat/],
    [
      'whether two ids are one person',
      () => isTwinOfAny(db, { sessionId, chatId: lid, others: [person] }),
      /messages_by_chat|messages_identity|messages_by_lid/,
    ],
  ])('%s', async (_, ask, index) => {
    const plans = await plansOf(ask)
    expect(plans.length).toBeGreaterThan(0)
    for (const plan of plans) {
      expect(plan).toMatch(index)
      expect(plan).not.toMatch(/messages_by_session|^SCAN messages$/)
    }
  })

  it('a message’s twin under the other id of its person', async () => {
    const row = { id: 'x', sessionId, waMessageId: 'W', chatId: person, phoneId: person, lidId: lid }
    const { sql, args } = insertToldMessage(row as NewMessageRow)
    const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${sql}`, args: args as null[] })
    expect(rows.map(({ detail }) => String(detail)).join('; ')).toMatch(
      /SEARCH t USING .*INDEX messages_by_wa_id/,
    )
  })

  it('those that plugins have heard of', async () => {
    const { sql, args } = markTold(['x', 'y'])
    const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${sql}`, args: args as string[] })
    expect(rows.map(({ detail }) => String(detail)).join('; ')).toMatch(
      /SEARCH messages USING .*INDEX sqlite_autoindex/,
    )
  })

  it('a list without a filter, in the order of its index', async () => {
    const [first] = await plansOf(() => listMessages(db, { sessionId }, page))
    expect(first).toContain('messages_by_session')
  })
})
