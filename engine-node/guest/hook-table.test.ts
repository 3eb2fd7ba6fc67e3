import { describe, expect, it } from 'vitest'
import { contractFacts } from './contract-facts.ts'
import { createHookTable, type GuestHandler } from './hook-table.ts'

const EVENT = 'message:received'
const context = { event: EVENT, data: { id: 1 }, timestamp: new Date(0), source: 'Engine' }

function start() {
  const subscribed: number[] = []
  const warnings: string[] = []
  const failed: unknown[] = []
  const table = createHookTable({
    facts: contractFacts,
    subscribe: (_, priority) => subscribed.push(priority),
    warn: text => warnings.push(text),
    failed: (_, thrown) => failed.push(thrown),
  })
  const add = (handler: GuestHandler, priority?: unknown) => table.register(EVENT, handler, priority)
  return { table, add, subscribed, warnings, failed, run: () => table.run(context) }
}

describe('registering', () => {
  it('asks the host once per event, and again only for a lower priority', () => {
    const { add, subscribed } = start()
    for (const priority of [undefined, Number.NaN, 'high', 150, 50, 70, 10, Number.NEGATIVE_INFINITY])
      add(() => {}, priority)
    expect(subscribed).toEqual([100, 50, 10])
  })

  it('ignores unknown events, with one warning for each', () => {
    const { table, warnings, subscribed } = start()
    for (const event of ['message:read', 'message:read', 'constructor']) table.register(event, () => {}, 1)
    expect(warnings).toHaveLength(2)
    expect(subscribed).toEqual([])
  })

  it.each([
    [EVENT, 'no function'],
    [undefined, () => {}],
  ])('throws for %s and %s', (event, handler) => {
    expect(() => start().table.register(event, handler, 1)).toThrow(TypeError)
  })
})

describe('running', () => {
  it('answers null where nothing was changed', async () => {
    const { add, run } = start()
    expect(await run()).toBeNull()
    add(() => {})
    add(() => ({ continue: true }))
    add(() => null)
    expect(await run()).toBeNull()
  })

  it.each(['nonsense', 0, true, { continue: 'false' }, { continue: 0 }])(
    'goes on after the answer %j, and says that it was none',
    async answer => {
      const { add, run } = start()
      add(() => answer, 1)
      add(() => ({ data: { id: 2 } }), 2)
      expect(await run()).toEqual({
        continue: true,
        data: { id: 2 },
        error: 'A handler answered something else than { continue, data }',
      })
    },
  )

  it('runs the handlers by priority, each with the data of the one before', async () => {
    const { add, run } = start()
    const seen: unknown[] = []
    add(({ data }) => void seen.push(['late', data]), 90)
    add(async ({ data }) => ({ data: { ...(data as object), a: 1 } }), 5)
    add(({ data }) => ({ data: { ...(data as object), b: 2 } }), 5)
    expect(await run()).toEqual({ continue: true, data: { id: 1, a: 1, b: 2 } })
    expect(seen).toEqual([['late', { id: 1, a: 1, b: 2 }]])
  })

  it('ends at continue: false', async () => {
    const { add, run } = start()
    add(() => ({ continue: false, data: { id: 2 } }), 1)
    add(() => ({ data: { id: 3 } }), 2)
    expect(await run()).toEqual({ continue: false, data: { id: 2 } })
  })

  it('goes on after a handler that throws, whatever it throws', async () => {
    const { add, run, failed } = start()
    const unreadable = {
      toString: () => {
        throw new Error('no')
      },
    }
    add(() => {
      throw new Error('first')
    }, 1)
    add(() => Promise.reject(unreadable), 2)
    add(() => ({ data: { id: 2 } }), 3)
    expect(await run()).toEqual({ continue: true, data: { id: 2 }, error: 'first' })
    expect(failed).toEqual([new Error('first'), unreadable])
  })
})
