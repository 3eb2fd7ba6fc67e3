import { describe, expect, it } from 'vitest'
import type { Statement } from '../../src/db/db.ts'
import { createWriteQueue } from '../store/write-queue.ts'
import { createFence } from './fence.ts'

const S = 'c0000000-0000-4000-8000-000000000001'
const T = 'c0000000-0000-4000-8000-000000000002'
const of = (id: string, what = 'write'): Statement => ({ sql: what, args: [1, id, null] })

function setUp() {
  const commits: string[][] = []
  const queue = createWriteQueue({
    target: {
      async batch(statements) {
        commits.push(
          statements.map(({ sql, args }) =>
            sql.includes('session_leases') ? `guard ${args.join(' ')}` : sql,
          ),
        )
        return statements.map((_, index) => 10 + index)
      },
      async reconnect() {},
    },
    delay: async () => {},
  })
  return { commits, fence: createFence(queue) }
}

describe('the fence', () => {
  it('puts one guard of each session before its writes, in one commit', async () => {
    const { commits, fence } = setUp()
    fence.raise(S, 3)
    fence.raise(T, 5)
    const heard: unknown[] = []
    fence.queue.put([of(S, 'a'), of(S, 'b')], changes => heard.push(changes))
    fence.queue.put([of('somebody else', 'c')])
    expect(await fence.queue.commit([of(S, 'd'), of(T, 'e')])).toEqual([15, 16])
    expect(commits).toEqual([['a', 'b', 'c', `guard ${S} 3`, `guard ${T} 5`, 'd', 'e']])
    expect(heard).toEqual([[10, 11]])
  })

  it('leaves writes alone that name no session of ours', async () => {
    const { commits, fence } = setUp()
    fence.raise(S, 1)
    fence.forget(S)
    fence.raise(T, 1)
    expect(await fence.queue.commit([of(S, 'a')])).toEqual([10])
    expect(commits).toEqual([['a']])
  })

  it('asks for the newest claim', async () => {
    const { commits, fence } = setUp()
    fence.raise(S, 1)
    fence.raise(S, 2)
    await fence.queue.commit([of(S, 'a')])
    expect(commits).toEqual([[`guard ${S} 2`, 'a']])
  })
})
