// Somebody else's program holds the write lock of the database under traffic: short holds are waited for, a long one is told of,
// and nothing is lost or half done.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

let faulty: FaultyGateway
let holders: ChildProcess[] = []

beforeAll(async () => {
  faulty = await createFaultyGateway()
  await linkSession(faulty)
})
afterAll(async () => {
  for (const holder of holders) holder.kill('SIGKILL')
  await faulty?.[Symbol.asyncDispose]()
})

/** Has the write lock from when this resolves until the undo does. */
async function hold(): Promise<() => Promise<void>> {
  const code = `const { DatabaseSync } = require('node:sqlite')
    const db = new DatabaseSync(process.argv[1], { timeout: 60000 })
    db.exec('BEGIN IMMEDIATE')
    process.stdout.write('held')
    process.stdin.on('data', () => { db.exec('ROLLBACK'); process.exit() })`
  const file = join(faulty.dataDir, 'wharf.db')
  const holder = spawn(process.execPath, ['--no-warnings', '-e', code, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  holders.push(holder)
  await once(holder.stdout, 'data')
  return async () => {
    const ended = once(holder, 'exit')
    holder.stdin.write('x')
    await ended
    holders = holders.filter(each => each !== holder)
  }
}

const contact = () => {
  const [first] = faulty.contacts
  if (!first) throw new Error('nobody to write to')
  return first
}
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

describe('a locked database', () => {
  it('for some seconds is waited for: no send fails, no connection ends', async () => {
    const connectedAt = async () =>
      (await faulty.ask('GET', `/sessions/${faulty.sessionId}`)).body.connectedAt
    const before = await connectedAt()
    const release = await hold()
    const sends = [1, 2, 3].map(n => faulty.send(contact(), `waits ${n}`))
    for (const n of [1, 2, 3]) await faulty.writes(contact(), `comes ${n}`)
    // Nothing of it may be there, or have been answered, while the lock is held.
    const first = await Promise.race([...sends, pause(3_000)])
    expect(first).toBeUndefined()
    expect(lastingFaults(faulty)).toEqual([])
    await release()
    for (const [index, answer] of (await Promise.all(sends)).entries()) {
      expect(answer?.status).toBe(201)
      faulty.accepted.push({
        text: `waits ${index + 1}`,
        messageId: answer?.body.messageId,
        readers: [contact()],
      })
    }
    await faulty.settled()
    expect(settledFaults(faulty)).toEqual([])
    expect(await connectedAt()).toBe(before)
  })

  it('for longer than that is told of, and all goes on by itself once it is free', async () => {
    const release = await hold()
    await faulty.writes(contact(), 'comes late')
    const refused = await faulty.send(contact(), 'late')
    expect(refused).toMatchObject({ status: 503, body: { code: 'STORAGE_UNAVAILABLE' } })
    expect(lastingFaults(faulty)).toEqual([])
    expect((await faulty.ask('GET', '/health/ready')).status).toBe(503)
    await release()
    await until(
      () => faulty.ask('GET', `/sessions/${faulty.sessionId}`),
      ({ body }) => body.status === 'ready',
      60_000,
    )
    await until(
      () => faulty.ask('GET', '/health/ready'),
      ({ status }) => status === 200,
      60_000,
    )
    await faulty.insist(contact(), 'late')
    await faulty.settled()
    expect(settledFaults(faulty)).toEqual([])
  })

  it('now and then, under traffic, is noticed by nobody', async () => {
    const work: Promise<unknown>[] = []
    let isOver = false
    const locks = (async () => {
      while (!isOver) {
        const release = await hold()
        await pause(150)
        await release()
        await pause(20)
      }
    })()
    for (let n = 0; n < 100; n += 1) {
      work.push(faulty.insist(contact(), `between ${n}`), faulty.writes(contact(), `among ${n}`))
      await pause(20)
    }
    await Promise.all(work)
    isOver = true
    await locks
    await faulty.settled()
    expect(settledFaults(faulty)).toEqual([])
  })
})
