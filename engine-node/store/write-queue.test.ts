import { describe, expect, it } from 'vitest'
import type { Statement } from '../../src/db/db.ts'
import { createWriteQueue, PATIENCE_MS } from './write-queue.ts'

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
    saysWhich: false,
    hold() {
      gate = new Promise(resolve => {
        open = resolve
      })
    },
    release: () => open(),
    get reconnects() {
      return reconnects
    },
    async batch(this: { refused: Set<unknown>; saysWhich: boolean }, statements: Statement[]) {
      await gate
      const fault = faults.shift()
      if (fault) throw fault
      const statementIndex = statements.findIndex(({ args }) => this.refused.has(args[0]))
      if (statementIndex !== -1)
        throw Object.assign(
          new Error('SQLITE_CONSTRAINT: UNIQUE constraint failed'),
          this.saysWhich ? { statementIndex } : {},
        )
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

describe('what the database refuses, and says which it is', () => {
  const createTelling = () => {
    const made = createQueue()
    made.target.saysWhich = true
    made.target.refused.add('twice')
    return made
  }

  it('is left out of the one transaction of the rest', async () => {
    const { queue, target } = createTelling()
    const order: string[] = []
    queue.put([to('a'), to('b')], () => void order.push('a, b'))
    const refused = queue.commit([to('c'), to('twice')])
    queue.put([to('d')], () => void order.push('d'))
    const behind = queue.commit([to('twice')])
    await expect(refused).rejects.toThrow('UNIQUE')
    await expect(behind).rejects.toThrow('UNIQUE')
    await queue.settled()
    expect(target.commits).toEqual([['a', 'b', 'd']])
    expect(order).toEqual(['a, b', 'd'])
  })

  it('keeps all that waits behind a put that is lost from going', async () => {
    const { queue, target } = createTelling()
    const failures: unknown[] = []
    queue.onFailure(error => failures.push(error))
    const gone: string[] = []
    queue.put([to('ratchet'), to('twice')])
    queue.after(() => gone.push('frame'))
    queue.put([to('other')])
    queue.after(() => gone.push('frame behind'))
    await queue.commit([to('next')])
    expect(target.commits).toEqual([['other', 'next']])
    expect(gone).toEqual([])
    expect(failures).toHaveLength(1)
    queue.after(() => gone.push('later'))
    expect(gone).toEqual(['later'])
  })

  it('keeps what waits behind a commit ahead from going too, and tells its caller', async () => {
    const { queue, target } = createTelling()
    const failures: unknown[] = []
    queue.onFailure(error => failures.push(error))
    const order: string[] = []
    const stored = queue.commitAhead([to('row')], () => order.push('written'))
    queue.after(() => order.push('frame'))
    await stored
    expect(order).toEqual(['written', 'frame'])
    const refused = queue.commitAhead([to('twice')], () => order.push('never'))
    queue.put([to('ratchet')])
    queue.after(() => order.push('never'))
    await expect(refused).rejects.toThrow('UNIQUE')
    await queue.settled()
    expect([order, failures.length, target.commits]).toEqual([
      ['written', 'frame'],
      1,
      [['row'], ['ratchet']],
    ])
  })

  it('counts the statements that a later state of a key has replaced', async () => {
    const { queue, target } = createTelling()
    queue.put([{ ...to('old'), key: 'k' }, to('a')])
    queue.put([{ ...to('new'), key: 'k' }])
    const refused = queue.commit([to('twice')])
    await expect(refused).rejects.toThrow('UNIQUE')
    await queue.settled()
    expect(target.commits).toEqual([['a', 'new']])
  })

  it('makes a late value when it is written, and only the last of a key', async () => {
    const { queue, target } = createTelling()
    let calls = 0
    const late = (name: string) => ({
      ...to('x'),
      key: 'k',
      args: [
        () => {
          calls += 1
          return name
        },
      ],
    })
    queue.put([late('old')])
    queue.put([late('new')])
    expect(calls).toBe(0)
    await queue.settled()
    expect([calls, target.commits]).toEqual([1, [['new']]])
  })

  it('is replaced where there is something to write instead, in its place', async () => {
    const { queue, target } = createTelling()
    queue.put([to('a')])
    queue.put([to('twice')], undefined, () => [to('instead')])
    queue.put([to('b')])
    await queue.settled()
    expect(target.commits).toEqual([['a', 'instead', 'b']])
  })

  it('goes one by one when it does not end', async () => {
    const { queue, target } = createTelling()
    const refused = Array.from({ length: 40 }, () => queue.commit([to('twice')]).catch(() => 'refused'))
    const last = queue.commit([to('last')])
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['refused']))
    expect(await last).toEqual([1])
    expect(target.commits).toEqual([['last']])
  })
})

describe('what the database refuses', () => {
  it('is replaced by what is to be written instead, before anything behind it is let go', async () => {
    const { queue, target } = createQueue()
    target.refused.add('poison')
    const failures: unknown[] = []
    queue.onFailure(error => failures.push(error))
    const order: string[] = []
    const wrote = (name: string) => () => void order.push(name)
    queue.put([to('before')], wrote('before'))
    queue.put([to('poison')], wrote('poison'), error => {
      expect(String(error)).toContain('UNIQUE')
      return [to('instead')]
    })
    queue.after(() => {
      order.push('frame')
      expect(target.commits).toContainEqual(['instead'])
    })
    queue.put([to('behind')], wrote('behind'))
    await queue.settled()
    expect(target.commits).toEqual([['before'], ['instead'], ['behind']])
    expect(order).toEqual(['before', 'frame', 'behind'])
    expect(failures).toEqual([])
  })

  it('is lost, and told of as such, where even that is refused', async () => {
    const { queue, target } = createQueue()
    target.refused.add('poison')
    const failures: unknown[] = []
    queue.onFailure(error => failures.push(error))
    queue.put([to('poison')], undefined, () => [to('poison')])
    await expect(queue.settled()).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(failures).toHaveLength(1)
    await queue.commit([to('next')])
    expect(target.commits).toEqual([['next']])
  })

  it('is lost where there is nothing to write instead', async () => {
    const { queue, target } = createQueue()
    target.refused.add('poison')
    queue.put([to('poison')], undefined, () => null)
    await expect(queue.settled()).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(target.commits).toEqual([])
  })

  it('is not replaced where the disk, and not the content, is at fault', async () => {
    const { queue, target } = createQueue()
    target.faults.push(new Error('SQLITE_FULL: disk is full'))
    queue.put([to('a')], undefined, () => [to('never')])
    await expect(queue.settled()).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(target.commits).toEqual([])
  })
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

describe('what nobody waits for', () => {
  /** Time passes when the test says so. */
  function createPatient() {
    const target = createTarget()
    let pass = () => {}
    const waited: number[] = []
    const queue = createWriteQueue({
      target: { batch: statements => target.batch(statements), reconnect: target.reconnect },
      delay(ms) {
        waited.push(ms)
        return new Promise<void>(resolve => {
          pass = resolve
        })
      },
    })
    return { queue, target, waited, pass: () => pass() }
  }
  const turns = async () => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
  }

  it('waits for the next commit, and goes with it in its order', async () => {
    const { queue, target } = createPatient()
    const calls: unknown[] = []
    queue.putLater([to('a')], changes => calls.push(changes))
    await turns()
    expect(target.commits).toEqual([])
    expect(queue.backlog()).toBe(1)
    await queue.commit([to('b')])
    expect(target.commits).toEqual([['a', 'b']])
    expect(calls).toEqual([[1]])
  })

  it('goes by itself when none comes, once for all that has gathered', async () => {
    const { queue, target, waited, pass } = createPatient()
    queue.putLater([to('a')])
    queue.putLater([to('b')])
    pass()
    await queue.settled()
    expect(target.commits).toEqual([['a', 'b']])
    queue.putLater([to('c')])
    await turns()
    expect(target.commits).toEqual([['a', 'b']])
    pass()
    await turns()
    expect(target.commits).toEqual([['a', 'b'], ['c']])
    expect(waited).toEqual([PATIENCE_MS, PATIENCE_MS])
  })

  it.each<[string, (queue: ReturnType<typeof createPatient>['queue']) => Promise<unknown>]>([
    ['somebody waits for it', queue => new Promise<void>(resolve => void queue.after(resolve))],
    ['all has to be settled', queue => queue.settled()],
    ['the queue is closed', async queue => await queue[Symbol.asyncDispose]()],
  ])('goes at once when %s', async (_, ask) => {
    const { queue, target } = createPatient()
    queue.putLater([to('a')])
    await ask(queue)
    expect(target.commits).toEqual([['a']])
  })

  it('does not make a commit of its own behind one that is under way', async () => {
    const { queue, target, pass } = createPatient()
    target.hold()
    const first = queue.commit([to('a')])
    await turns()
    queue.putLater([to('b')])
    target.release()
    await first
    await turns()
    expect(target.commits).toEqual([['a']])
    pass()
    await queue.settled()
    expect(target.commits).toEqual([['a'], ['b']])
  })

  it('is told of when it is lost, and refused once the queue is closed', async () => {
    const { queue, target } = createPatient()
    const heard: string[] = []
    queue.onFailure(({ code }) => heard.push(code))
    target.faults.push(new Error('SQLITE_FULL: disk is full'))
    queue.putLater([to('a')])
    await expect(queue.settled()).rejects.toMatchObject({ code: 'storage_unavailable' })
    await queue[Symbol.asyncDispose]()
    queue.putLater([to('b')])
    expect(heard).toEqual(['storage_unavailable', 'storage_unavailable'])
  })
})
