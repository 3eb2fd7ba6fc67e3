import { afterEach, beforeEach, expect, it } from 'vitest'
import { insertChange, type NewChange } from '../../src/db/message-changes.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import { messageChanges } from '../../src/db/schema.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { CHANGE_AGE_MS, createChangeRetention, STRAY_VOTE_AGE_MS } from './change-retention.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
let database: TestDatabase
beforeEach(async () => {
  database = await openFile()
})
afterEach(() => database[Symbol.asyncDispose]())

it('keeps changes for their time, and the votes of a poll as long as the poll', async () => {
  const clock = createFakeClock()
  const change = (id: string, kind: NewChange['kind'], targetId: string, age: number, at = 0) =>
    insertChange({
      ...{ id, sessionId, kind, targetId },
      waMessageId: id,
      chatId: 'b@c.us',
      chatIds: ['b@c.us'],
      senderId: 'b@c.us',
      ...{ phoneId: null, lidId: null },
      value: {},
      at,
      createdAt: clock.now() - age,
    })
  const { db, writer } = database
  await writer.commit([
    insertSession(db, { id: sessionId, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
    insertMessage({
      ...{
        id: 'row',
        sessionId,
        waMessageId: 'POLL',
        chatId: 'b@c.us',
        senderId: '',
        from: 'me',
        to: 'b@c.us',
      },
      ...{ type: 'poll', direction: 'outgoing', status: 'sent', createdAt: 0 },
    }),
    change('old', 'reaction', 'M', CHANGE_AGE_MS + 1),
    change('young', 'reaction', 'M', CHANGE_AGE_MS),
    change('open', 'vote', 'POLL', STRAY_VOTE_AGE_MS + 1),
    change('replaced', 'vote', 'POLL', CHANGE_AGE_MS + 1),
    change('replaced lately', 'vote', 'POLL', CHANGE_AGE_MS),
    { sql: `UPDATE message_changes SET is_open = 0 WHERE id LIKE 'replaced%'`, args: [] },
    change('vote', 'vote', 'POLL', STRAY_VOTE_AGE_MS + 1, 1),
    change('stray', 'vote', 'NONE', STRAY_VOTE_AGE_MS + 1),
    change('fresh', 'vote', 'NONE', STRAY_VOTE_AGE_MS),
  ])
  let written: Promise<unknown> = Promise.resolve()
  const put = (statements: Parameters<typeof writer.commit>[0]) => {
    written = writer.commit(statements)
  }
  const retention = createChangeRetention({ queue: { put }, clock })
  clock.advance(0)
  await written
  const left = async () => (await db.select().from(messageChanges)).map(({ id }) => id).toSorted()
  expect(await left()).toEqual(['fresh', 'open', 'replaced lately', 'vote', 'young'])
  clock.advance(6 * 60 * 60_000)
  await written
  expect(await left()).toEqual(['open', 'vote'])
  retention[Symbol.dispose]()
  expect(clock.pending).toBe(0)
})
