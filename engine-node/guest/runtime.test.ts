import { describe, expect, it, vi } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Plugin, PluginContext } from '../../src/contract/plugin.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLinkedPair } from '../rpc/memory-channel.ts'
import { createPeer } from '../rpc/peer.ts'
import { contractFacts } from './contract-facts.ts'
import { createRuntime } from './runtime.ts'
import { createScopeStorage } from './scope.ts'

const wait = { timeoutMs: 1_000 }
const base = {
  base: { word: 'base', deep: { a: 1, b: 1 } },
  sessions: { s1: { word: 'slice', deep: { b: 2 } } },
}

/** A runtime with a plugin made of the given functions, loaded but not enabled, and the host's peer to it. */
async function start(plugin: Plugin, capability: (params: unknown) => unknown = () => null) {
  const [near, far] = createLinkedPair()
  const clock = createFakeClock()
  const events: unknown[] = []
  createRuntime({
    channel: far,
    clock,
    scopes: createScopeStorage(),
    load: async () => plugin as Record<string, unknown>,
    facts: { ...contractFacts, callTimeoutMs: 1_000 },
  })
  const peer = createPeer({
    channel: near,
    remote: 'guest',
    methods: new Map([['capability', capability]]),
    events: new Map(
      ['subscribe', 'log', 'registerWebhook'].map(name => [name, event => void events.push([name, event])]),
    ),
    clock,
  })
  const call = (method: string, params: unknown) => peer.call(method, params, wait)
  await call('load', { pluginId: 'bot', main: '/plugin/index.js', config: base })
  const phase = (name: string) => call('lifecycle', { phase: name })
  const hook = (data: unknown = {}, sessionId: string | null = 's1', inFlight = ['message:received']) =>
    call('hook', { event: 'message:received', data, sessionId, source: 'Engine', timestamp: 5_000, inFlight })
  return { call, phase, hook, events, peer }
}

/** A plugin whose one hook is the given function, which also gets the context. */
const hooking = (handle: (ctx: PluginContext, event: never) => unknown): Plugin => ({
  onLoad: ctx => ctx.registerHook('message:received', event => handle(ctx, event as never) as never),
})

describe('the life of a plugin', () => {
  it('goes through its phases with one and the same context', async () => {
    const seen: unknown[] = []
    const note = (name: string) => (ctx: unknown) => void seen.push([name, ctx])
    const { phase } = await start({
      onLoad: note('load'),
      onEnable: note('enable'),
      onDisable: note('disable'),
      onUnload: note('unload'),
    })
    for (const name of ['onLoad', 'onEnable', 'onDisable', 'onUnload']) expect(await phase(name)).toBeNull()
    expect(seen.map(entry => (entry as unknown[])[0])).toEqual(['load', 'enable', 'disable', 'unload'])
    expect(new Set(seen.map(entry => (entry as unknown[])[1])).size).toBe(1)
  })

  it('needs none of them', async () => {
    const { phase, hook, call } = await start({})
    for (const name of ['onLoad', 'onEnable']) expect(await phase(name)).toBeNull()
    expect(await hook()).toBeNull()
    expect(await call('ping', {})).toBeNull()
    expect(await call('health', {})).toEqual({
      healthy: true,
      message: 'Plugin does not implement health check',
    })
  })

  it('tells what a phase threw', async () => {
    const { phase, call } = await start({
      onEnable: () => Promise.reject(new Error('no key is set')),
      healthCheck: () => ({ healthy: false, message: 'down' }),
    })
    await expect(phase('onEnable')).rejects.toMatchObject({ code: 'plugin_failed', message: 'no key is set' })
    expect(await call('health', {})).toEqual({ healthy: false, message: 'down' })
  })

  it('hears of a new configuration once it is enabled; what it throws then is only logged', async () => {
    const changed = vi.fn(() => Promise.reject(new Error('bad word')))
    const { call, phase, events } = await start({ onConfigChange: changed })
    await call('configure', { config: base })
    expect(changed).not.toHaveBeenCalled()
    await phase('onEnable')
    expect(await call('configure', { config: { base: { word: 'new' }, sessions: {} } })).toBeNull()
    expect(changed).toHaveBeenCalledWith(expect.objectContaining({ config: { word: 'new' } }), {
      word: 'new',
    })
    await call('ping', {})
    expect(events).toMatchObject([['log', { level: 'error', message: expect.stringContaining('bad word') }]])
  })
})

describe('the context', () => {
  it('gives hooks what the contract says', async () => {
    const seen = vi.fn()
    const { phase, hook, events } = await start(hooking((_, event) => seen(event)))
    await phase('onLoad')
    expect(events).toEqual([['subscribe', { event: 'message:received', priority: 100 }]])
    await hook({ id: 1 })
    expect(seen).toHaveBeenCalledWith({
      event: 'message:received',
      data: { id: 1 },
      sessionId: 's1',
      timestamp: new Date(5_000),
      source: 'Engine',
    })
    await hook({}, null)
    expect(seen.mock.lastCall?.[0]).not.toHaveProperty('sessionId')
  })

  it("resolves its configuration by the event's session while the hook runs, and by the base elsewhere", async () => {
    const seen: unknown[] = []
    let release = () => {}
    const later = new Promise<void>(resolve => {
      release = resolve
    })
    const detached = Promise.withResolvers<void>()
    const { phase, hook } = await start({
      ...hooking(async ctx => {
        seen.push(ctx.config)
        await null
        seen.push(ctx.config.word)
        void later.then(() => {
          seen.push(ctx.config.word)
          detached.resolve()
        })
      }),
      onEnable: ctx => void seen.push(ctx.config.word),
    })
    await phase('onLoad')
    await phase('onEnable')
    await hook()
    release()
    await detached.promise
    expect(seen).toEqual(['base', { word: 'slice', deep: { a: 1, b: 2 } }, 'slice', 'base'])
  })

  it('has a method for every verb of the table, which survives being bound or taken off', async () => {
    const capability = vi.fn(() => ['k'])
    let context: PluginContext | undefined
    const { phase } = await start(
      {
        onLoad: ctx => {
          context = ctx
        },
      },
      capability,
    )
    await phase('onLoad')
    const members = context as unknown as Record<string, Record<string, unknown>>
    for (const verb of contractFacts.verbs) {
      const [member = '', method = ''] = verb.split('.')
      expect(members[member]?.[method]).toBeTypeOf('function')
    }
    const { list } = context!.storage
    expect(await list('a')).toEqual(['k'])
    expect(await context!.storage.get.bind(null)('k')).toEqual(['k'])
    expect(capability.mock.calls.map(([params]: unknown[]) => params)).toEqual([
      { verb: 'storage.list', args: ['a'], inFlight: [] },
      { verb: 'storage.get', args: ['k'], inFlight: [] },
    ])
  })

  it('tells with every call which hooks it came from, also long after they returned', async () => {
    const calls: unknown[] = []
    const detached = Promise.withResolvers<void>()
    const { phase, hook } = await start(
      {
        ...hooking(async ctx => {
          await ctx.storage.get('inside')
          setTimeout(() => void ctx.storage.get('timer').then(() => detached.resolve()), 0)
        }),
        onEnable: async ctx => void (await ctx.storage.get('enable')),
        onDisable: async ctx => void (await ctx.storage.set('disable', undefined)),
      },
      params => void calls.push(params),
    )
    for (const name of ['onLoad', 'onEnable']) await phase(name)
    await hook({}, 's1', ['message:sending', 'message:received'])
    await detached.promise
    await phase('onDisable')
    const inFlight = ['message:sending', 'message:received']
    expect(calls).toEqual([
      { verb: 'storage.get', args: ['enable'], inFlight: [] },
      { verb: 'storage.get', args: ['inside'], inFlight },
      { verb: 'storage.get', args: ['timer'], inFlight },
      { verb: 'storage.set', args: ['disable', null], inFlight: [] },
    ])
  })

  it('turns refusals into plain errors with the text of the host', async () => {
    let caught: unknown
    const { phase } = await start(
      {
        onEnable: async ctx => {
          await ctx.storage.get('k').catch(error => {
            caught = error
          })
        },
      },
      () => {
        throw new GatewayError('capability_denied', 'Plugin bot is not activated for session s1')
      },
    )
    await phase('onEnable')
    const message = 'Plugin bot is not activated for session s1'
    expect(caught).toMatchObject({ code: 'capability_denied', message })
    expect((caught as Error).constructor).toBe(Error)
  })
})

describe('webhooks from outside', () => {
  const request = { instanceId: 'i1', method: 'POST', body: '{}', deliveryId: 'd' }

  it('reach the handler of their route, with the configuration of their instance', async () => {
    const seen: unknown[] = []
    const { phase, call, events } = await start({
      onEnable(context) {
        const ctx = context as PluginContext & { registerWebhook(route: string, handler: unknown): void }
        ctx.registerWebhook('in', async (got: unknown) => void seen.push([got, ctx.config]))
        ctx.registerWebhook('bad', () => Promise.reject(new Error('not now')))
      },
    })
    await phase('onEnable')
    expect(events).toEqual([
      ['registerWebhook', { route: 'in' }],
      ['registerWebhook', { route: 'bad' }],
    ])
    const config = { word: 'instance' }
    expect(await call('webhook', { route: 'in', request, config })).toBeNull()
    expect(seen).toEqual([[request, config]])
    for (const [route, message] of [
      ['bad', 'not now'],
      ['constructor', 'No handler for the route constructor'],
    ])
      await expect(call('webhook', { route, request, config })).rejects.toMatchObject({
        code: 'plugin_failed',
        message,
      })
  })
})
