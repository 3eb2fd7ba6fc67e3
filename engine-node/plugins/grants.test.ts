import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Grants, linesOf } from '../../src/contract/grants.ts'
import type { PluginId } from '../../src/contract/ids.ts'
import { defaultModules } from '../../src/contract/plugin-modules.ts'
import { listAudit } from '../../src/db/audit.ts'
import { findPlugin, getPlugin } from '../../src/db/plugins.ts'
import { base64, openPlugins, packageOf, until } from './plugins.fixtures.ts'

const pluginId = 'p' as PluginId
let world: Awaited<ReturnType<typeof openPlugins>>
let run: ReturnType<(typeof world)['start']>
let loaded: Record<string, unknown>

beforeEach(async () => {
  world = await openPlugins()
  run = world.start()
  world.guests.behave(pluginId, {
    load: params => {
      loaded = params as Record<string, unknown>
    },
  })
  mkdirSync(join(world.root, 'shared/inbox'), { recursive: true })
})
afterEach(async () => {
  await run.plugins[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const install = (manifest: object) =>
  run['plugin.install']({ archive: base64(packageOf({ id: 'p', ...manifest })) })
const enable = (grants?: Grants) => run['plugin.enable']({ pluginId, ...(grants && { grants }) })
const path = (name: string) => join(world.root, name)

/** Everything that can be asked for. */
const asking = () => ({
  limits: { memoryMb: 128, cpuMs: 7_000 },
  env: ['SHOP_TOKEN', 'NOT_SET'],
  filesystem: { read: [path('shared/inbox')], write: [path('shared')] },
  modules: ['node:os', 'path', 'fs/promises'],
})

describe('asks beyond permissions', () => {
  it('keep the plugin off until they are confirmed, and say what is waited for', async () => {
    await install(asking())
    expect(await enable()).toMatchObject({
      success: false,
      message: expect.stringContaining('Waits for the operator to confirm: limits.memoryMb 128'),
    })
    const view = await getPlugin(world.db, 'p')
    expect(view).toMatchObject({ status: 'error', grants: {} })
    expect(view?.waitsFor).toEqual(linesOf(view?.asks ?? {}))
    expect(world.guests.opened).toHaveLength(0)
    const { env: _env, ...part } = view?.asks ?? {}
    expect(await enable(part)).toMatchObject({
      message: expect.stringContaining('env SHOP_TOKEN, env NOT_SET'),
    })
  })

  it('are the same when they are confirmed, stored and in force', async () => {
    world.env.SHOP_TOKEN = 'value'
    const { asks } = await install(asking())
    expect(await enable(asks)).toMatchObject({ success: true })
    const row = await findPlugin(world.db, 'p')
    expect(row?.grants).toEqual(asks)
    const { powers } = world.guests.last()
    expect(powers).toEqual({
      memoryMb: asks.limits?.memoryMb,
      cpuMs: asks.limits?.cpuMs,
      env: asks.env,
      filesystem: asks.filesystem,
      modules: [...defaultModules, ...(asks.modules ?? [])],
    })
    expect(loaded).toMatchObject({ env: { SHOP_TOKEN: 'value' }, modules: powers.modules })
    expect(await getPlugin(world.db, 'p')).toMatchObject({ asks, grants: asks, waitsFor: [] })
  })

  it('stay confirmed over being switched off, and are not needed for what is below the default', async () => {
    const { asks } = await install({
      limits: { memoryMb: 32, cpuMs: 100 },
      env: ['SHOP_TOKEN'],
      modules: ['zlib'],
    })
    expect(asks).toEqual({ env: ['SHOP_TOKEN'] })
    await enable(asks)
    await run['plugin.disable']({ pluginId })
    expect(await enable()).toMatchObject({ success: true })
    expect(world.guests.last().powers).toMatchObject({ memoryMb: 32, cpuMs: 100 })
  })

  it('of an OpenWA plugin are none', async () => {
    const { asks } = await install({ permissions: ['messages:send'], hooks: ['message:received'] })
    expect(asks).toEqual({})
    expect(await enable()).toMatchObject({ success: true })
    expect(world.guests.last().powers).toMatchObject({
      memoryMb: 64,
      cpuMs: 5_000,
      env: [],
      modules: defaultModules,
    })
  })

  it('may come as an object of permissions', async () => {
    const { asks, permissions } = await install({
      permissions: {
        memory: 256,
        cpu: 10_000,
        filesystem: { read: [path('shared/inbox')] },
        network: { '// reason': 'to ask', allowlist: ['api.example.com'], blocklist: ['evil.example.com'] },
        env: true,
        envVars: ['SHOP_TOKEN'],
        nativeModules: true,
        allowedModules: ['path', 'os'],
      },
    })
    expect(permissions).toEqual(['net:fetch'])
    expect(asks).toEqual({
      limits: { memoryMb: 256, cpuMs: 10_000 },
      env: ['SHOP_TOKEN'],
      filesystem: { read: [path('shared/inbox')] },
      modules: ['os'],
    })
    const row = await findPlugin(world.db, 'p')
    expect(row?.manifest.net).toMatchObject({ allow: ['api.example.com'], deny: ['evil.example.com'] })
  })
})

describe('a confirmation', () => {
  const refused: [string, object, (root: string) => Grants, RegExp][] = [
    ['of what was not asked for', { env: ['A'] }, () => ({ env: ['A', 'B'] }), /env B is not asked for/],
    [
      'of another amount',
      { limits: { memoryMb: 128 } },
      () => ({ limits: { memoryMb: 256 } }),
      /limits.memoryMb 256 is not asked for/,
    ],
    [
      "of one of the gateway's own settings",
      { env: ['API_MASTER_KEY'] },
      () => ({ env: ['API_MASTER_KEY'] }),
      /API_MASTER_KEY belongs to the gateway/,
    ],
    [
      'of a path outside of the roots',
      { filesystem: { read: ['/etc'] } },
      () => ({ filesystem: { read: ['/etc'] } }),
      /\/etc is below no folder of PLUGIN_FS_ROOTS/,
    ],
    [
      'of a path that is not there',
      { filesystem: { read: ['/not/there'] } },
      () => ({ filesystem: { read: ['/not/there'] } }),
      /\/not\/there does not exist/,
    ],
  ]
  it.each(refused)('%s is refused', async (_what, manifest, grants, text) => {
    await install(manifest)
    await expect(enable(grants(world.root))).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(text),
    })
    expect((await findPlugin(world.db, 'p'))?.grants).toBeNull()
  })

  it("of a path that leads to the gateway's folder, or out of the roots, is refused", async () => {
    symlinkSync(world.pluginsDir, path('shared/own'))
    symlinkSync('/etc', path('shared/etc'))
    const paths = [path('shared/own'), path('shared/etc')]
    await install({ filesystem: { read: paths } })
    await expect(enable({ filesystem: { read: paths } })).rejects.toThrow(
      /holds what belongs to the gateway.*is below no folder/,
    )
  })

  it('is judged again at each start', async () => {
    const { asks } = await install({ filesystem: { read: [path('shared/inbox')] } })
    await enable(asks)
    await run['plugin.disable']({ pluginId })
    const { renameSync } = await import('node:fs')
    renameSync(path('shared/inbox'), path('shared/moved'))
    symlinkSync('/etc', path('shared/inbox'))
    expect(await enable()).toMatchObject({
      success: false,
      message: expect.stringContaining('Cannot be given'),
    })
  })
})

describe('a policy', () => {
  const policy = (grants: Grants) => void world.policy.set('p', grants)

  it('confirms what lies within its bounds, and the row says that it did', async () => {
    policy({
      limits: { memoryMb: 256, cpuMs: 8_000 },
      env: ['SHOP_TOKEN', 'NOT_SET', 'OTHER'],
      filesystem: { read: [path('shared')], write: [path('shared')] },
      modules: ['os', 'fs'],
    })
    const view = await install(asking())
    expect(view).toMatchObject({ grants: view.asks, waitsFor: [] })
    expect(await enable()).toMatchObject({ success: true })
    const row = await findPlugin(world.db, 'p')
    expect(row).toMatchObject({ grants: view.asks, grantsByPolicy: view.asks })
    expect(world.guests.last().powers).toMatchObject({
      memoryMb: 128,
      cpuMs: 7_000,
      env: ['SHOP_TOKEN', 'NOT_SET'],
      filesystem: view.asks.filesystem,
    })
  })

  const outside: [string, object, (root: string) => Grants, string][] = [
    ['more memory', { limits: { memoryMb: 257 } }, () => ({ limits: { memoryMb: 256 } }), 'memoryMb 257'],
    ['more time', { limits: { cpuMs: 9_000 } }, () => ({ limits: { memoryMb: 256 } }), 'cpuMs 9000'],
    ['another name', { env: ['A', 'B'] }, () => ({ env: ['A'] }), 'env B'],
    ['a name in other letters', { env: ['Token'] }, () => ({ env: ['TOKEN'] }), 'env Token'],
    ['another module', { modules: ['os'] }, () => ({ modules: ['fs'] }), 'modules os'],
  ]
  it.each(outside)('does not give %s than it says', async (_what, manifest, grants, text) => {
    policy(grants(world.root))
    await install(manifest)
    expect(await enable()).toMatchObject({ success: false, message: expect.stringContaining(text) })
    expect(world.guests.opened).toHaveLength(0)
  })

  it('gives no path beside its folders, whatever it is called', async () => {
    mkdirSync(path('shared/inbox-of-others'))
    mkdirSync(path('shared/INBOX'))
    symlinkSync(path('shared/inbox-of-others'), path('shared/inbox/link'))
    policy({ filesystem: { read: [path('shared/inbox')] } })
    for (const asked of [
      'shared/inbox-of-others',
      'shared/INBOX',
      'shared/inbox/link',
      'shared',
      'shared/no',
    ]) {
      await install({ filesystem: { read: [path(asked)] } })
      expect(await enable(), asked).toMatchObject({
        success: false,
        message: expect.stringContaining(`filesystem.read ${path(asked)}`),
      })
      await run['plugin.uninstall']({ pluginId })
    }
    await install({ filesystem: { write: [path('shared/inbox')] } })
    expect(await enable(), 'to write in').toMatchObject({ success: false })
  })

  it('gives nothing that no operator could confirm', async () => {
    policy({ env: ['API_MASTER_KEY'], filesystem: { read: ['/etc'] } })
    await install({ env: ['API_MASTER_KEY'], filesystem: { read: ['/etc'] } })
    expect(await enable()).toMatchObject({
      success: false,
      message: expect.stringMatching(/\/etc is below no folder.*API_MASTER_KEY belongs to the gateway/),
    })
  })

  it('is that of one plugin, and what it says no longer it gives no longer', async () => {
    world.policy.set('other', { env: ['A', 'B'] })
    await install({ env: ['A', 'B'] })
    expect(await enable()).toMatchObject({ success: false })
    policy({ env: ['A'] })
    // The operator's own word for the rest of it.
    expect(await enable({ env: ['B'] })).toMatchObject({ success: true })
    expect(await findPlugin(world.db, 'p')).toMatchObject({
      grants: { env: ['A', 'B'] },
      grantsByPolicy: { env: ['A'] },
    })
    await run['plugin.disable']({ pluginId })
    expect(await enable()).toMatchObject({ success: true })
    await run['plugin.disable']({ pluginId })
    world.policy.delete('p')
    expect(await enable()).toMatchObject({
      success: false,
      message: expect.stringMatching(/confirm: env A$/),
    })
  })
})

describe('a manifest', () => {
  const faults: [object, string][] = [
    [{ limits: { memoryMb: 513 } }, 'limits.memoryMb must be a whole number from 16 to 512'],
    [{ limits: { cpuMs: 30_001 } }, 'limits.cpuMs must be a whole number from 10 to 30000'],
    [{ env: ['NODE_OPTIONS'] }, 'env holds "NODE_OPTIONS", which a plugin cannot have'],
    [{ env: ['LD_PRELOAD'] }, 'which a plugin cannot have'],
    [{ filesystem: { read: ['data'] } }, 'which is not a plain absolute path'],
    [{ filesystem: { write: ['/a/../b'] } }, 'which is not a plain absolute path'],
    [{ modules: ['child_process'] }, 'modules holds "child_process", which no plugin may have'],
    [{ modules: ['node:sqlite'] }, 'which no plugin may have'],
    [{ sandboxed: false }, 'Only a bundled plugin may ask for sandboxed: false'],
    [{ permissions: { memory: 1_000 } }, 'limits.memoryMb must be'],
    [{ permissions: { memory: 64, root: true } }, 'Unknown permission: "root"'],
    [{ permissions: { 'messages:send': true } }, 'permissions must be an array of strings'],
  ]
  it.each(faults)('%j is refused', async (manifest, text) => {
    await expect(install(manifest)).rejects.toMatchObject({
      code: 'manifest_invalid',
      message: expect.stringContaining(text),
    })
  })

  it('hears of all its faults at once', async () => {
    const wrong = {
      limits: { memoryMb: 1, cpuMs: 1 },
      env: ['1'],
      filesystem: { read: ['x'] },
      modules: ['vm'],
    }
    await expect(install(wrong)).rejects.toMatchObject({
      details: { issues: [{}, {}, {}, {}, {}] },
    })
  })
})

describe('the trail', () => {
  const entries = async () =>
    (await listAudit(world.db, { limit: 100, offset: 0 })).data
      .map(({ action, metadata }) => `${action} ${(metadata as { state: string }).state}`)
      .reverse()

  it('has each change of state, and the row shows the latest', async () => {
    await install({})
    await enable()
    world.guests.last().crash('exit code 7')
    await until(async () => (await getPlugin(world.db, 'p'))?.runtime?.state === 'backing off')
    await run['plugin.disable']({ pluginId })
    expect(await entries()).toEqual([
      'plugin_transition armed',
      'plugin_transition running',
      'plugin_transition armed',
      'plugin_crashed backing off',
      'plugin_transition stopped',
    ])
    expect((await getPlugin(world.db, 'p'))?.runtime).toMatchObject({
      state: 'stopped',
      lastError: 'exit code 7',
    })
    const { data } = await listAudit(world.db, { action: 'plugin_crashed', limit: 1, offset: 0 })
    expect(data).toMatchObject([
      { severity: 'warn', actor: 'gateway', subject: 'p', errorMessage: 'exit code 7', apiKeyId: null },
    ])
  })
})

describe('calls of a plugin', () => {
  it('are shown to the operator, and forgotten with the plugin', async () => {
    await install({})
    world.calls.allowed('p', 'storage.get', 60_000)
    world.calls.denied({ at: 60_001, pluginId: 'p', verb: 'x', sessionId: null, reason: 'rate' })
    expect(await run['plugin.calls']({ pluginId })).toEqual({
      denials: [
        { at: '1970-01-01T00:01:00.001Z', pluginId: 'p', verb: 'x', sessionId: null, reason: 'rate' },
      ],
      counts: {
        allowed: { 'storage.get': 1 },
        denied: 1,
        minutes: [{ at: '1970-01-01T00:01:00.000Z', allowed: { 'storage.get': 1 }, denied: 1 }],
      },
    })
    await run['plugin.uninstall']({ pluginId })
    expect(world.calls.denials('p')).toEqual([])
    await expect(run['plugin.calls']({ pluginId })).rejects.toMatchObject({ code: 'not_found' })
  })
})
