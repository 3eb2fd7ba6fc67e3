import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PluginId } from '../../src/contract/ids.ts'
import { findPlugin, getPlugin } from '../../src/db/plugins.ts'
import { base64, openPlugins, packageOf } from './plugins.fixtures.ts'

const pluginId = 'p' as PluginId
const URL = 'https://x.example/p.zip'
const configSchema = {
  type: 'object',
  properties: { greeting: { type: 'string', default: 'hello' }, token: { type: 'string', secret: true } },
}
const page = '<!doctype html><title>Settings</title>'

let world: Awaited<ReturnType<typeof openPlugins>>
let run: ReturnType<typeof world.start>
beforeEach(async () => {
  world = await openPlugins()
  run = world.start()
  await run['plugin.install']({ archive: base64(packageOf({ id: 'p', configSchema })) })
})
afterEach(async () => {
  await run.plugins[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const offer = (manifest: Record<string, unknown> = {}, ...more: Parameters<typeof packageOf>[1][]) =>
  world.downloads.set(
    URL,
    packageOf({ id: 'p', configSchema, version: '2.0.0', ...manifest }, ...(more as [])),
  )
const update = () => run['plugin.update']({ pluginId, url: URL })
const row = async () => (await findPlugin(world.db, 'p'))!
const enable = () => run['plugin.enable']({ pluginId })

describe('an update', () => {
  it('keeps what the operator set, and runs again', async () => {
    await enable()
    await run['plugin.configure']({ pluginId, config: { token: 't', greeting: 'hi' } })
    await run['plugin.setSessions']({ pluginId, sessions: ['s1'] })
    const old = world.guests.last()
    offer({
      configSchema: {
        ...configSchema,
        properties: { ...configSchema.properties, added: { type: 'number', default: 3 } },
      },
    })
    expect(await update()).toMatchObject({
      version: '2.0.0',
      status: 'enabled',
      activeSessions: ['s1'],
      config: { greeting: 'hi', token: '***', added: 3 },
    })
    expect(old.calls.slice(-2)).toEqual(['lifecycle:onDisable', 'lifecycle:onUnload'])
    expect(old.isDisposed).toBe(true)
    expect(world.guests.last()).not.toBe(old)
    expect(world.seal.open(await row()).base).toMatchObject({ token: 't' })
    expect(world.onDisk()).toEqual([`p@${(await row()).packageSha256}`])
  })

  it('leaves off what was off', async () => {
    offer()
    expect(await update()).toMatchObject({ version: '2.0.0', status: 'installed' })
    expect(world.guests.opened).toEqual([])
  })

  it('that asks for more stays off, and says for what it waits', async () => {
    await enable()
    offer({ permissions: ['storage:use', 'net:fetch'], net: { allow: ['api.example'] } })
    const error =
      'Version 2.0.0 also asks for the permission net:fetch, the host api.example. Enable the plugin to allow it'
    expect(await update()).toMatchObject({ version: '2.0.0', status: 'disabled', error })
    expect(await row()).toMatchObject({ enabledByOperator: false })
    await run.plugins[Symbol.asyncDispose]()
    run = world.start()
    await run.plugins.restore()
    expect(run.plugins.mayRun('p', null)).toBe(false)
    expect(await enable()).toMatchObject({ success: true })
    expect((await getPlugin(world.db, 'p'))?.error).toBeUndefined()
  })

  const refused: [string, () => void, string][] = [
    ['another plugin', () => offer({ id: 'q' }), 'invalid_input'],
    [
      'a package that could not be installed',
      () => offer({ permissions: ['shell:run'] }),
      'manifest_invalid',
    ],
    [
      'no archive at all',
      () => world.downloads.set(URL, new TextEncoder().encode('nothing')),
      'package_invalid',
    ],
  ]
  it.each(refused)('to %s is refused before the old one is asked anything', async (_, prepare, code) => {
    await enable()
    prepare()
    await expect(update()).rejects.toMatchObject({ code })
    expect(world.guests.last().calls).not.toContain('lifecycle:onDisable')
    expect(await row()).toMatchObject({ version: '1.0.0', status: 'enabled' })
    expect(world.onDisk()).toHaveLength(1)
  })

  it('to the same bytes changes nothing', async () => {
    await enable()
    world.downloads.set(URL, packageOf({ id: 'p', configSchema }))
    expect(await update()).toMatchObject({ version: '1.0.0', status: 'enabled' })
    expect(world.guests.opened).toHaveLength(1)
  })

  it('that cannot be written leaves the old version running', async () => {
    await enable()
    offer()
    world.faults.at = point => {
      if (point === 'plugin.staged') throw new Error('disk full')
    }
    await expect(update()).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(world.guests.last().isDisposed).toBe(false)
    expect(world.onDisk()).toHaveLength(1)
  })

  it('whose new version does not start is an error that the row tells', async () => {
    await enable()
    offer()
    world.guests.behave('p', { 'lifecycle:onEnable': () => Promise.reject(new Error('no such key')) })
    expect(await update()).toMatchObject({ version: '2.0.0', status: 'error', error: 'no such key' })
    expect(await row()).toMatchObject({ enabledByOperator: true })
  })

  it('of a plugin that is not there is 404, before anything is downloaded', async () => {
    await expect(run['plugin.update']({ pluginId: 'q' as PluginId, url: URL })).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})

describe('the page of a plugin', () => {
  it('comes out of its package', async () => {
    offer({ configUi: { entry: './ui/../ui/page.html' } }, { name: 'ui/page.html', content: page })
    await update()
    expect(await run['plugin.configPage']({ pluginId })).toEqual({ html: page })
  })

  it('is not there where the plugin has none, or names a file that it has not', async () => {
    await expect(run['plugin.configPage']({ pluginId })).rejects.toMatchObject({ code: 'not_found' })
    offer({ configUi: { entry: 'page.html' } })
    await update()
    await expect(run['plugin.configPage']({ pluginId })).rejects.toMatchObject({ code: 'not_found' })
  })

  it.each(['../page.html', '/etc/passwd', 'ui\\page.html'])('may not be %s', async entry => {
    offer({ configUi: { entry } })
    await expect(update()).rejects.toThrow('configUi.entry escapes the plugin directory')
  })
})
