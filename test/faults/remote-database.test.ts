// A database server that is away, slow, or whose answers are lost: what was committed stays, what was not is not made later, and
// nothing is stored twice. A real server, with a network between that the test spoils.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type OpenDatabase, openDatabase } from '../../engine-node/store/database.ts'
import { createWriteQueue, type WriteQueue } from '../../engine-node/store/write-queue.ts'
import { openSqld, type TestDatabase } from '../support/api-database.ts'
import { createLossyProxy, type LossyProxy } from './lossy-proxy.ts'

vi.setConfig({ testTimeout: 60_000 })

let server: TestDatabase
let proxy: LossyProxy
let database: OpenDatabase
let queue: WriteQueue
let failures: string[]

beforeEach(async () => {
  server = await openSqld({ isEmpty: true })
  proxy = await createLossyProxy(server.url)
  await open(60_000)
})
afterEach(async () => {
  proxy.refuse(false)
  await close()
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

async function open(answerWithinMs: number) {
  database = await openDatabase({ url: proxy.url, answerWithinMs })
  // The waits between tries on a busy database are none here; those of the server itself stay.
  queue = createWriteQueue({ target: database.target, delay: async () => {} })
  failures = []
  queue.onFailure(({ code }) => failures.push(code))
}

async function close() {
  await queue[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
}

/** Leaves a trace each time that it is carried out. */
const row = (name: string) => ({
  sql: `INSERT INTO audit (created_at, severity, actor, action) VALUES (0, 'info', 'gateway', ?)`,
  args: [name],
})
/** What the server has, whatever the network does. */
async function stored(): Promise<string[]> {
  const rows = await server.db.all<{ action: string }>('SELECT action FROM audit ORDER BY id')
  return rows.map(({ action }) => action)
}

describe('the answer to a commit is lost', () => {
  it('and the commit was made: everybody reads again, and it is there once', async () => {
    await queue.commit([row('before')])
    const lost = proxy.loseAnswer('the one')
    await expect(queue.commit([row('the one')])).rejects.toMatchObject({ code: 'storage_unavailable' })
    await lost
    expect(failures).toEqual(['storage_unavailable'])
    await queue.commit([row('after')])
    expect(await stored()).toEqual(['before', 'the one', 'after'])
  })

  it('and the commit was not made: it is made again, and nobody notices', async () => {
    const kept = proxy.keepBack('the one')
    expect(await queue.commit([row('the one'), row('with it')])).toEqual([1, 1])
    await kept
    expect(failures).toEqual([])
    expect(await stored()).toEqual(['the one', 'with it'])
  })

  it('and the commit reaches the server after all, later than what followed it: it is refused', async () => {
    const kept = proxy.keepBack('the one')
    await queue.commit([row('the one')])
    await queue.commit([row('after')])
    const release = await kept
    expect(await release()).toContain('NOT NULL constraint failed: meta.value')
    expect(await stored()).toEqual(['the one', 'after'])
  })

  it('also of what finds that out: each commit is there once', async () => {
    const lost = [proxy.loseAnswer('the one')]
    const commit = queue.commit([row('the one')]).catch(error => error.code)
    await lost[0]
    await proxy.loseAnswer('INSERT OR IGNORE')
    expect(await commit).toBe('storage_unavailable')
    await queue.commit([row('after')])
    expect(await stored()).toEqual(['the one', 'after'])
  })

  it('each time, in the middle of many commits: each that was accepted is there once, the others at most once', async () => {
    const accepted: string[] = []
    for (let round = 0; round < 20; round += 1) {
      const names = ['a', 'b', 'c'].map(each => `${each}${round}`)
      if (round % 3 === 0) void proxy.loseAnswer(`"b${round}"`)
      if (round % 3 === 1) void proxy.keepBack(`"b${round}"`)
      await Promise.all(
        names.map(name =>
          queue.commit([row(name)]).then(
            () => accepted.push(name),
            () => {},
          ),
        ),
      )
    }
    const found = await stored()
    expect(new Set(found).size).toBe(found.length)
    expect(found).toEqual(expect.arrayContaining(accepted))
    expect(accepted.length).toBeGreaterThan(30)
  })
})

describe('the server', () => {
  it('is refused what a statement is at fault for, and the mark says nothing of it', async () => {
    const twice = { sql: `INSERT INTO meta (key, value) VALUES ('once', 'x')`, args: [] }
    expect(await queue.commit([twice])).toEqual([1])
    await expect(queue.commit([twice])).rejects.toThrow('UNIQUE')
    expect(await queue.commit([row('after')])).toEqual([1])
    expect(failures).toEqual([])
  })

  it('that is slow is waited for', async () => {
    await queue.commit([row('before')])
    proxy.delay(5_000)
    const began = performance.now()
    expect(await queue.commit([row('slow')])).toEqual([1])
    expect(performance.now() - began).toBeGreaterThan(4_900)
    expect(failures).toEqual([])
  })

  it('that answers too late has answered nothing: what it did is there once', async () => {
    await queue.commit([row('before')])
    await close()
    await open(1_000)
    const marked = queue.commit([row('first')])
    await marked
    proxy.delay(3_000)
    const late = queue.commit([row('late')]).catch(error => error.code)
    await expect.poll(stored, { timeout: 30_000 }).toContain('late')
    proxy.delay(0)
    expect(await late).toBe('storage_unavailable')
    await queue.commit([row('after')])
    expect(await stored()).toEqual(['before', 'first', 'late', 'after'])
  })

  it('that is away is waited for some seconds; then callers hear of it, and all is well once it is back', async () => {
    await queue.commit([row('before')])
    proxy.refuse(true)
    await expect(queue.commit([row('refused')])).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(failures).toEqual(['storage_unavailable'])
    const waits = queue.commit([row('waits')])
    proxy.refuse(false)
    expect(await waits).toEqual([1])
    expect(await stored()).toEqual(['before', 'waits'])
  })

  it('whose marks were wiped, as by a restored copy, is written to all the same', async () => {
    await queue.commit([row('before')])
    await server.writer.commit([{ sql: `DELETE FROM meta WHERE key LIKE 'mark:%'`, args: [] }])
    expect(await queue.commit([row('after')])).toEqual([1])
    expect(await stored()).toEqual(['before', 'after'])
  })
})
