import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { claimLease, findLease, guardLease, releaseLease, wantedSessions } from '../../src/db/leases.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLog } from '../log.ts'
import { createWriteQueue } from '../store/write-queue.ts'
import { createFence } from './fence.ts'
import { createLeases } from './leases.ts'

const LEASE_MS = 30_000
const S = 'c0000000-0000-4000-8000-000000000001'
const T = 'c0000000-0000-4000-8000-000000000002'

let database: TestDatabase
beforeEach(async () => {
  database = await openFile()
  await database.writer.commit(
    [S, T].map(id => ({
      sql: `INSERT INTO sessions (id, name, status, desired, created_at, updated_at)
        VALUES (?1, ?1, 'ready', 'running', 0, 0)`,
      args: [id],
    })),
  )
})
afterEach(() => database[Symbol.asyncDispose]())

/** An engine with a clock of its own: one that stands still is an engine that is paused. */
function createTestEngine(name: string, given: { home?: string; isAlone?: boolean } = {}) {
  const clock = createFakeClock()
  const running = new Set<string>()
  const lost: string[] = []
  const free: string[] = []
  let broken: Error | null = null
  let paused = 0
  const queue = createWriteQueue({
    target: {
      async batch(statements) {
        if (broken) throw broken
        return await database.writer.commit(statements)
      },
      async reconnect() {},
    },
    delay: async () => {},
  })
  const fence = createFence(queue)
  const leases = createLeases({
    db: database.db,
    queue,
    fence,
    clock,
    log: createLog('silent'),
    random: () => 0,
    elapsed: () => clock.now() + paused,
    engine: { id: `${name} ${Math.random()}`, name, home: given.home ?? name },
    leaseMs: LEASE_MS,
    isAlone: given.isAlone ?? false,
  })
  leases.start({
    lost: (id, why) => {
      running.delete(id)
      lost.push(`${id} ${why}`)
    },
    free: id => free.push(id),
    isRunning: id => running.has(id),
  })
  return {
    leases,
    queue,
    fenced: fence.queue,
    clock,
    lost,
    free,
    breaks: (error: Error | null) => {
      broken = error
    },
    /** Time passes, and no timer has run yet. */
    pauses: (ms: number) => {
      paused += ms
    },
    async run(id: string) {
      const isContinued = await leases.take(id)
      running.add(id)
      return isContinued
    },
    stop: (id: string) => running.delete(id),
    /** One round: a third of the lease. Resolves when what it asked of the database is answered. */
    async round() {
      const beats = (await findLease(database.db, S))?.beat
      clock.advance(LEASE_MS / 3)
      for (let turn = 0; turn < 5; turn += 1) {
        await queue.settled().catch(() => {})
        await wantedSessions(database.db)
        await new Promise(setImmediate)
      }
      return (await findLease(database.db, S))?.beat !== beats
    },
  }
}

const fenceOf = async (id = S) => (await findLease(database.db, id))?.fence
const rename = (id: string, name: string) => ({
  sql: 'UPDATE sessions SET push_name = ? WHERE id = ?',
  args: [name, id],
})
const nameOf = async (id: string) => {
  const [row] = await database.db.all<{ name: string }>(
    `SELECT push_name AS name FROM sessions WHERE id = '${id}'`,
  )
  return row?.name
}

describe('a claim', () => {
  it('keeps others away, and tells them who has it', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    expect(await a.run(S)).toBe(true)
    await expect(b.leases.take(S)).rejects.toMatchObject({
      code: 'session_elsewhere',
      message: expect.stringContaining('The engine a '),
      certain: true,
    })
    expect(await b.leases.holderOf(S)).toBe('a')
    expect(await b.leases.holderOf(T)).toBe(null)
    expect(await a.leases.holderOf(S)).toBe(null)
  })

  it('goes to one of two who ask at once', async () => {
    const engines = [createTestEngine('a'), createTestEngine('b')]
    const outcomes = await Promise.allSettled(engines.map(({ leases }) => leases.take(S)))
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await fenceOf()).toBe(1)
  })

  it('raises the fence each time, and says whether somebody else was there', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    expect(await a.run(S)).toBe(true)
    await a.leases.release(S)
    expect(await a.run(S)).toBe(true)
    expect(await fenceOf()).toBe(2)
    await a.leases.release(S)
    expect(await b.run(S)).toBe(false)
    expect(await fenceOf()).toBe(3)
    await b.leases.release(S)
    expect(await a.run(S)).toBe(false)
    expect(await fenceOf()).toBe(4)
  })

  it('is asked for once, however many need it at once', async () => {
    const a = createTestEngine('a')
    await Promise.all([a.leases.take(S), a.leases.take(S), a.leases.take(S)])
    expect(await fenceOf()).toBe(1)
  })

  it('lives while it is renewed, and is over when it has not changed for its time', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    await a.run(S)
    await a.run(T)
    for (let n = 0; n < 6; n += 1) {
      expect(await a.round()).toBe(true)
      await b.round()
    }
    expect(b.free).toEqual([])
    // A dies here. B has seen it change in its last round, and sees it unchanged in the next three.
    await b.round()
    await b.round()
    expect(b.free).toEqual([])
    await b.round()
    expect(b.free).toEqual([S, T])
    expect(await b.run(S)).toBe(false)
    expect(await fenceOf()).toBe(2)
  })

  it('is over at once when it is let go', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    await Promise.all([a.run(S), a.run(T)])
    await a.leases[Symbol.asyncDispose]()
    await b.round()
    expect(b.free).toEqual([S, T])
  })

  it('is let go when the session has stopped, but offered to nobody when that needs a person', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    await Promise.all([a.run(S), a.run(T)])
    await database.writer.commit([
      { sql: `UPDATE sessions SET status = 'action_required' WHERE id = ?`, args: [S] },
    ])
    a.stop(S)
    await a.round()
    expect((await findLease(database.db, S))?.owner).toBe(null)
    expect((await findLease(database.db, T))?.owner).not.toBe(null)
    await b.round()
    expect(b.free).toEqual([])
    // A person at B may.
    expect(await b.run(S)).toBe(false)
  })

  it('passes at once to the next start on the same data folder, and to nobody else', async () => {
    const before = createTestEngine('a', { home: 'folder' })
    await before.run(S)
    const [again, other] = [createTestEngine('a', { home: 'folder' }), createTestEngine('b')]
    await Promise.all([again.leases.load(), other.leases.load()])
    expect(other.leases.isElsewhere(S)).toBe(true)
    expect(again.leases.isElsewhere(S)).toBe(false)
    await expect(other.leases.take(S)).rejects.toMatchObject({ code: 'session_elsewhere' })
    expect(await again.run(S)).toBe(true)
    expect(await fenceOf()).toBe(2)
  })

  it('does not go back and forth between two copies of one data folder', async () => {
    const [a, copy] = [createTestEngine('a', { home: 'folder' }), createTestEngine('b', { home: 'folder' })]
    await a.run(S)
    await copy.run(S)
    await a.round()
    expect(a.lost).toEqual([expect.stringContaining('The engine b has taken over')])
    expect(a.free).not.toContain(S)
    await expect(a.leases.take(S)).rejects.toMatchObject({ code: 'session_elsewhere' })
  })

  it('needs no renewal where the engine is alone, and then nobody waits for it either', async () => {
    const before = createTestEngine('a', { isAlone: true })
    await before.run(S)
    expect(before.clock.pending).toBe(0)
    const restored = createTestEngine('a', { home: 'another folder', isAlone: true })
    await restored.leases.load()
    expect(restored.leases.isElsewhere(S)).toBe(false)
    expect(await restored.run(S)).toBe(true)
  })
})

describe('an engine that has lost a session', () => {
  it('hears of it before another may have it, when the database cannot be reached', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    await a.run(S)
    await a.round()
    await b.round()
    a.breaks(new Error('connect ECONNREFUSED'))
    a.clock.advance(LEASE_MS * 0.8 - 1)
    expect(a.lost).toEqual([])
    a.clock.advance(1)
    expect(a.lost).toEqual([expect.stringContaining('Check the database server')])
    b.clock.advance(LEASE_MS * 0.8)
    await expect(b.leases.take(S)).rejects.toMatchObject({ code: 'session_elsewhere' })
  })

  it('takes it up again when the database is back and nobody has claimed it', async () => {
    const a = createTestEngine('a')
    await a.run(S)
    a.breaks(new Error('connect ECONNREFUSED'))
    await a.round()
    await a.round()
    await a.round()
    expect(a.lost.length).toBe(1)
    a.breaks(null)
    await a.round()
    expect(a.free).toContain(S)
    expect(await a.run(S)).toBe(true)
    expect(await fenceOf()).toBe(2)
  })

  it('can write nothing for it, and takes no other write with it', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    await a.run(S)
    await a.run(T)
    await takeFrom(a, b)
    const failures: string[] = []
    a.fenced.onFailure(({ code }) => failures.push(code))
    a.fenced.put([rename(T, 'before')])
    const refused = a.fenced.commit([rename(S, 'by a')])
    const others = a.fenced.commit([rename(T, 'mine')])
    await expect(refused).rejects.toMatchObject({ code: 'session_elsewhere' })
    expect(await others).toEqual([1])
    expect(failures).toEqual([])
    expect(await Promise.all([nameOf(S), nameOf(T)])).toEqual([null, 'mine'])
    a.fenced.put([rename(S, 'by a')])
    await expect(a.fenced.settled()).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(failures).toEqual(['storage_unavailable'])
    expect(await nameOf(S)).toBe(null)
    await b.fenced.commit([rename(S, 'by b')])
    expect(await nameOf(S)).toBe('by b')
  })

  it('learns by a refused write who has it', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    await a.run(S)
    await a.run(T)
    await takeFrom(a, b)
    a.leases.verify()
    await expect.poll(() => a.lost).toEqual([expect.stringContaining(`${S} The engine b has taken over`)])
  })

  it('lets no frame out that has waited until its time was over, nor any after it', async () => {
    const a = createTestEngine('a')
    await a.run(S)
    const gated = a.leases.gated(S, a.fenced)
    const out: string[] = []
    gated.after(() => out.push('in time'))
    a.queue.put([rename(S, 'x')])
    gated.after(() => out.push('late'))
    // Before its timers: what a paused process does first when it goes on is anybody's guess.
    a.pauses(LEASE_MS)
    await a.queue.settled()
    gated.after(() => out.push('later'))
    gated.put([rename(S, 'by a connection that is over')])
    await a.queue.settled()
    expect(await nameOf(S)).toBe('x')
    expect(out).toEqual(['in time'])
    expect(a.lost.length).toBe(1)
  })

  it('outlives a loop that stands still for ten seconds of it: one owner stays, and what waited goes', async () => {
    const [a, b] = [createTestEngine('a'), createTestEngine('b')]
    await a.run(S)
    await expect(b.leases.take(S)).rejects.toMatchObject({ code: 'session_elsewhere' })
    const gated = a.leases.gated(S, a.fenced)
    const out: string[] = []
    a.queue.put([rename(S, 'before')])
    gated.after(() => out.push('waited'))
    // Its timers find that all of it has passed, and nothing of it was answered.
    a.clock.advance(10_000)
    b.clock.advance(10_000)
    gated.put([rename(S, 'after')])
    await a.queue.settled()
    expect(out).toEqual(['waited'])
    expect(await nameOf(S)).toBe('after')
    // The round of that moment may still be under way.
    await a.round()
    for (let round = 0; round < 6; round += 1) {
      expect(await a.round()).toBe(true)
      await b.round()
      // Again, and just after a renewal.
      a.pauses(10_000)
    }
    await expect(b.leases.take(S)).rejects.toMatchObject({ code: 'session_elsewhere' })
    expect(a.lost).toEqual([])
    expect(b.free).not.toContain(S)
    expect(await fenceOf()).toBe(1)
  })
})

/** As if A had been paused: its clock stands still. */
async function takeFrom(
  a: ReturnType<typeof createTestEngine>,
  b: ReturnType<typeof createTestEngine>,
): Promise<void> {
  await a.round()
  for (let n = 0; n < 4; n += 1) await b.round()
  expect(b.free).toContain(S)
  expect(await b.run(S)).toBe(false)
}

describe('the guard', () => {
  it('writes nothing where the claim holds, and nothing at all for a session that nobody has claimed', async () => {
    const claim = { owner: 'x', ownerName: 'x', home: 'x', leaseMs: 1 }
    const { writer, db } = database
    expect(await writer.commit([guardLease(S, 1)])).toEqual([0])
    await writer.commit([claimLease({ sessionId: S, ...claim }, null)])
    expect(await writer.commit([guardLease(S, 1)])).toEqual([0])
    await expect(writer.commit([guardLease(S, 2)])).rejects.toThrow('session_leases.fence')
    await writer.commit([releaseLease(S, 'x')])
    expect(await writer.commit([guardLease(S, 1)])).toEqual([0])
    expect(await findLease(db, S)).toMatchObject({ fence: 1, owner: null })
  })
})
