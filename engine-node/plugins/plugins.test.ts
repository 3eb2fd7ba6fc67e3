import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { PluginId, SessionId } from '../../src/contract/ids.ts'
import { findPlugin, getPlugin, listPlugins } from '../../src/db/plugins.ts'
import { SHUTDOWN_BUDGET_MS } from './lives.ts'
import { base64, never, openPlugins, packageOf, until } from './plugins.fixtures.ts'
import { CRASH_WINDOW_MS } from './restart-policy.ts'

const configSchema = {
  type: 'object',
  properties: {
    greeting: { type: 'string', default: 'hello' },
    token: { type: 'string', secret: true },
    deep: {
      type: 'object',
      properties: { key: { type: 'string', secret: true }, n: { type: 'number', max: 9 } },
    },
  },
}

let world: Awaited<ReturnType<typeof openPlugins>>
let run: ReturnType<typeof world.start>
beforeEach(async () => {
  world = await openPlugins()
  run = world.start()
})
afterEach(async () => {
  await run.plugins[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const pluginId = 'p' as PluginId
const other = 'other' as PluginId
const session = '6b1f4f3a-5a52-4a0a-9d8b-0a8c0a1b2c3d' as SessionId
const install = (manifest: Record<string, unknown> = {}) =>
  run['plugin.install']({ archive: base64(packageOf({ id: 'p', configSchema, ...manifest })) })
const enable = (id = pluginId) => run['plugin.enable']({ pluginId: id })
const row = async () => (await findPlugin(world.db, 'p'))!
const stored = async () => world.seal.open(await row())
const calls = () => world.guests.last()?.calls ?? []
const called = (call: string) => until(() => calls().at(-1) === call)
const runtime = async () =>
  ((await run['plugin.health']({ pluginId })) as unknown as { runtime: { state: string } }).runtime.state

/** What a restart of the gateway does, be the end before it tidy or not. */
async function restart(options: { tidy: boolean }) {
  if (options.tidy) await run.plugins[Symbol.asyncDispose]()
  run = world.start()
  await run.plugins.restore()
}

describe('install', () => {
  it('answers with the plugin, which does not run', async () => {
    expect(await install()).toMatchObject({ id: 'p', status: 'installed', config: { greeting: 'hello' } })
    expect(world.guests.opened).toEqual([])
  })

  it('comes from a URL just as well', async () => {
    world.downloads.set('https://x.example/p.zip', packageOf({ id: 'p' }))
    expect(await run['plugin.installUrl']({ url: 'https://x.example/p.zip' })).toMatchObject({ id: 'p' })
  })

  it('takes the same archive once, however often it comes at once', async () => {
    const outcomes = await Promise.allSettled([install(), install(), install()])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'plugin_exists' })
    expect(world.onDisk()).toHaveLength(1)
  })

  it('repairs a plugin whose code is gone, and starts it again if it was on', async () => {
    await install()
    await enable()
    await run['plugin.configure']({ pluginId, config: { token: 't' } })
    rmSync(join(world.pluginsDir, world.onDisk()[0]!), { recursive: true })
    expect(await install({ version: '1.1.0' })).toMatchObject({ status: 'enabled', version: '1.1.0' })
    expect((await stored()).base).toEqual({ greeting: 'hello', token: 't' })
  })

  it('repairs it with a version that asks for more, and waits for the operator to allow that', async () => {
    await install({ permissions: ['storage:use'] })
    await enable()
    rmSync(join(world.pluginsDir, world.onDisk()[0]!), { recursive: true })
    const more = { version: '9.0.0', permissions: ['storage:use', 'messages:send'] }
    expect(await install(more)).toMatchObject({ status: 'disabled', version: '9.0.0' })
    expect(await row()).toMatchObject({
      enabledByOperator: false,
      error: expect.stringContaining('the permission messages:send'),
    })
    expect(run.plugins.brokerPlugin('p')).toBeUndefined()
    expect(await enable()).toMatchObject({ success: true })
  })
})

describe('enable and disable', () => {
  it('answers as OpenWA does, and writes down what the operator wants', async () => {
    await install()
    expect(await enable()).toEqual({ success: true, message: 'Plugin p enabled successfully' })
    expect(await row()).toMatchObject({ status: 'enabled', enabledByOperator: true, error: null })
    expect((await getPlugin(world.db, 'p'))?.enabledAt).toBe(new Date(world.clock.now()).toISOString())
    expect(await enable()).toMatchObject({ success: true })
    expect(world.guests.opened).toHaveLength(1)
    expect(await run['plugin.disable']({ pluginId })).toEqual({
      success: true,
      message: 'Plugin p disabled successfully',
    })
    expect(await row()).toMatchObject({ status: 'disabled', enabledByOperator: false })
    expect(world.guests.last().isDisposed).toBe(true)
    expect(await run['plugin.disable']({ pluginId })).toMatchObject({ success: true })
  })

  it('answers a failure in the body, and keeps it', async () => {
    await install()
    world.guests.behave('p', { 'lifecycle:onEnable': () => Promise.reject(new Error('no token given')) })
    expect(await enable()).toEqual({
      success: false,
      message: 'Plugin p could not be enabled: no token given',
    })
    expect(await row()).toMatchObject({ status: 'error', error: 'no token given', enabledByOperator: false })
  })

  it('refuses a second enable while the first is at it, and shares one disable', async () => {
    await install()
    const { promise, resolve } = Promise.withResolvers<void>()
    world.guests.behave('p', { 'lifecycle:onEnable': () => promise })
    const first = enable()
    await called('lifecycle:onEnable')
    expect(await enable()).toEqual({ success: false, message: 'Plugin p is already being enabled' })
    resolve()
    expect(await first).toMatchObject({ success: true })
    const both = await Promise.all([run['plugin.disable']({ pluginId }), run['plugin.disable']({ pluginId })])
    expect(both.map(({ success }) => success)).toEqual([true, true])
    expect(calls().filter(call => call === 'lifecycle:onDisable')).toHaveLength(1)
  })

  it('does not run a plugin that was changed on disk', async () => {
    await install()
    rmSync(join(world.pluginsDir, world.onDisk()[0]!, 'package/index.js'))
    expect(await enable()).toMatchObject({ success: false, message: expect.stringContaining('is damaged') })
    expect(world.guests.opened).toEqual([])
    expect(await row()).toMatchObject({ status: 'error' })
  })

  it('does not know what is not installed', async () => {
    for (const ask of [enable(), run['plugin.disable']({ pluginId }), run['plugin.health']({ pluginId })])
      await expect(ask).rejects.toMatchObject({ code: 'not_found', message: 'Plugin p not found' })
  })
})

describe('configure', () => {
  it('merges over what is stored, keeps masked secrets, and tells the plugin', async () => {
    await install()
    await enable()
    await run['plugin.configure']({
      pluginId,
      config: { token: 'canary-1', deep: { key: 'canary-2', n: 1 } },
    })
    await run['plugin.configure']({ pluginId, config: { token: '***', deep: { key: '', n: 2 } } })
    expect((await stored()).base).toEqual({
      greeting: 'hello',
      token: 'canary-1',
      deep: { key: 'canary-2', n: 2 },
    })
    expect((await getPlugin(world.db, 'p'))?.config).toEqual({
      greeting: 'hello',
      token: '***',
      deep: { key: '***', n: 2 },
    })
    expect(calls().slice(-2)).toEqual(['configure', 'configure'])
    const { configSealed, ...open } = await row()
    expect(JSON.stringify(open)).not.toContain('canary')
    expect(Buffer.from(configSealed).includes('canary')).toBe(false)
    expect(world.lines.join()).not.toContain('canary')
  })

  it('names every value that does not fit, and stores none', async () => {
    await install()
    await expect(
      run['plugin.configure']({ pluginId, config: { greeting: 1, deep: { n: 10 }, token: 'x' } }),
    ).rejects.toMatchObject({
      code: 'plugin_config_invalid',
      details: { issues: [{ path: 'greeting' }, { path: 'deep.n' }] },
    })
    expect((await stored()).base).toEqual({ greeting: 'hello' })
  })

  it('does not mind a plugin that throws at it, or is off', async () => {
    await install()
    expect(await run['plugin.configure']({ pluginId, config: { greeting: 'a' } })).toBeNull()
    await enable()
    world.guests.behave('p', { configure: () => Promise.reject(new Error('no')) })
    expect(await run['plugin.configure']({ pluginId, config: { greeting: 'b' } })).toBeNull()
    await until(() => world.lines.some(line => line.includes('A change of configuration failed')))
    expect((await row()).status).toBe('enabled')
  })

  it('loses nothing when many write at once', async () => {
    await install({ configSchema: undefined })
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        run['plugin.configure']({ pluginId, config: { [`k${index}`]: index } }),
      ),
    )
    expect(Object.keys((await stored()).base)).toHaveLength(20)
  })

  it('refuses more than a guest should be sent', async () => {
    await install({ configSchema: undefined })
    await expect(
      run['plugin.configure']({ pluginId, config: { big: 'x'.repeat(300_000) } }),
    ).rejects.toMatchObject({ code: 'plugin_config_invalid' })
  })

  it('keeps a slice per session, replaces it, and clears it', async () => {
    await install()
    const slice = (config: Record<string, unknown>) =>
      run['plugin.configureSession']({ pluginId, sessionId: session, config })
    await slice({ token: 's3', greeting: 'hi' })
    await slice({ token: '***' })
    expect((await stored()).sessions).toEqual({ [session]: { token: 's3' } })
    expect((await getPlugin(world.db, 'p'))?.sessionConfig).toEqual({ [session]: { token: '***' } })
    await slice({})
    expect((await stored()).sessions).toEqual({})
    expect((await getPlugin(world.db, 'p'))?.sessionConfig).toBeUndefined()
  })

  it('has no sessions to set for a global plugin', async () => {
    await install({ sessionScoped: false })
    await expect(
      run['plugin.configureSession']({ pluginId, sessionId: session, config: {} }),
    ).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(run['plugin.setSessions']({ pluginId, sessions: ['*'] })).rejects.toMatchObject({
      code: 'invalid_input',
    })
  })
})

describe('who may act where', () => {
  it('follows the manifest, the operator and what runs', async () => {
    await install({ sessions: ['a', 'b'], permissions: ['messages:send'] })
    expect(run.plugins.mayRun('p', 'a')).toBe(false)
    expect(run.plugins.brokerPlugin('p')).toBeUndefined()
    await enable()
    expect(run.plugins.brokerPlugin('p')).toEqual({
      id: 'p',
      permissions: ['messages:send'],
      sessions: ['a', 'b'],
      sessionScoped: true,
      activeSessions: ['*'],
    })
    expect(['a', 'b', 'c', null].map(id => run.plugins.mayRun('p', id))).toEqual([true, true, false, true])
    expect(await run['plugin.setSessions']({ pluginId, sessions: ['b', 'c', 'b'] })).toMatchObject({
      activeSessions: ['b', 'c'],
    })
    expect(['a', 'b', 'c', null].map(id => run.plugins.mayRun('p', id))).toEqual([false, true, false, true])
    await run['plugin.setSessions']({ pluginId, sessions: [] })
    expect(run.plugins.mayRun('p', 'b')).toBe(false)
    await run['plugin.disable']({ pluginId })
    expect(run.plugins.mayRun('p', null)).toBe(false)
  })

  it('lets a plugin act while it is enabled and disabled, but sends it no events', async () => {
    await install()
    const seen: unknown[] = []
    const look = () => void seen.push(run.plugins.brokerPlugin('p')?.id, run.plugins.mayRun('p', null))
    world.guests.behave('p', { 'lifecycle:onEnable': look, 'lifecycle:onDisable': look })
    await enable()
    await run['plugin.disable']({ pluginId })
    expect(seen).toEqual(['p', false, 'p', false])
  })
})

describe('health', () => {
  it('is the plugin’s own word where it runs', async () => {
    await install()
    await enable()
    world.guests.behave('p', { health: () => ({ healthy: true, message: 'all good\n' }) })
    expect(await run['plugin.health']({ pluginId })).toMatchObject({
      healthy: true,
      message: 'all good\\u000a',
      tier: 'process',
      missingPromises: ['no namespaces here'],
      runtime: { state: 'running', restarts: 0 },
      usage: { memoryBytes: 1_000 },
    })
  })

  it('says why a plugin does not run', async () => {
    await install()
    expect(await run['plugin.health']({ pluginId })).toMatchObject({
      healthy: false,
      message: 'The plugin is not running (status installed)',
      runtime: { state: 'stopped' },
    })
    world.guests.behave('p', { load: () => Promise.reject(new Error('broken')) })
    await enable()
    expect(await run['plugin.health']({ pluginId })).toMatchObject({ healthy: false, message: 'broken' })
  })

  it('does not wait for a plugin for long, and takes no nonsense', async () => {
    await install()
    await enable()
    world.guests.behave('p', { health: never })
    const asked = run['plugin.health']({ pluginId })
    await called('health')
    world.clock.advance(5_000)
    expect(await asked).toMatchObject({ healthy: false, message: expect.stringContaining('not answered') })
    world.guests.behave('p', { health: () => 'fine' })
    expect(await run['plugin.health']({ pluginId })).toMatchObject({ healthy: false })
  })

  it('ends with the last hook that failed', async () => {
    await install()
    world.guests.behave('p', {
      hook: () => Promise.reject(new Error('bad regex')),
      health: () => ({ healthy: true }),
    })
    await enable()
    world.guests.last().subscribe('message:received')
    await run.chain.run('message:received', { id: 'm', chatId: 'c' } as never, {
      sessionId: null,
      source: 'Engine',
    })
    expect(await run['plugin.health']({ pluginId })).toMatchObject({
      healthy: true,
      message: expect.stringMatching(/^Last hook error: message:received at 20.*: bad regex$/),
    })
  })
})

describe('uninstall', () => {
  it('runs both phases, then nothing of it is left', async () => {
    await install()
    await enable()
    expect(await run['plugin.uninstall']({ pluginId })).toBeNull()
    expect(calls().slice(-2)).toEqual(['lifecycle:onDisable', 'lifecycle:onUnload'])
    expect(world.guests.last().isDisposed).toBe(true)
    expect(await listPlugins(world.db)).toEqual([])
    expect(world.onDisk()).toEqual([])
    await install()
    expect((await stored()).base).toEqual({ greeting: 'hello' })
  })
})

describe('restart of the gateway', () => {
  it('starts what was on, in order, and keeps the wish over a shutdown', async () => {
    for (const id of ['c', 'a', 'b']) {
      await install({ id })
      if (id !== 'b') await enable(id as PluginId)
    }
    await restart({ tidy: true })
    expect(world.guests.opened.slice(2).map(guest => guest.pluginId)).toEqual(['a', 'c'])
    expect(world.guests.opened.slice(0, 2).every(guest => guest.isDisposed)).toBe(true)
    await restart({ tidy: false })
    expect(world.guests.opened.slice(4).map(guest => guest.pluginId)).toEqual(['a', 'c'])
  })

  it('starts the others when one fails or is damaged', async () => {
    for (const id of ['a', 'b', 'c']) {
      await install({ id })
      await enable(id as PluginId)
    }
    rmSync(join(world.pluginsDir, world.onDisk().find(name => name.startsWith('a@'))!), { recursive: true })
    world.guests.behave('b', { 'lifecycle:onLoad': () => Promise.reject(new Error('not today')) })
    await restart({ tidy: true })
    const views = await listPlugins(world.db)
    expect(views.map(({ status }) => status)).toEqual(['error', 'error', 'enabled'])
    expect(views.map(({ error }) => error ?? '')).toEqual([
      expect.stringContaining('is damaged'),
      'not today',
      '',
    ])
    // The wish outlives the error: the next start tries again.
    world.guests.behave('b', {})
    await restart({ tidy: true })
    expect((await getPlugin(world.db, 'b'))?.status).toBe('enabled')
  })

  it('starts nothing that crashed too often in the life before until that is a while ago', async () => {
    await install()
    await enable()
    for (let count = 0; count < 5; count += 1) {
      world.guests.last().crash('x')
      await until(async () => /backing off|failed/.test(await runtime()))
      world.clock.advance(8_000)
      await until(async () => /running|failed/.test(await runtime()))
    }
    await until(async () => (await row()).error?.includes('switched off') === true)
    expect(await row()).toMatchObject({ status: 'error', enabledByOperator: true })
    expect(await run['plugin.health']({ pluginId })).toMatchObject({ runtime: { state: 'failed' } })
    await restart({ tidy: false })
    expect(await runtime()).toBe('failed')
    world.clock.advance(CRASH_WINDOW_MS)
    await restart({ tidy: false })
    expect((await row()).status).toBe('enabled')
  })
})

describe('the end', () => {
  it('asks all plugins to finish, and waits ten seconds in all', async () => {
    await install()
    await install({ id: 'other' })
    await enable()
    await enable(other)
    world.guests.behave('p', { 'lifecycle:onDisable': never })
    const ended = run.plugins[Symbol.asyncDispose]()
    await until(() => world.guests.opened.every(guest => guest.calls.at(-1) === 'lifecycle:onDisable'))
    world.clock.advance(SHUTDOWN_BUDGET_MS)
    await ended
    expect(world.guests.opened.every(guest => guest.isDisposed)).toBe(true)
    expect(await row()).toMatchObject({ status: 'enabled', enabledByOperator: true })
    expect(world.clock.pending).toBe(0)
    expect(await enable()).toMatchObject({ success: false })
  })

  it('does not wait for a plugin that is still being enabled', async () => {
    await install()
    world.guests.behave('p', { 'lifecycle:onEnable': never })
    const enabling = enable()
    await called('lifecycle:onEnable')
    const ended = run.plugins[Symbol.asyncDispose]()
    world.clock.advance(SHUTDOWN_BUDGET_MS)
    await ended
    expect(await enabling).toMatchObject({ success: false })
    expect(await row()).toMatchObject({ status: 'installed', error: null })
  })
})

it('does not take a full disk for a fault of the plugin', async () => {
  await install()
  Object.assign(world.writer, {
    commit: () => Promise.reject(new GatewayError('storage_unavailable', 'full')),
  })
  await expect(enable()).rejects.toMatchObject({ code: 'storage_unavailable' })
  expect(world.guests.last().isDisposed).toBe(true)
  expect(existsSync(world.pluginsDir)).toBe(true)
})
