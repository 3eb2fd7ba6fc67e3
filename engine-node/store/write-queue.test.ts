import { describe, expect, it } from 'vitest'
import type { Statement } from '../../src/db/db.ts'
import { createWriteQueue } from './write-queue.ts'

const to = (value: string): Statement => ({ sql: 'INSERT', args: [value] })

/** A target that records each commit and can be held, made busy or broken. */
function createTarget() {
  const commits: unknown[][] = []
  const faults: Error[] = []
  let gate: Promise<void> = Promise.resolve()
  let open: () => void = () => {}
  let reconnects = 0
  return {
    commits,
    faults,
    refused: new Set<unknown>(),
    hold() {
      gate = new Promise(resolve => {
        open = resolve
      })
    },
    release: () => open(),
    get reconnects() {
      return reconnects
    },
    async batch(this: { refused: Set<unknown> }, statements: Statement[]) {
      await gate
      const fault = faults.shift()
      if (fault) throw fault
      if (statements.some(({ args }) => this.refused.has(args[0])))
        throw new Error('SQLITE_CONSTRAINT: UNIQUE constraint failed')
      commits.push(statements.map(({ args }) => args[0]))
      return statements.map(() => 1)
    },
    async reconnect() {
      reconnects += 1
    },
  }
}

const createQueue = (target = createTarget()) => ({
  target,
  queue: createWriteQueue({
    target: { batch: s => target.batch(s), reconnect: target.reconnect },
    delay: async () => {},
  }),
})

describe('write queue', () => {
  it('commits what gathered while a commit ran as one transaction, in order', async () => {
    const { queue, target } = createQueue()
    target.hold()
    const first = queue.commit([to('a')])
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    queue.put([to('b')])
    const third = queue.commit([to('c'), to('d')])
    target.release()
    expect(await first).toEqual([1])
    expect(await third).toEqual([1, 1])
    expect(target.commits).toEqual([['a'], ['b', 'c', 'd']])
  })

  it('writes only the last state of a key in one commit', async () => {
    const { queue, target } = createQueue()
    queue.put([{ ...to('old'), key: 'k' }])
    queue.put([to('between')])
    queue.put([{ ...to('new'), key: 'k' }])
    await queue.settled()
    expect(target.commits).toEqual([['between', 'new']])
  })

  it('calls after() only when everything before it is durable', async () => {
    const { queue, target } = createQueue()
    const calls: string[] = []
    queue.after(() => calls.push('idle'))
    expect(calls).toEqual(['idle'])
    target.hold()
    queue.put([to('a')])
    queue.after(() => calls.push(`after a: ${target.commits.length}`))
    const undo = queue.after(() => calls.push('undone'))
    undo()
    expect(calls).toEqual(['idle'])
    target.release()
    await queue.settled()
    expect(calls).toEqual(['idle', 'after a: 1'])
  })

  it('refuses only the commit whose statement is refused', async () => {
    const { queue, target } = createQueue()
    target.refused.add('twice')
    const failures: unknown[] = []
    queue.onFailure(error => failures.push(error))
    const good = queue.commit([to('a')])
    const bad = queue.commit([to('twice')])
    const later = queue.commit([to('b')])
    await expect(bad).rejects.toThrow('UNIQUE')
    expect(await good).toEqual([1])
    expect(await later).toEqual([1])
    expect(failures).toEqual([])
  })

  it('tells everybody when a write that nobody waits for is refused, and goes on', async () => {
    const { queue, target } = createQueue()
    target.refused.add('lost')
    const failures: string[] = []
    queue.onFailure(error => failures.push(error.code))
    queue.put([to('lost')])
    let released = false
    queue.after(() => {
      released = true
    })
    await queue.commit([to('next')])
    expect(failures).toEqual(['storage_unavailable'])
    expect(released).toBe(false)
    expect(target.commits).toEqual([['next']])
    await queue.settled()
  })

  it('reconnects and tries again while the database is busy', async () => {
    const { queue, target } = createQueue()
    target.faults.push(new Error('SQLITE_BUSY: database is locked'), new Error('SQL statements in progress'))
    expect(await queue.commit([to('a')])).toEqual([1])
    expect(target.reconnects).toBe(2)
  })

  it('gives up on a database that stays busy', async () => {
    const { queue, target } = createQueue()
    for (let n = 0; n < 41; n += 1) target.faults.push(new Error('SQLITE_BUSY'))
    await expect(queue.commit([to('a')])).rejects.toMatchObject({ code: 'storage_unavailable' })
  })

  it('drops everything queued when the database takes no writes, says so once, and works again afterwards', async () => {
    const { queue, target } = createQueue()
    target.faults.push(new Error('SQLITE_FULL: database or disk is full'))
    const failures: string[] = []
    queue.onFailure(error => failures.push(error.code))
    queue.put([to('a')])
    const commit = queue.commit([to('b')])
    const settled = queue.settled()
    let released = false
    queue.after(() => {
      released = true
    })
    await expect(commit).rejects.toMatchObject({ code: 'storage_unavailable' })
    await expect(settled).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(failures).toEqual(['storage_unavailable'])
    expect(released).toBe(false)
    expect(await queue.commit([to('c')])).toEqual([1])
    expect(target.commits).toEqual([['c']])
  })

  it('drains before it is disposed of and refuses writes afterwards', async () => {
    const { queue, target } = createQueue()
    queue.put([to('a')])
    await queue[Symbol.asyncDispose]()
    expect(target.commits).toEqual([['a']])
    await expect(queue.commit([to('b')])).rejects.toMatchObject({ code: 'storage_unavailable' })
  })

  it('splits a burst into commits of bounded size', async () => {
    const { queue, target } = createQueue()
    target.hold()
    queue.put([to('first')])
    for (let n = 0; n < 5; n += 1) {
      await new Promise(setImmediate)
      queue.put(Array.from({ length: 900 }, (_, index) => to(`${n}.${index}`)))
    }
    target.release()
    await queue.settled()
    expect(target.commits.map(commit => commit.length)).toEqual([1, 1800, 1800, 900])
  })

  it('never splits what was queued in one turn, however much it is', async () => {
    const { queue, target } = createQueue()
    for (let n = 0; n < 3; n += 1) queue.put(Array.from({ length: 900 }, (_, index) => to(`${n}.${index}`)))
    await queue.settled()
    expect(target.commits.map(commit => commit.length)).toEqual([2700])
  })

  it('tells a put what it changed, before anything that waits is let go', async () => {
    const { queue } = createQueue()
    const calls: unknown[] = []
    queue.put([to('a'), to('b')], changes => calls.push(changes))
    queue.after(() => calls.push('after'))
    await queue.settled()
    expect(calls).toEqual([[1, 1], 'after'])
  })
})
