import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findMedia, insertMedia } from '../../src/db/message-media.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLog } from '../log.ts'
import { createMediaRetention } from './media-retention.ts'

const SESSION = '11111111-1111-4111-8111-111111111111'
const DAY_MS = 86_400_000
const clock = createFakeClock()
let database: TestDatabase
/** What lies in the store, by the first letter of its hash, with its age in days. */
let there: Map<string, number>

const hashOf = (letter: string) => letter.repeat(64)
const idOf = (letter: string) => `${letter.repeat(8)}-1111-4111-8111-111111111111`

beforeEach(async () => {
  database = await openFile()
  const { db, writer } = database
  there = new Map()
  await writer.commit([
    insertSession(db, { id: SESSION, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
  ])
})
afterEach(() => database[Symbol.asyncDispose]())

async function message(letter: string, { days, bytes }: { days: number; bytes: number }) {
  const row = {
    id: idOf(letter),
    sessionId: SESSION,
    waMessageId: letter,
    chatId: 'b@c.us',
    senderId: 'b@c.us',
    from: 'b@c.us',
    to: 'm@c.us',
    type: 'image',
    direction: 'incoming',
    status: 'delivered',
    metadata: { media: { mimetype: 'image/png', archived: true } },
    createdAt: clock.now() - days * DAY_MS,
  } as const
  const file = { mimetype: 'image/png', filename: null, bytes, hash: hashOf(letter) }
  await database.writer.commit([insertMessage(row), insertMedia(row, file)])
  there.set(letter, days)
}

async function sweep(limits: { maxAgeMs?: number; maxBytes?: number }) {
  const retention = createMediaRetention({
    db: database.db,
    queue: database.writer,
    clock,
    log: createLog('silent'),
    limits: { maxAgeMs: 0, maxBytes: 1_000_000, ...limits },
    store: {
      async *list() {
        for (const [letter, days] of there)
          yield { hash: hashOf(letter), bytes: 1, storedAt: clock.now() - days * DAY_MS }
      },
      remove: async hash => void there.delete(hash[0] ?? ''),
    },
  })
  await retention.sweep()
  return [...there.keys()]
}

describe('media-retention', () => {
  it('keeps what is young and fits', async () => {
    await message('a', { days: 400, bytes: 10 })
    expect(await sweep({})).toEqual(['a'])
  })

  it('takes what is too old, and says so in the rows', async () => {
    await message('a', { days: 31, bytes: 10 })
    await message('b', { days: 29, bytes: 10 })
    expect(await sweep({ maxAgeMs: 30 * DAY_MS })).toEqual(['b'])
    expect(await findMedia(database.db, idOf('a'))).toMatchObject({ state: 'expired', hash: null })
    const row = await database.db.query.messages.findFirst({ where: (m, { eq }) => eq(m.id, idOf('a')) })
    expect(row).toMatchObject({
      mediaPath: null,
      metadata: { media: { mimetype: 'image/png', omitted: true } },
    })
  })

  it('takes the oldest until the rest fits', async () => {
    await message('a', { days: 3, bytes: 50 })
    await message('b', { days: 2, bytes: 50 })
    await message('c', { days: 1, bytes: 50 })
    expect(await sweep({ maxBytes: 100 })).toEqual(['b', 'c'])
  })

  it('takes files that no message has, but not those that may be on their way to one', async () => {
    there.set('d', 1)
    there.set('e', 0)
    expect(await sweep({})).toEqual(['e'])
  })
})
