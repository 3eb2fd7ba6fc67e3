import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { HookPayload } from '../../src/contract/hooks.ts'
import { type Chain, createChain, type HookDispatch, type HookFailure, MAX_DEPTH } from './chain.ts'

const EVENT = 'message:received'
const message: HookPayload<typeof EVENT> = {
  id: 'M1',
  from: 'a@c.us',
  to: 'b@c.us',
  chatId: 'a@c.us',
  body: 'hello',
  type: 'text',
  timestamp: 1,
  fromMe: false,
  isGroup: false,
  kind: 'individual',
}
const origin = { sessionId: 's1', source: 'Engine' as const }

function start(mayRun: Parameters<typeof createChain>[0]['mayRun'] = () => true) {
  const failures: (HookFailure & { pluginId: string })[] = []
  let time = 1_000
  const log = pino({ level: 'silent' })
  const warn = vi.spyOn(log, 'warn')
  const chain = createChain({
    now: () => time,
    log,
    mayRun,
    record: (pluginId, failure) => failures.push({ pluginId, ...failure }),
  })
  const advance = (ms: number) => {
    time += ms
  }
  return { chain, failures, warn, advance }
}

const called: string[] = []
function add(chain: Chain, pluginId: string, priority: number, answer: unknown = null) {
  return chain.on(EVENT, {
    pluginId,
    priority,
    handler: async dispatch => {
      called.push(pluginId)
      return typeof answer === 'function' ? answer(dispatch) : answer
    },
  })
}
async function run(chain: Chain, from = origin as Parameters<Chain['run']>[2]) {
  called.length = 0
  const outcome = await chain.run(EVENT, message, from)
  return { ...outcome, called: [...called] }
}

/** The same for an event that can be refused. */
const VETOABLE = 'webhook:before'
const posting = { sessionId: 's1', event: 'message.received', payload: { a: 1 } }

describe('order', () => {
  it('is by priority, then by registration; what is not finite is 100', async () => {
    const { chain } = start()
    add(chain, 'c', 100)
    add(chain, 'a', 5)
    add(chain, 'd', Number.NaN)
    add(chain, 'b', 5)
    add(chain, 'e', Number.POSITIVE_INFINITY)
    add(chain, 'z', -1)
    expect((await run(chain)).called).toEqual(['z', 'a', 'b', 'c', 'd', 'e'])
    expect(chain.order(EVENT).map(({ pluginId }) => pluginId)).toEqual(called)
  })

  it('ends with the undo, also for a dispatch that is under way', async () => {
    const { chain } = start()
    const offs: (() => void)[] = []
    add(chain, 'a', 1, () => offs[0]?.())
    offs.push(add(chain, 'b', 2))
    expect((await run(chain)).called).toEqual(['a'])
    offs[0]?.()
    expect((await run(chain)).called).toEqual(['a'])
  })
})

describe('answers', () => {
  it('replace the data for those that follow', async () => {
    const { chain } = start()
    const seen: unknown[] = []
    add(chain, 'a', 1, { data: { ...message, body: 'one' } })
    add(chain, 'b', 2, ({ data }: HookDispatch) => void seen.push(data))
    add(chain, 'c', 3, { continue: true, data: { id: 'M1', chatId: 'x', extra: 1 } })
    expect(await run(chain)).toEqual({
      continue: true,
      data: { id: 'M1', chatId: 'x', extra: 1 },
      called: ['a', 'b', 'c'],
    })
    expect(seen).toEqual([{ ...message, body: 'one' }])
  })

  it('carry what handlers need, and the same time for all', async () => {
    const { chain } = start()
    const dispatches: HookDispatch[] = []
    for (const id of ['a', 'b']) add(chain, id, 1, (dispatch: HookDispatch) => void dispatches.push(dispatch))
    await run(chain)
    for (const dispatch of dispatches)
      expect(dispatch).toEqual({
        event: EVENT,
        data: message,
        sessionId: 's1',
        source: 'Engine',
        timestamp: 1_000,
        inFlight: [EVENT],
        timeoutMs: 5_000,
      })
    expect(dispatches).toHaveLength(2)
  })

  it('end the chain with continue: false, which is no veto here', async () => {
    const { chain } = start()
    add(chain, 'a', 1, { continue: false, data: { id: 'N', chatId: 'y' } })
    add(chain, 'b', 2)
    expect(await run(chain)).toEqual({ continue: true, data: { id: 'N', chatId: 'y' }, called: ['a'] })
  })

  it('veto where the table says so', async () => {
    const { chain } = start()
    const handler = vi.fn(async () => ({ continue: false }))
    chain.on(VETOABLE, { pluginId: 'a', priority: 1, handler })
    chain.on(VETOABLE, { pluginId: 'b', priority: 2, handler })
    expect(await chain.run(VETOABLE, posting, origin)).toEqual({
      continue: false,
      data: posting,
      vetoedBy: 'a',
    })
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('change nothing where rewriting has no effect', async () => {
    const { chain, failures } = start()
    const data = { sessionId: 's1', event: 'e', webhookId: 'w', deliveryId: 'd' }
    chain.on('webhook:queued', { pluginId: 'a', priority: 1, handler: async () => ({ data: { other: 1 } }) })
    expect(await chain.run('webhook:queued', data, origin)).toEqual({ continue: true, data })
    expect(failures).toEqual([])
  })

  const nonsense: [string, unknown][] = [
    ['a text', 'no'],
    ['a number', 0],
    ['continue of another type', { continue: 'false' }],
    ['data without an id', { data: { chatId: 'x' } }],
    ['data that is null', { data: null }],
    ['data that is an array', { data: [] }],
  ]
  it.each(nonsense)('that are nonsense change nothing and are recorded: %s', async (_, answer) => {
    const { chain, failures } = start()
    add(chain, 'a', 1, answer)
    add(chain, 'b', 2)
    expect(await run(chain)).toEqual({ continue: true, data: message, called: ['a', 'b'] })
    expect(failures).toMatchObject([{ pluginId: 'a', event: EVENT, at: 1_000 }])
  })

  it('may say that one of several handlers failed', async () => {
    const { chain, failures } = start()
    add(chain, 'a', 1, { continue: true, error: 'the second handler threw', data: { id: 'N', chatId: 'y' } })
    expect(await run(chain)).toMatchObject({ data: { id: 'N' } })
    expect(failures).toMatchObject([{ pluginId: 'a', error: 'the second handler threw' }])
  })
})

describe('failures', () => {
  it('let the chain go on with the data before; health hears the text, of strangers none', async () => {
    const { chain, failures } = start()
    add(chain, 'a', 1, { data: { id: 'N', chatId: 'y' } })
    add(chain, 'b', 2, () => Promise.reject(new GatewayError('plugin_timeout', 'too late')))
    add(chain, 'c', 3, () => Promise.reject(new Error('/secret')))
    add(chain, 'd', 4)
    expect(await run(chain)).toEqual({
      continue: true,
      data: { id: 'N', chatId: 'y' },
      called: ['a', 'b', 'c', 'd'],
    })
    expect(failures.map(({ pluginId, error }) => [pluginId, error])).toEqual([
      ['b', 'too late'],
      ['c', 'Internal server error'],
    ])
  })

  it('are logged once a minute per plugin and event', async () => {
    const { chain, failures, warn, advance } = start()
    add(chain, 'a', 1, 'nonsense')
    for (let n = 0; n < 3; n += 1) await run(chain)
    expect(warn).toHaveBeenCalledTimes(1)
    advance(60_000)
    await run(chain)
    expect(warn).toHaveBeenCalledTimes(2)
    expect(failures).toHaveLength(4)
  })
})

describe('a guard', () => {
  const guard = (answer: () => unknown, failClosed = true) => {
    const { chain, failures } = start()
    const off = chain.on(VETOABLE, {
      pluginId: 'g',
      priority: 1,
      handler: async () => answer(),
      failClosed,
    })
    const told = vi.fn(async () => null)
    chain.on(VETOABLE, { pluginId: 'after', priority: 2, handler: told })
    return { outcome: () => chain.run(VETOABLE, posting, origin), failures, told, off }
  }
  const broken: [string, () => unknown][] = [
    ['is late', () => Promise.reject(new GatewayError('plugin_timeout', 'too late'))],
    ['talks nonsense', () => 'yes'],
    ['throws in one of its handlers', () => ({ continue: true, error: 'threw' })],
    ['rewrites to nonsense', () => ({ data: { payload: 'cut' } })],
  ]
  it.each(broken)('that %s refuses; any other plugin would be skipped', async (_, answer) => {
    const closed = guard(answer)
    expect(await closed.outcome()).toEqual({ continue: false, data: posting, vetoedBy: 'g' })
    expect(closed.failures).toHaveLength(1)
    expect(closed.told).not.toHaveBeenCalled()
    const open = guard(answer, false)
    expect(await open.outcome()).toEqual({ continue: true, data: posting })
    expect(open.told).toHaveBeenCalledTimes(1)
  })

  it('that is content, or gone, stands in nobody’s way', async () => {
    const { outcome, off } = guard(() => null)
    expect((await outcome()).continue).toBe(true)
    off()
    expect((await outcome()).continue).toBe(true)
  })
})

describe('gates', () => {
  it('keep a plugin from an event, at once or after a look; one that fails is closed', async () => {
    const gate = vi.fn((pluginId: string) => {
      if (pluginId === 'broken') throw new Error('gate')
      return pluginId === 'later'
        ? Promise.resolve(true)
        : pluginId === 'asleep'
          ? Promise.resolve(false)
          : pluginId !== 'no'
    })
    const { chain, failures } = start(gate)
    for (const id of ['no', 'asleep', 'broken', 'later', 'yes']) add(chain, id, 1)
    expect((await run(chain)).called).toEqual(['later', 'yes'])
    expect(gate).toHaveBeenCalledWith('yes', EVENT, 's1', message)
    expect(failures).toMatchObject([{ pluginId: 'broken' }])
  })
})

describe('re-entrancy', () => {
  const cause = (pluginId: string, inFlight: string[]) => ({ ...origin, cause: { pluginId, inFlight } })

  it("keeps an event from the plugin whose call brought it about from within that event's handler", async () => {
    const { chain } = start()
    add(chain, 'a', 1)
    add(chain, 'b', 2)
    expect((await run(chain, cause('a', [EVENT]))).called).toEqual(['b'])
    // Others cannot be passed over by a plugin that lies about what is in flight.
    expect((await run(chain, cause('c', [EVENT]))).called).toEqual(['a', 'b'])
    expect((await run(chain, cause('a', ['message:sent']))).called).toEqual(['a', 'b'])
    expect((await run(chain, cause('a', []))).called).toEqual(['a', 'b'])
  })

  it('hands on what is in flight', async () => {
    const { chain } = start()
    const lists: unknown[] = []
    add(chain, 'a', 1, ({ inFlight }: HookDispatch) => void lists.push(inFlight))
    await run(chain, cause('b', ['x']))
    expect(lists).toEqual([['x', EVENT]])
  })

  it('ends plugins that call each other for ever, by a veto where there is one', async () => {
    const { chain, failures } = start()
    add(chain, 'a', 1)
    const deep = Array.from({ length: MAX_DEPTH }, () => 'x')
    expect(await run(chain, cause('b', deep))).toEqual({ continue: true, data: message, called: [] })
    expect(failures).toMatchObject([{ pluginId: 'b' }])
    chain.on(VETOABLE, { pluginId: 'a', priority: 1, handler: async () => null })
    expect(await chain.run(VETOABLE, posting, cause('b', deep))).toMatchObject({
      continue: false,
      vetoedBy: 'b',
    })
    expect((await run(chain, cause('b', deep.slice(1)))).called).toEqual(['a'])
  })
})

it('costs next to nothing without plugins', async () => {
  const { chain } = start(() => {
    throw new Error('nobody to ask for')
  })
  expect(await chain.run(EVENT, message, origin)).toEqual({ continue: true, data: message })
})
