import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PluginId } from '../../src/contract/ids.ts'
import { findPlugin, getPlugin, listPlugins } from '../../src/db/plugins.ts'
import { bundledPlugins, createBundled } from './bundled.ts'
import { base64, openPlugins, packageOf } from './plugins.fixtures.ts'

let folder: string
let world: Awaited<ReturnType<typeof openPlugins>>
let run: ReturnType<(typeof world)['start']>
const pluginId = 'own' as PluginId

/** Writes the sources of a plugin as they lie in the gateway's folder. */
function write(id: string, manifest: object = {}) {
  const about = { id, name: id, version: '1.0.0', type: 'extension', main: 'index.js', sandboxed: false }
  mkdirSync(join(folder, id), { recursive: true })
  writeFileSync(join(folder, id, 'manifest.json'), JSON.stringify({ ...about, ...manifest }))
  writeFileSync(join(folder, id, 'plugin.ts'), 'export default class Own {}\n')
}

/** What a gateway with this folder has bundled. */
async function bundle(...ids: string[]) {
  world.bundled.clear()
  for (const [id, bundled] of await createBundled({ folder, ids })()) world.bundled.set(id, bundled)
}

/** Starts the gateway anew. */
async function restart() {
  await run.plugins[Symbol.asyncDispose]()
  run = world.start()
  await run.plugins.restore()
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-bundled-'))
  world = await openPlugins()
  write('own')
  await bundle('own')
  run = world.start()
  await run.plugins.restore()
})
afterEach(async () => {
  await run.plugins[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const enable = () => run['plugin.enable']({ pluginId, grants: { sandboxed: false } })
const install = (manifest: object = {}) =>
  run['plugin.install']({ archive: base64(packageOf({ id: 'own', ...manifest })) })

describe('a plugin that comes with the gateway', () => {
  it('is listed, off, and nothing of it is on disk', async () => {
    expect(await listPlugins(world.db)).toMatchObject([
      { id: 'own', builtIn: true, status: 'installed', waitsFor: ['sandboxed false'] },
    ])
    expect(world.onDisk()).toEqual([])
    expect(world.guests.opened).toHaveLength(0)
  })

  it('runs outside of a sandbox when the operator confirms it, and comes back so', async () => {
    expect(await run['plugin.enable']({ pluginId })).toMatchObject({
      success: false,
      message: expect.stringContaining('sandboxed false'),
    })
    expect(await enable()).toMatchObject({ success: true })
    expect(world.guests.last()).toMatchObject({ asked: 'worker', bundled: true })
    await restart()
    expect(world.guests.opened).toHaveLength(2)
    expect(world.guests.last()).toMatchObject({ asked: 'worker', bundled: true })
  })

  it('is neither updated nor uninstalled', async () => {
    const url = 'https://a.example/own.zip'
    for (const refused of [run['plugin.update']({ pluginId, url }), run['plugin.uninstall']({ pluginId })])
      await expect(refused).rejects.toMatchObject({ code: 'plugin_built_in' })
  })

  it('gets the version of a newer gateway, keeps what was set, and asks again where it asks for more', async () => {
    await enable()
    await run['plugin.configure']({ pluginId, config: { a: 1 } })
    write('own', { version: '1.1.0' })
    await bundle('own')
    await restart()
    expect(await getPlugin(world.db, 'own')).toMatchObject({
      version: '1.1.0',
      status: 'enabled',
      config: { a: 1 },
    })
    write('own', { version: '1.2.0', permissions: ['net:fetch'] })
    await bundle('own')
    await restart()
    expect(await getPlugin(world.db, 'own')).toMatchObject({
      status: 'disabled',
      error: expect.stringContaining('the permission net:fetch'),
    })
    expect(world.onDisk()).toEqual([])
  })

  it('is a plugin like any other when a newer gateway comes without it', async () => {
    await enable()
    await bundle()
    await restart()
    expect(await getPlugin(world.db, 'own')).toMatchObject({ builtIn: false })
    expect(world.guests.last()).toMatchObject({ asked: null, bundled: false })
    await run['plugin.uninstall']({ pluginId })
    expect(await listPlugins(world.db)).toEqual([])
  })

  it('is written anew when its folder was damaged', async () => {
    await enable()
    const [name = ''] = world.onDisk()
    writeFileSync(join(world.pluginsDir, name, 'package', 'index.js'), 'throw 1')
    await restart()
    expect(await getPlugin(world.db, 'own')).toMatchObject({ status: 'enabled' })
  })
})

describe('an archive with the id of a bundled plugin', () => {
  it('has nothing of it: neither its right, nor its settings, nor its place while it runs', async () => {
    await enable()
    await expect(install()).rejects.toMatchObject({ code: 'plugin_exists' })
    await run['plugin.configure']({ pluginId, config: { token: 'x' } })
    await run['plugin.disable']({ pluginId })
    await expect(install({ sandboxed: false })).rejects.toMatchObject({
      code: 'manifest_invalid',
      message: 'Only a bundled plugin may ask for sandboxed: false',
    })
    // Nobody may say of himself that he came with the gateway.
    expect(await install({ builtIn: true, bundled: true })).toMatchObject({
      builtIn: false,
      config: {},
      grants: {},
    })
    expect(await run['plugin.enable']({ pluginId })).toMatchObject({ success: true })
    expect(world.guests.last()).toMatchObject({ asked: null, bundled: false })
    await restart()
    expect(await findPlugin(world.db, 'own')).toMatchObject({ builtIn: false, status: 'enabled' })
    expect(world.guests.last()).toMatchObject({ asked: null, bundled: false })
    await run['plugin.uninstall']({ pluginId })
    expect(await getPlugin(world.db, 'own')).toMatchObject({ builtIn: true, status: 'installed' })
  })

  it('even of the same bytes, has none of its right', async () => {
    const archive = base64(world.bundled.get('own')?.archive ?? new Uint8Array())
    await expect(run['plugin.install']({ archive })).rejects.toMatchObject({ code: 'manifest_invalid' })
    expect(await findPlugin(world.db, 'own')).toMatchObject({ builtIn: true })
  })

  it('that was there before the gateway brought its own stays what it was', async () => {
    await run['plugin.install']({ archive: base64(packageOf({ id: 'later' })) })
    write('later')
    await bundle('own', 'later')
    await restart()
    expect(await getPlugin(world.db, 'later')).toMatchObject({ builtIn: false })
  })
})

it('of the gateway itself, each can be packed', async () => {
  const packages = await createBundled()()
  expect([...packages.keys()]).toEqual([...bundledPlugins])
  for (const { pack } of packages.values()) expect(pack.manifest.sandboxed ?? true).toBe(true)
})
