import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { openQueryPlans } from '../../test/support/query-plans.ts'
import type { Db, Statement } from './db.ts'
import { listDeliveries, pruneDeadLetters } from './deliveries.ts'
import {
  type AnsweredPatch,
  bringForward,
  endDeliveries,
  insertDeliveries,
  promoteLanes,
  reorderDeliveries,
  updateDeliveries,
} from './delivery-queue.ts'
import { createDeliveryReads, type DeliveryReads } from './delivery-reads.ts'
import { insertEvent, pruneEvents } from './events.ts'
import { insertSession } from './sessions.ts'
import { insertWebhook, markAnswering, markFailing, prepareFindWebhook } from './webhooks.ts'

const SESSION = 's'
let database: TestDatabase
let db: Db
let reads: DeliveryReads

beforeEach(async () => {
  database = await openFile()
  db = database.db
  reads = createDeliveryReads(db)
  await database.writer.commit([
    insertSession(db, { id: SESSION, name: 'test', status: 'ready', createdAt: 0, updatedAt: 0 }),
    ...['a', 'b'].map(id =>
      insertWebhook(db, {
        id,
        sessionId: SESSION,
        url: `https://${id}.example/`,
        events: ['*'],
        secretsSealed: new Uint8Array(),
        headerNames: [],
        createdAt: 0,
        updatedAt: 0,
      }),
    ),
  ])
})

afterEach(() => database[Symbol.asyncDispose]())

const HOURS = { now: 1, latest: 1_000 }

let made = 0
/** An event of a chat, with a delivery to the webhook; gives its position. */
async function queue(webhookId: string, chatId: string, now = 0): Promise<number> {
  made += 1
  const eventId = `evt_${made}`
  const event = { id: eventId, event: 'message.received', sessionId: SESSION, chatId, data: `{"n":${made}}` }
  await database.writer.commit([
    insertEvent({ ...event, occurredAt: now, createdAt: now }),
    insertDeliveries(
      eventId,
      [{ id: `dlv_${made}`, webhookId, idempotencyKey: `key_${made}\u0000"`, replayOf: null }],
      now,
    ),
  ])
  const [row] = await db.all<{ position: number }>(sql`SELECT max(position) AS position FROM deliveries`)
  return row?.position ?? 0
}

const statuses = async () =>
  (await listDeliveries(db, { scope: null }, { limit: 100, offset: 0, oldestFirst: true })).map(
    row => row.status,
  )

const answered = (change: Partial<AnsweredPatch> = {}): AnsweredPatch => ({
  attempts: 1,
  url: 'https://a.example/',
  lastAttemptAt: 5,
  lastStatus: 200,
  lastResult: '2xx',
  lastError: null,
  responseMs: 3,
  responseBody: 'ok',
  rewritten: null,
  ...change,
})

const due = (webhookId: string, page: Partial<Parameters<DeliveryReads['due']>[1]> = {}) =>
  reads
    .due(webhookId, { now: 100, limit: 10, except: [], exceptLanes: [], ...page })
    .then(rows => rows.map(({ position }) => position))

const later = (webhookId: string, parts: [lane: string, after: number][], perLane = 10) =>
  reads
    .later(webhookId, { parts: parts.map(([lane, after]) => ({ lane, after })), perLane })
    .then(rows => rows.map(({ position }) => position))

describe('the queue of deliveries', () => {
  it('has one of each lane due, and gives it with what its event holds', async () => {
    const [first, , other] = [await queue('a', 'x'), await queue('a', 'x'), await queue('a', 'y')]
    const elsewhere = await queue('b', 'x')
    expect(await statuses()).toEqual(['due', 'waiting', 'due', 'due'])
    expect(await reads.dueWebhooks()).toEqual([
      { webhookId: 'a', nextAt: 0 },
      { webhookId: 'b', nextAt: 0 },
    ])
    expect(await due('a')).toEqual([first, other])
    expect(await reads.due('b', { now: 0, limit: 1, except: [], exceptLanes: [] })).toEqual([
      { position: elsewhere, lane: 'x', nextAt: 0 },
    ])
    expect(await reads.rows([elsewhere])).toEqual([
      {
        position: elsewhere,
        id: `dlv_${made}`,
        webhookId: 'b',
        sessionId: SESSION,
        eventId: `evt_${made}`,
        event: 'message.received',
        lane: 'x',
        idempotencyKey: `key_${made}\ufffd"`,
        attempts: 0,
        nextAt: 0,
        rewritten: null,
        data: `{"n":${made}}`,
      },
    ])
  })

  it('gives the oldest or the newest of what is due, without what is under way', async () => {
    const positions: number[] = []
    for (let chat = 0; chat < 4; chat += 1) positions.push(await queue('a', String(chat), chat * 10))
    expect(await due('a', { limit: 2 })).toEqual(positions.slice(0, 2))
    expect(await due('a', { limit: 2, except: positions.slice(0, 2) })).toEqual(positions.slice(2))
    expect(await due('a', { exceptLanes: ['0', '2'] })).toEqual([positions[1], positions[3]])
    expect(await due('a', { limit: 2, newest: true })).toEqual([positions[3], positions[2]])
    expect(await due('a', { now: 15 })).toEqual(positions.slice(0, 2))
    expect([await reads.nextDueAt('a', 15), await reads.nextDueAt('a', 30)]).toEqual([20, null])
  })

  it('gives what comes behind in a lane, by position and so many of each', async () => {
    const x: number[] = []
    const y: number[] = []
    for (let index = 0; index < 4; index += 1) {
      x.push(await queue('a', 'x'))
      y.push(await queue('a', 'y'))
      await queue('b', 'x')
    }
    const [first = 0, second = 0] = x
    expect(await later('a', [['x', first]])).toEqual(x.slice(1))
    expect(
      await later(
        'a',
        [
          ['x', second],
          ['y', y[0] ?? 0],
        ],
        2,
      ),
    ).toEqual([y[1], x[2], y[2], x[3]])
    expect(await later('a', [['z', 0]])).toEqual([])
    // The second has been let go meanwhile; it is still what comes behind the first.
    await database.writer.commit([
      ...updateDeliveries(db, [{ position: first, patch: answered({ status: 'delivered', settledAt: 5 }) }]),
      promoteLanes([first], HOURS),
    ])
    expect(await later('a', [['x', first]])).toEqual(x.slice(1))
    expect((await reads.rows(x)).map(({ position }) => position)).toEqual(x.slice(1))
  })

  it('gives rows with all that text can hold', async () => {
    const position = await queue('a', 'x"\u0000\ud83e\udd8a\\')
    const [row] = await reads.rows([position])
    expect(row).toMatchObject({ lane: 'x"\u0000\ud83e\udd8a\\', data: `{"n":${made}}` })
  })

  it('notes many answers at once, and lets the next of each lane go', async () => {
    const [one, two, three] = [await queue('a', 'x'), await queue('a', 'y'), await queue('a', 'z')]
    await queue('a', 'x')
    await queue('a', 'y')
    await queue('b', 'x')
    const changes = await database.writer.commit([
      ...updateDeliveries(db, [
        {
          position: one,
          patch: answered({ status: 'delivered', settledAt: 5, responseBody: 'a\u0000"\u{1f98a}' }),
        },
        {
          position: two,
          patch: answered({ nextAt: 50, lastStatus: 500, lastResult: '5xx', lastError: 'no' }),
        },
        { position: three, patch: { status: 'cancelled', lastError: 'not wanted', settledAt: 5 } },
      ]),
      promoteLanes([one, three], HOURS),
    ])
    expect(changes).toEqual([1, 2, 1])
    expect(await statuses()).toEqual(['delivered', 'due', 'cancelled', 'due', 'waiting', 'due'])
    const rows = await listDeliveries(db, { scope: null }, { limit: 3, offset: 0, oldestFirst: true })
    expect(rows[0]).toMatchObject({
      attempts: 1,
      settledAt: 5,
      lastStatus: 200,
      responseBody: 'a\ufffd"\u{1f98a}',
    })
    expect(rows[1]).toMatchObject({ attempts: 1, nextAt: 50, settledAt: null, lastError: 'no' })
    expect(rows[2]).toMatchObject({ attempts: 0, lastError: 'not wanted', url: 'https://a.example/' })
  })

  it('changes nothing of what has been settled otherwise, and keeps what waits in its lane', async () => {
    const [one, two] = [await queue('a', 'x'), await queue('a', 'x')]
    await database.writer.commit(
      endDeliveries('b', { status: 'dead', why: 'gone', now: 1, limit: 10, except: [] }),
    )
    await database.writer.commit([
      { sql: `UPDATE deliveries SET status = 'cancelled' WHERE position = ?`, args: [one] },
      ...updateDeliveries(db, [
        { position: one, patch: answered({ status: 'delivered', settledAt: 5 }) },
        { position: two, patch: answered({ nextAt: 9 }) },
      ]),
    ])
    expect(await statuses()).toEqual(['cancelled', 'waiting'])
  })

  it('is ended a part at a time, but for what is under way', async () => {
    const [first] = [
      await queue('a', 'x'),
      await queue('a', 'x'),
      await queue('a', 'y'),
      await queue('b', 'x'),
    ]
    const to = { status: 'dead' as const, why: 'gone', now: 1, limit: 10, except: [first] }
    expect(await database.writer.commit(endDeliveries('a', to))).toEqual([1, 1])
    expect(await statuses()).toEqual(['due', 'dead', 'dead', 'due'])
    expect(await database.writer.commit(endDeliveries('a', to))).toEqual([0, 0])
    expect(await database.writer.commit(endDeliveries('a', { ...to, except: [] }))).toEqual([0, 1])
  })

  it('is put in order and out of it', async () => {
    for (const chat of ['x', 'x', 'y', 'x']) await queue('a', chat)
    await database.writer.commit([reorderDeliveries('a', false)])
    expect(await statuses()).toEqual(['due', 'due', 'due', 'due'])
    await database.writer.commit([reorderDeliveries('a', true)])
    expect(await statuses()).toEqual(['due', 'waiting', 'due', 'waiting'])
  })
})

describe('every statement of the queue', () => {
  const page = { now: 1, limit: 10, except: [1, 2], exceptLanes: ['x'] }
  const parts = { parts: [{ lane: 'x', after: 1 }], perLane: 10 }
  const end = { status: 'dead' as const, why: '', now: 1, limit: 10, except: [1] }
  const scope = { scope: null }
  const newest = { limit: 10, offset: 0 }
  const queries: Record<string, (at: Db) => Promise<unknown>> = {
    'finds the webhooks': at => createDeliveryReads(at).dueWebhooks(),
    'reads the oldest': at => createDeliveryReads(at).due('a', page),
    'reads the newest': at => createDeliveryReads(at).due('a', { ...page, newest: true }),
    'reads on in lanes': at => createDeliveryReads(at).later('a', parts),
    'reads rows': at => createDeliveryReads(at).rows([1, 2]),
    'asks for the next hour': at => createDeliveryReads(at).nextDueAt('a', 1),
    'looks at an endpoint': at => prepareFindWebhook(at)('a'),
    'lists the dead': at => listDeliveries(at, { ...scope, status: ['dead'] }, newest),
    lists: at => listDeliveries(at, scope, newest),
  }
  const writes: Record<string, () => Statement[]> = {
    'fills it': () => [
      insertDeliveries('', [{ id: '', webhookId: '', idempotencyKey: '', replayOf: null }], 1),
    ],
    'notes answers': () => updateDeliveries(db, [{ position: 1, patch: answered() }]),
    'notes the rest': () => updateDeliveries(db, [{ position: 1, patch: { status: 'cancelled' } }]),
    'lets the next go': () => [promoteLanes([1, 2], HOURS)],
    'ends what waits': () => endDeliveries('a', end),
    'puts hours right': () => [bringForward(HOURS)],
    'puts it in order': () => [reorderDeliveries('a', false), reorderDeliveries('a', true)],
    'notes how webhooks do': () => [markAnswering(['a'], 1), markFailing(['a'], 1)],
    'cuts off the old': () => [pruneDeadLetters(1), ...pruneEvents(db, 500)],
  }

  it.each([...Object.keys(queries), ...Object.keys(writes)])('that %s goes by index', async name => {
    using plans = openQueryPlans(database.url)
    const asked = await plans.statementsOf(async at => await queries[name]?.(at))
    const made = [...(writes[name]?.() ?? []), ...asked]
    expect(made.length).toBeGreaterThan(0)
    for (const statement of made) {
      const plan = await plans.of(statement)
      // The table itself is read whole in the order of a list alone; lists that a statement brings or makes may be.
      const wholes = plan.filter(step => /^SCAN (deliveries|events|webhooks|meta|d|e|s)$/.test(step))
      expect(wholes, statement.sql).toEqual(name === 'lists' ? ['SCAN deliveries'] : [])
      if (name !== 'puts it in order') expect(plan.join(), statement.sql).not.toContain('TEMP B-TREE')
    }
  })
})
