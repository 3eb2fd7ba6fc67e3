import { describe, expect, it } from 'vitest'
import type { Changes, Db, Statement } from '../../src/db/db.ts'
import type { Endpoint } from './endpoint.ts'
import type { Settlement } from './settlement.ts'
import { createSettlements, type Settled } from './settlements.ts'

const settled = (position: number, change: Partial<Settlement> = {}, webhookId = 'w'): Settled => ({
  delivery: {
    position,
    id: `dlv_${position}`,
    webhookId,
    sessionId: 's',
    eventId: 'e',
    event: 'message.received',
    lane: 'x',
    idempotencyKey: 'k',
    attempts: 0,
    nextAt: 0,
    rewritten: null,
    data: '{}',
  },
  endpoint: { row: { id: webhookId } } as Endpoint,
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
  let chances = 0
  const { note } = createSettlements({
    // Nothing here is made by the query builder.
    db: {} as Db,
    writer: {
      async commit(statements) {
        commits.push([...statements])
        return await answer(statements)
      },
    },
    now: () => 7,
    disable: () => [{ sql: 'DISABLE', args: [] }],
    onSettled({ delivery }) {
      told.push(delivery.position)
      return undefined
    },
    onChance() {
      chances += 1
    },
  })
  return { commits, told, note, chances: () => chances }
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
    expect(box.chances()).toBe(0)
  })

  it('that come while a commit runs are the next one', async () => {
    const gates = [Promise.withResolvers<Changes>(), Promise.withResolvers<Changes>()]
    const box = open(() => gates[box.commits.length - 1]?.promise ?? [])
    const first = box.note(settled(1))
    while (box.commits.length === 0) await new Promise(setImmediate)
    const rest = Promise.all([box.note(settled(2)), box.note(settled(3))])
    await new Promise(setImmediate)
    expect(box.commits.length).toBe(1)
    gates[0]?.resolve([1, 0, 1])
    await first
    while (box.commits.length === 1) await new Promise(setImmediate)
    gates[1]?.resolve([2, 2, 1])
    await rest
    expect(box.told).toEqual([1, 2, 3])
    // Only the second let somebody go.
    expect(box.chances()).toBe(1)
  })

  it('tell of a chance where something is to be tried again', async () => {
    const box = open()
    await box.note(settled(1, { isSettled: false, endpoint: 'fails' }))
    expect(box.chances()).toBe(1)
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
    expect(args(commit, 'failing_since = NULL')).toEqual([[7, '["well","ill"]']])
    expect(args(commit, 'coalesce(failing_since')).toEqual([[7, '["ill","down"]']])
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
    await box.note(settled(4))
    expect(box.told).toEqual([1, 3, 4])
  })
})
