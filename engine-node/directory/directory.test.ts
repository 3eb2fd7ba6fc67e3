import { afterEach, beforeEach, expect, it } from 'vitest'
import { events } from '../../src/db/schema.ts'
import { deleteSession, insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createEventLog } from '../outbox/event-log.ts'
import { createWriteQueue, type WriteQueue } from '../store/write-queue.ts'
import { createDirectory, type Directory } from './directory.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const GROUP = '9@g.us'
const [phoneId, lidId] = ['1@c.us', '8@lid']
let database: TestDatabase
let queue: WriteQueue
let directory: Directory
let paired: unknown[]
let settled: number
let isBroken: boolean

beforeEach(async () => {
  database = await openFile()
  ;[paired, settled, isBroken] = [[], 0, false]
  const { db, writer } = database
  const inner = createWriteQueue({
    target: {
      async batch(statements) {
        if (isBroken) throw new Error('disk full')
        return await writer.commit(statements)
      },
      reconnect: async () => {},
    },
    delay: async () => {},
  })
  queue = {
    ...inner,
    settled() {
      settled += 1
      return inner.settled()
    },
  }
  const session = { name: 'main', status: 'ready' as const, createdAt: 0, updatedAt: 0 }
  await queue.commit([insertSession(db, { id: sessionId, ...session })])
  let ids = 0
  const { record } = createEventLog({
    ...{ webhooksOf: () => [], now: () => 1, newId: () => `${++ids}`, maxInlineMediaBytes: 0 },
  })
  directory = createDirectory({
    ...{ db, queue, record, now: () => 1, newId: () => `p${++ids}`, removal: { heard() {} } },
    paired: (_session, { phoneId, lidId }) => void paired.push([phoneId, lidId]),
  })
})
afterEach(async () => {
  directory[Symbol.dispose]()
  await queue[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

it('says once that a person has two ids', () => {
  for (const _ of [1, 2]) directory.hear(sessionId, [{ kind: 'people', people: [{ phoneId, lidId }] }])
  expect(paired).toEqual([[phoneId, lidId]])
})

it('waits for the changes of a group that are under way, and for no others', async () => {
  directory.hear(sessionId, [{ kind: 'group', groupId: GROUP, fact: { subject: 'x' }, members: [] }])
  expect((await directory.group(sessionId, GROUP))?.group.subject).toBe('x')
  expect(settled).toBe(1)
  await directory.group(sessionId, GROUP)
  expect(settled).toBe(1)
})

it('waits for no changes that were lost', async () => {
  const lost = new Promise<void>(resolve => queue.onFailure(() => resolve()))
  isBroken = true
  directory.hear(sessionId, [{ kind: 'group', groupId: GROUP, fact: { subject: 'x' }, members: [] }])
  await lost
  isBroken = false
  await directory.group(sessionId, GROUP)
  expect(settled).toBe(0)
})

it('records nothing of a session that is deleted meanwhile, and breaks nobody’s writes', async () => {
  const failures: unknown[] = []
  queue.onFailure(error => failures.push(error))
  const presence = { chatId: phoneId, participants: [], observedAt: '2026-01-01T00:00:00.000Z' }
  const news = { event: 'presence.update' as const, data: { sessionId, ...presence } }
  directory.tell(sessionId, news)
  await queue.settled()
  expect(await database.db.select().from(events)).toHaveLength(1)
  await queue.commit([deleteSession(database.db, sessionId)])
  directory.tell(sessionId, news)
  await queue.settled()
  expect([failures, await database.db.select().from(events)]).toEqual([[], []])
})
