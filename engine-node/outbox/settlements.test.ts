import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Changes, Db, Statement } from '../../src/db/db.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import type { Endpoint } from './endpoint.ts'
import type { Settlement } from './settlement.ts'
import { createSettlements, type Settled, STORE_EVERY_MS } from './settlements.ts'

const settled = (position: number, change: Partial<Settlement> = {}, webhookId = 'w'): Settled => ({
  delivery: {
    position,
    id: `dlv_${position}`,
    webhookId,
    sessionId: 's',
    eventId: 'e',
    event: 'message.received',
    lane: String(position),
    idempotencyKey: 'k',
    attempts: 0,
    nextAt: 0,
    rewritten: null,
  },
  endpoint: { row: { id: webhookId, ordered: true } } as Endpoint,
  outcome: null,
  settlement: {
    patch: {
      status: 'delivered',
      attempts: 1,
      url: 'u',
      lastAttemptAt: 1,
      lastStatus: 200,
      lastResult: '2xx',
      lastError: null,
      responseMs: 1,
      responseBody: '',
      rewritten: null,
      settledAt: 1,
    },
    isSettled: true,
    endpoint: 'answers',
    disable: null,
    ...change,
  },
})

function open(
  answer: (statements: readonly Statement[]) => Promise<Changes> | Changes = list => list.map(() => 0),
) {
  const commits: Statement[][] = []
  const told: number[] = []
  let promoted = 0
  const clock = createFakeClock()
  const settlements = createSettlements({
    // Nothing here is made by the query builder.
    db: {} as Db,
    writer: {
      async commit(statements) {
        commits.push([...statements])
        return await answer(statements)
      },
    },
    clock,
    disable: () => [{ sql: 'DISABLE', args: [] }],
    onSettled({ delivery }) {
      told.push(delivery.position)
      return undefined
    },
  })
  const note = (of: Settled) =>
    new Promise<void>((resolve, reject) =>
      settlements.note({
        ...of,
        onStored(hasPromoted) {
          if (hasPromoted) promoted += 1
          resolve()
        },
        onLost: reject,
      }),
    )
  return { commits, told, note, clock, flush: settlements.flush, promoted: () => promoted }
}

const args = (commit: readonly Statement[] | undefined, part: string) =>
  commit?.filter(({ sql }) => sql.includes(part)).map(statement => statement.args)

describe('settlements', () => {
  it('of one turn are one commit, whatever their number', async () => {
    const box = open()
    await Promise.all(Array.from({ length: 20 }, (_, index) => box.note(settled(index))))
    expect(box.commits.length).toBe(1)
    expect(box.commits[0]?.length).toBe(3)
    expect(box.told).toEqual(Array.from({ length: 20 }, (_, index) => index))
    expect(box.promoted()).toBe(0)
  })

  it('that come while a commit runs are the next one', async () => {
    const gates = [Promise.withResolvers<Changes>(), Promise.withResolvers<Changes>()]
    const box = open(() => gates[box.commits.length - 1]?.promise ?? [])
    const first = box.note(settled(1))
    while (box.commits.length === 0) await new Promise(setImmediate)
    const rest = Promise.all([box.note(settled(2)), box.note(settled(3))])
    box.flush()
    await new Promise(setImmediate)
    expect(box.commits.length).toBe(1)
    gates[0]?.resolve([1, 0, 1])
    await first
    while (box.commits.length === 1) await new Promise(setImmediate)
    gates[1]?.resolve([2, 2, 1])
    await rest
    expect(box.told).toEqual([1, 2, 3])
    // Only the second let somebody go.
    expect(box.promoted()).toBe(2)
  })

  it('wait for others for a moment, unless they are many, one is no success, or nothing more is on its way', async () => {
    const box = open()
    const turns = async () => {
      for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
    }
    const notes = (from: number, to: number) => {
      for (let position = from; position < to; position += 1) void box.note(settled(position))
    }
    await box.note(settled(0))
    notes(1, 3)
    await turns()
    expect(box.told).toEqual([0])
    box.clock.advance(STORE_EVERY_MS)
    await turns()
    expect([box.told.length, box.commits.length]).toEqual([3, 2])
    notes(3, 3 + 256)
    await turns()
    expect([box.told.length, box.commits.length]).toEqual([259, 3])
    notes(300, 302)
    await box.note(settled(302, { isSettled: false, endpoint: 'fails' }))
    expect([box.told.length, box.commits.length]).toEqual([262, 4])
    notes(303, 305)
    box.flush()
    await turns()
    expect([box.told.length, box.commits.length]).toEqual([264, 5])
    expect(box.clock.pending).toBe(0)
  })

  it('ask each lane once for its next, however many of it have ended', async () => {
    const box = open()
    const inLane = (position: number, lane: string) => {
      const of = settled(position)
      return box.note({ ...of, delivery: { ...of.delivery, lane } })
    }
    await Promise.all([inLane(1, 'x'), inLane(2, 'y'), inLane(3, 'x')])
    expect(args(box.commits[0], `SET status = 'due'`)?.map(([lanes]) => lanes)).toEqual(['[3,2]'])
  })

  it('have a failure count from the last success on', async () => {
    const box = open()
    const fails = { isSettled: false, endpoint: 'fails' as const }
    await Promise.all([
      box.note(settled(1, fails, 'well')),
      box.note(settled(2, {}, 'well')),
      box.note(settled(3, {}, 'ill')),
      box.note(settled(4, fails, 'ill')),
      box.note(settled(5, fails, 'down')),
      box.note(settled(6, { endpoint: null }, 'unasked')),
    ])
    const [commit] = box.commits
    const now = box.clock.now()
    expect(args(commit, 'failing_since = NULL')).toEqual([[now, '["well","ill"]']])
    expect(args(commit, 'coalesce(failing_since')).toEqual([[now, '["ill","down"]']])
    const order = commit?.map(({ sql }) => sql) ?? []
    expect(order.findIndex(sql => sql.includes('NULL,'))).toBeLessThan(
      order.findIndex(sql => sql.includes('coalesce(failing_since')),
    )
  })

  it('go one by one where the database refuses one of them', async () => {
    const box = open(list => {
      if (String(list[0]?.args[0]).includes('[2,')) throw new Error('SQLITE_CONSTRAINT')
      return list.map(() => 0)
    })
    const results = await Promise.allSettled([1, 2, 3].map(position => box.note(settled(position))))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(box.told).toEqual([1, 3])
    const last = box.note(settled(4))
    box.flush()
    await last
    expect(box.told).toEqual([1, 3, 4])
  })

  it('are lost with one before them in their lane, also where they were to be stored later', async () => {
    const box = open(list => {
      if (String(list[0]?.args[0]).includes('[2,')) throw new Error('SQLITE_CONSTRAINT')
      return list.map(() => 0)
    })
    const inLane = (position: number, lane: string, ordered = true) => {
      const of = settled(position)
      const endpoint = { row: { id: 'w', ordered } } as Endpoint
      return box.note({ ...of, endpoint, delivery: { ...of.delivery, lane } })
    }
    const results = Promise.allSettled([
      inLane(1, 'x'),
      inLane(2, 'x'),
      inLane(3, 'y'),
      inLane(4, 'x'),
      inLane(5, 'x', false),
      ...Array.from({ length: 251 }, (_, index) => inLane(100 + index, `z${index}`)),
      inLane(400, 'x'),
      inLane(401, 'y'),
    ])
    box.flush()
    const lost = (await results).flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))
    expect(lost).toEqual([1, 3, 256])
  })

  it('are all lost at once where the database takes no writes', async () => {
    const box = open(() => {
      throw new GatewayError('storage_unavailable', 'the disk is full')
    })
    const results = await Promise.allSettled([1, 2, 3].map(position => box.note(settled(position))))
    expect(results.map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
    expect(box.commits.length).toBe(1)
  })
})
