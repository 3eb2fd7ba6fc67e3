import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { powersOf } from '../../src/contract/grants.ts'
import { defaultModules } from '../../src/contract/plugin-modules.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createChain } from '../hooks/chain.ts'
import { PING_TIMEOUT_MS } from './end-phase.ts'
import { createPluginHost, PHASE_TIMEOUT_MS } from './host.ts'
import { createFakeGuests, type FakePlugin, never, settle } from './plugins.fixtures.ts'
import { CRASH_WINDOW_MS } from './restart-policy.ts'

let clock: ReturnType<typeof createFakeClock>
let guests: ReturnType<typeof createFakeGuests>
let lines: string[]
let world: ReturnType<typeof openHost>
beforeEach(() => {
  clock = createFakeClock()
  guests = createFakeGuests(clock)
  lines = []
  world = openHost()
})

function openHost() {
  const log = pino({ level: 'debug', base: null }, { write: (line: string) => void lines.push(line) })
  const told: string[] = []
  const chain = createChain({ now: clock.now, log, mayRun: () => true, record: () => {} })
  const deps = {
    async load() {
      const config = { base: { a: 1 }, sessions: {} }
      const given = { powers: powersOf({}, {}), env: { TOKEN: 't' } }
      return { asked: null, packageDir: '/p', main: 'index.js', config, failClosed: [] as string[], ...given }
    },
    onRunning: async ({ byItself }: { byItself: boolean }) =>
      void told.push(byItself ? 'running again' : 'running'),
    onFailed: async (error: string, _crashes: readonly number[]) => void told.push(`failed: ${error}`),
  }
  const host = createPluginHost({
    pluginId: 'p',
    openGuest: guests.openGuest,
    chain,
    clock,
    log,
    load: () => deps.load(),
    onRunning: start => deps.onRunning(start),
    onFailed: (error, crashes) => deps.onFailed(error, crashes),
  })
  return { host, chain, told, deps }
}

const behave = (plugin: FakePlugin) => guests.behave('p', plugin)
const state = () => world.host.runtime().state
const fireHook = () =>
  world.chain.run('message:received', { id: 'm', chatId: 'c' } as never, {
    sessionId: null,
    source: 'Engine',
  })

describe('start', () => {
  it('opens, loads and runs the phases in order', async () => {
    let loaded: unknown
    behave({
      load: params => {
        loaded = params
      },
    })
    await world.host.start()
    expect(guests.last().calls).toEqual(['load', 'lifecycle:onLoad', 'lifecycle:onEnable'])
    expect(loaded).toEqual({
      pluginId: 'p',
      main: '/guest/index.js',
      config: { base: { a: 1 }, sessions: {} },
      env: { TOKEN: 't' },
      modules: [...defaultModules],
    })
    expect(world.told).toEqual(['running'])
    expect(world.host.runtime()).toMatchObject({ state: 'running', reason: null, restarts: 0 })
  })

  const failing: [string, FakePlugin, RegExp][] = [
    [
      'loading throws',
      {
        load: () => {
          throw new Error('no module')
        },
      },
      /no module/,
    ],
    [
      'onLoad throws',
      {
        'lifecycle:onLoad': () => {
          throw new Error('bad config')
        },
      },
      /bad config/,
    ],
    [
      'onEnable rejects',
      {
        'lifecycle:onEnable': async () => {
          throw new Error('no token')
        },
      },
      /no token/,
    ],
    [
      'the guest dies in onEnable',
      {
        'lifecycle:onEnable': () => {
          guests.last().crash('exit 7')
          return never()
        },
      },
      /exit 7/,
    ],
  ]
  it.each(failing)('leaves nothing of it when %s', async (_what, plugin, text) => {
    behave({
      ...plugin,
      'lifecycle:onLoad': params => {
        guests.last().subscribe('message:received')
        return plugin['lifecycle:onLoad']?.(params)
      },
    })
    await expect(world.host.start()).rejects.toThrow(text)
    expect(guests.last().isDisposed).toBe(true)
    expect(world.chain.order('message:received')).toEqual([])
    expect(world.told).toEqual([expect.stringMatching(/^failed: /)])
    expect(world.host.runtime()).toMatchObject({ state: 'failed', lastError: expect.stringMatching(text) })
    expect(clock.pending).toBe(0)
  })

  it('gives loading and onLoad thirty seconds together, and onEnable its own', async () => {
    behave({ load: () => clock.advance(PHASE_TIMEOUT_MS - 1_000), 'lifecycle:onLoad': never })
    const started = world.host.start()
    started.catch(() => {})
    await settle()
    clock.advance(1_000)
    await expect(started).rejects.toMatchObject({ code: 'plugin_timeout' })

    behave({
      load: () => clock.advance(1_000),
      'lifecycle:onEnable': () => clock.advance(PHASE_TIMEOUT_MS - 1),
    })
    await world.host.start()
    expect(state()).toBe('running')
  })

  it('is off again when its row cannot be written', async () => {
    world.deps.onRunning = async () => {
      throw new GatewayError('storage_unavailable', 'full')
    }
    await expect(world.host.start()).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(guests.last().isDisposed).toBe(true)
  })

  it('tells nothing of a fault of our own', async () => {
    world.deps.load = async () => {
      throw new Error('/secret/path')
    }
    await expect(world.host.start()).rejects.toThrow('Internal server error')
    expect(world.told.join()).not.toContain('secret')
  })
})

describe('stop', () => {
  it('runs the phases that it is given, then ends the guest and its hooks', async () => {
    await world.host.start()
    guests.last().subscribe('message:received')
    await world.host.stop(['onDisable', 'onUnload'])
    expect(guests.last().calls.slice(3)).toEqual(['lifecycle:onDisable', 'lifecycle:onUnload'])
    expect(guests.last().isDisposed).toBe(true)
    expect(world.chain.order('message:received')).toEqual([])
    expect(state()).toBe('stopped')
    await settle()
    expect(world.told).toEqual(['running'])
  })

  it('goes on when onDisable throws or hangs, and remembers it', async () => {
    behave({
      'lifecycle:onDisable': () => {
        throw new Error('no flush')
      },
    })
    await world.host.start()
    await world.host.stop(['onDisable'])
    expect(world.host.runtime()).toMatchObject({ state: 'stopped', lastError: 'onDisable: no flush' })

    behave({ 'lifecycle:onDisable': never })
    await world.host.start()
    const stopped = world.host.stop(['onDisable'])
    await settle()
    clock.advance(PHASE_TIMEOUT_MS)
    await stopped
    expect(guests.last().isDisposed).toBe(true)
  })

  it('waits no longer for a guest that answers nothing at all', async () => {
    behave({ 'lifecycle:onDisable': never, ping: never })
    await world.host.start()
    const stopped = world.host.stop(['onDisable', 'onUnload'])
    await settle()
    clock.advance(PING_TIMEOUT_MS)
    await settle()
    clock.advance(PING_TIMEOUT_MS)
    await stopped
    expect(guests.last().isDisposed).toBe(true)
    expect(world.host.runtime()).toMatchObject({ state: 'stopped' })
  })

  it('can be started again', async () => {
    await world.host.start()
    await world.host.stop(['onDisable'])
    await world.host.start()
    expect(state()).toBe('running')
    expect(guests.opened).toHaveLength(2)
  })
})

describe('a guard', () => {
  const post = async () => {
    const payload = { sessionId: 's', event: 'message.received', payload: {} }
    return (await world.chain.run('webhook:before', payload, { sessionId: 's', source: 'WebhookService' }))
      .continue
  }
  beforeEach(async () => {
    const { load } = world.deps
    world.deps.load = async () => ({ ...(await load()), failClosed: ['webhook:before'] })
    await world.host.start()
    guests.last().subscribe('webhook:before')
  })

  it('refuses what it guards from its crash until it runs again', async () => {
    expect(await post()).toBe(true)
    guests.last().crash('exit code 7')
    await settle()
    expect(await post()).toBe(false)
    expect(world.host.isBlocking()).toBe(true)
    clock.advance(1_000)
    await settle()
    expect(state()).toBe('running')
    expect(world.host.isBlocking()).toBe(false)
    expect(await post()).toBe(true)
  })

  it('refuses nothing once the operator has stopped it', async () => {
    guests.last().crash('exit code 7')
    await settle()
    await world.host.stop([])
    expect(await post()).toBe(true)
    world.host.block(['webhook:before'])
    expect(await post()).toBe(false)
    await world.host.kill()
    expect(await post()).toBe(true)
  })
})

describe('a crash', () => {
  async function crash() {
    guests.last().crash('exit code 7')
    await settle()
  }

  it('drops its hooks, waits and starts again', async () => {
    await world.host.start()
    guests.last().subscribe('message:received')
    await crash()
    expect(world.chain.order('message:received')).toEqual([])
    expect(world.told).toEqual(['running', 'failed: Crashed: exit code 7'])
    expect(world.host.runtime()).toMatchObject({ state: 'backing off', lastError: 'exit code 7' })
    clock.advance(999)
    await settle()
    expect(guests.opened).toHaveLength(1)
    clock.advance(1)
    await settle()
    expect(guests.opened).toHaveLength(2)
    expect(world.told.at(-1)).toBe('running again')
    expect(world.host.runtime()).toMatchObject({ state: 'running', restarts: 1, lastError: null })
  })

  it('doubles the wait, and switches off at the fifth in ten minutes', async () => {
    await world.host.start()
    const waits: number[] = []
    while (true) {
      await crash()
      if (state() !== 'backing off') break
      let waited = 0
      while (state() === 'backing off') {
        clock.advance(500)
        waited += 500
        await settle()
      }
      waits.push(waited)
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000])
    expect(world.host.runtime()).toMatchObject({
      state: 'failed',
      reason: 'switched off after 5 crashes in 10 minutes',
    })
    expect(world.told.at(-1)).toContain('switched off after 5 crashes in 10 minutes')
    expect(clock.pending).toBe(0)

    // Whoever enables it again gives it one more chance, and not another five.
    await world.host.start()
    await crash()
    expect(state()).toBe('failed')
    clock.advance(CRASH_WINDOW_MS)
    await world.host.start()
    await crash()
    expect(state()).toBe('backing off')
  })

  it('counts a start that fails as a crash', async () => {
    await world.host.start()
    guests.refuse(new GatewayError('plugin_crashed', 'cannot be started'))
    await crash()
    clock.advance(1_000)
    await settle()
    expect(world.host.runtime()).toMatchObject({ state: 'backing off', lastError: 'cannot be started' })
    guests.refuse(null)
    clock.advance(2_000)
    await settle()
    expect(state()).toBe('running')
  })

  it('is forgotten when the operator stops the plugin', async () => {
    await world.host.start()
    await crash()
    await world.host.stop(['onDisable'])
    clock.advance(60_000)
    await settle()
    expect(guests.opened).toHaveLength(1)
    expect(state()).toBe('stopped')
    expect(clock.pending).toBe(0)
  })

  it('leaves the plugin restartable when the row cannot be written', async () => {
    await world.host.start()
    world.deps.onFailed = async () => {
      throw new GatewayError('storage_unavailable', 'full')
    }
    await crash()
    clock.advance(1_000)
    await settle()
    expect(state()).toBe('running')
  })
})

describe('hooks', () => {
  it('calls the guest with the event, at its priority', async () => {
    let params: unknown
    behave({
      hook: given => {
        params = given
      },
    })
    await world.host.start()
    guests.last().subscribe('message:received', 7)
    expect(world.chain.order('message:received')).toEqual([{ pluginId: 'p', priority: 7 }])
    await fireHook()
    expect(params).toEqual({
      event: 'message:received',
      data: { id: 'm', chatId: 'c' },
      sessionId: null,
      source: 'Engine',
      timestamp: clock.now(),
      inFlight: ['message:received'],
    })
  })

  it('says once that a hook is none, and takes only so many', async () => {
    await world.host.start()
    guests.last().subscribe('no:such\u001b[2J')
    for (let count = 0; count < 70; count += 1) guests.last().subscribe('message:received')
    expect(world.chain.order('message:received')).toHaveLength(64)
    expect(lines.join()).toContain('which is no hook')
    expect(lines.join()).not.toContain('\u001b')
  })

  it('hears nothing of a guest that it let go of', async () => {
    await world.host.start()
    const [old] = guests.opened
    await world.host.stop([])
    old?.subscribe('message:received')
    expect(world.chain.order('message:received')).toEqual([])
  })

  it('pings a guest whose hook is late, and leaves it when it answers', async () => {
    behave({ hook: never })
    await world.host.start()
    guests.last().subscribe('message:received')
    const done = fireHook()
    await settle()
    clock.advance(5_000)
    await done
    await settle()
    expect(guests.last().calls.at(-1)).toBe('ping')
    expect(state()).toBe('running')
  })

  it('ends a guest that does not answer the ping either', async () => {
    behave({ hook: never, ping: never })
    await world.host.start()
    guests.last().subscribe('message:received')
    const done = fireHook()
    await settle()
    clock.advance(5_000)
    await done
    await settle()
    clock.advance(PING_TIMEOUT_MS)
    await settle()
    expect(guests.opened[0]?.isDisposed).toBe(true)
    expect(world.host.runtime()).toMatchObject({
      state: 'backing off',
      lastError: expect.stringContaining('did not answer a ping'),
    })
  })
})

describe('kill', () => {
  it('ends a start that hangs', async () => {
    behave({ 'lifecycle:onEnable': never })
    const started = world.host.start()
    started.catch(() => {})
    await settle()
    await world.host.kill()
    await expect(started).rejects.toMatchObject({ code: 'plugin_stopped' })
    expect(guests.last().isDisposed).toBe(true)
    expect(world.told).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('ends a start whose row is just being written', async () => {
    world.deps.onRunning = async () => void (await world.host.kill())
    await expect(world.host.start()).rejects.toMatchObject({ code: 'plugin_stopped' })
    expect(guests.last().isDisposed).toBe(true)
    expect(state()).toBe('stopped')
  })

  it('calls off a restart', async () => {
    await world.host.start()
    guests.last().crash('x')
    await settle()
    await world.host.kill()
    clock.advance(60_000)
    await settle()
    expect(guests.opened).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })
})

describe('log lines', () => {
  const written = () => lines.map(line => JSON.parse(line) as Record<string, unknown>)

  it('carry the plugin’s name, its level, and nothing that could end a line or move a cursor', async () => {
    await world.host.start()
    guests.last().log('warn', 'two\nlines \u001b[31m \u202e end', { level: 50, plugin: 'other' })
    guests.last().print('printed\r')
    const [logged, printed] = written().slice(-2)
    expect(logged).toMatchObject({ level: 40, plugin: 'p', msg: 'two\\u000alines \\u001b[31m \\u202e end' })
    expect(logged?.meta).toBe('{"level":50,"plugin":"other"}')
    expect(printed).toMatchObject({ plugin: 'p', msg: 'printed\\u000d', printed: true })
  })

  it('are cut, and dropped beyond a budget', async () => {
    await world.host.start()
    const before = lines.length
    guests.last().log('info', 'x'.repeat(100_000), { big: 'y'.repeat(100_000) })
    expect(lines.at(-1)!.length).toBeLessThan(12_000)
    for (let count = 0; count < 1_000; count += 1) guests.last().log('info', 'flood')
    expect(lines.length - before).toBe(200)
    clock.advance(10_000)
    guests.last().log('info', 'later')
    expect(written().at(-1)).toMatchObject({ msg: 'later', droppedLines: 801 })
  })
})
