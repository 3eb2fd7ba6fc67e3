import { expect, it } from 'vitest'
import type { EngineHandlers } from '../../src/contract/engine.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { hereOnly } from './here-only.ts'

const here = 'c0000000-0000-4000-8000-000000000001' as SessionId
const there = 'c0000000-0000-4000-8000-000000000002' as SessionId

it('refuses calls for the sessions of other engines, before anything is done', async () => {
  const done: unknown[] = []
  const handlers = {
    'session.delete': async (params: unknown) => {
      done.push(params)
      return null
    },
    'catalog.list': async () => [],
  } as unknown as EngineHandlers
  const guarded = hereOnly(handlers, { holderOf: async id => (id === there ? 'engine-b' : null) })
  await expect(guarded['session.delete']({ sessionId: there })).rejects.toMatchObject({
    code: 'session_elsewhere',
    message: 'The engine engine-b runs this session. Ask that one',
    details: { engine: 'engine-b' },
    certain: true,
  })
  expect(done).toEqual([])
  expect(await guarded['session.delete']({ sessionId: here })).toBe(null)
  expect(await guarded['catalog.list']({})).toEqual([])
  expect(done).toEqual([{ sessionId: here }])
})
