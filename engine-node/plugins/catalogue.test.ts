import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { statement } from '../../src/db/db.ts'
import { findPlugin, getPlugin, listPlugins } from '../../src/db/plugins.ts'
import { pluginStorage } from '../../src/db/schema.ts'
import { buildZip, goodEntries } from './archive.fixtures.ts'
import { readArchive } from './archive.ts'
import { openPlugins, packageOf } from './plugins.fixtures.ts'

let world: Awaited<ReturnType<typeof openPlugins>>
beforeEach(async () => {
  world = await openPlugins()
})
afterEach(() => world[Symbol.asyncDispose]())

const install = async (bytes: Uint8Array, { catalogue } = world.start()) =>
  catalogue.install(await readArchive(bytes), bytes)
const id = 'good-plugin'
const onDisk = () => (existsSync(world.pluginsDir) ? world.onDisk() : [])
const packageDir = async () =>
  join(world.pluginsDir, `${id}@${(await findPlugin(world.db, id))?.packageSha256}`, 'package')

describe('install', () => {
  it('makes one row and one folder, and nothing else', async () => {
    const bytes = packageOf({ description: 'Does good' }, { name: 'lib/deep/a.js', content: 'x' })
    const row = await install(bytes)
    expect(onDisk()).toEqual([`${id}@${row.packageSha256}`])
    expect(readFileSync(join(await packageDir(), 'lib/deep/a.js'), 'utf8')).toBe('x')
    const view = await getPlugin(world.db, id)
    expect(view).toEqual({
      id,
      name: 'Good plugin',
      version: '1.0.0',
      type: 'extension',
      description: 'Does good',
      status: 'installed',
      config: {},
      builtIn: false,
      provides: [],
      permissions: ['storage:use'],
      ingressCapable: false,
      sessionScoped: true,
      activeSessions: ['*'],
      tier: 'process',
      missingPromises: ['no namespaces here'],
      asks: {},
      grants: {},
      waitsFor: [],
    })
    expect(await listPlugins(world.db)).toEqual([view])
  })

  it('gives files to nobody else', async () => {
    await install(packageOf({}, { name: 'run.sh', content: 'x', mode: 0o100755 }))
    expect(statSync(join(await packageDir(), 'run.sh')).mode & 0o777).toBe(0o600)
    expect(statSync(await packageDir()).mode & 0o777).toBe(0o700)
  })

  it('seeds defaults, and shows secrets to nobody', async () => {
    const configSchema = {
      properties: {
        url: { type: 'string', default: 'https://x.example' },
        key: { secret: true, default: 'canary' },
      },
    }
    const row = await install(packageOf({ configSchema }))
    expect(world.seal.open(row).base).toEqual({ url: 'https://x.example', key: 'canary' })
    expect((await getPlugin(world.db, id))?.config).toEqual({ url: 'https://x.example', key: '***' })
    expect(Buffer.from(row.configSealed).includes('canary')).toBe(false)
  })

  it('refuses a second one, and leaves the first as it is', async () => {
    await install(packageOf())
    const before = onDisk()
    await expect(install(packageOf({ version: '2.0.0' }))).rejects.toMatchObject({ code: 'plugin_exists' })
    expect(onDisk()).toEqual(before)
    expect((await getPlugin(world.db, id))?.version).toBe('1.0.0')
  })

  it('leaves nothing behind, whatever step fails', async () => {
    const points: string[] = []
    world.faults.at = point => void points.push(point)
    await install(packageOf())
    await world.start().catalogue.remove((await findPlugin(world.db, id))!)
    expect(new Set(points)).toEqual(
      new Set(['plugin.staging', 'plugin.file-written', 'plugin.staged', 'plugin.placed']),
    )
    for (let failing = 0; failing < points.length; failing += 1) {
      let step = 0
      world.faults.at = () => {
        if (step++ === failing) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      }
      await expect(install(packageOf())).rejects.toMatchObject({ code: 'storage_unavailable' })
      expect(onDisk()).toEqual([])
      expect(await listPlugins(world.db)).toEqual([])
    }
  })

  it('leaves nothing behind when the row cannot be written', async () => {
    const broken = { commit: () => Promise.reject(new GatewayError('storage_unavailable', 'full')) }
    const { catalogue } = world.start()
    await install(packageOf({ id: 'other' }), { catalogue } as never)
    const other = onDisk()
    Object.assign(world.writer, broken)
    await expect(install(packageOf())).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(onDisk()).toEqual(other)
  })
})

describe('remove', () => {
  it('takes the row, what it stored and the folder', async () => {
    const row = await install(packageOf())
    await world.writer.commit([
      statement(world.db.insert(pluginStorage).values({ pluginId: id, key: 'k', value: '1' })),
    ])
    await world.start().catalogue.remove(row)
    expect(onDisk()).toEqual([])
    expect(await listPlugins(world.db)).toEqual([])
    expect(await world.db.select().from(pluginStorage)).toEqual([])
  })

  it('does not remove a built-in plugin', async () => {
    const row = await install(packageOf())
    await expect(world.start().catalogue.remove({ ...row, builtIn: true })).rejects.toMatchObject({
      code: 'plugin_built_in',
    })
  })
})

describe('reconcile', () => {
  it('takes away staging folders and packages without a row, and nothing that is not ours', async () => {
    await install(packageOf())
    const kept = onDisk()
    mkdirSync(join(world.pluginsDir, '.staging-0123/package'), { recursive: true })
    mkdirSync(join(world.pluginsDir, `gone@${'a'.repeat(64)}`))
    mkdirSync(join(world.pluginsDir, `${id}@${'b'.repeat(64)}`))
    mkdirSync(join(world.pluginsDir, 'my own notes'))
    const { swept, damaged } = await world.start().catalogue.reconcile()
    expect(swept).toHaveLength(3)
    expect(damaged).toEqual([])
    expect(onDisk()).toEqual([...kept, 'my own notes'].sort())
    expect(await world.start().catalogue.reconcile()).toEqual({ swept: [], damaged: [] })
  })

  const damages: [string, (dir: string) => void][] = [
    ['its folder is gone', dir => rmSync(join(dir, '..'), { recursive: true })],
    ['its main file is gone', dir => rmSync(join(dir, 'index.js'))],
    ['a byte is another', dir => writeFileSync(join(dir, 'index.js'), 'module.exports = class  ')],
    ['a file is longer', dir => writeFileSync(join(dir, 'index.js'), 'x'.repeat(9_999))],
    ['there is a file more', dir => writeFileSync(join(dir, 'extra.js'), '')],
    [
      'there is a file more, deep down',
      dir => {
        mkdirSync(join(dir, 'a/b'), { recursive: true })
        writeFileSync(join(dir, 'a/b/c.js'), '')
      },
    ],
    [
      'a file is a link to its own content',
      dir => {
        renameSync(join(dir, 'index.js'), join(world.root, 'elsewhere.js'))
        symlinkSync(join(world.root, 'elsewhere.js'), join(dir, 'index.js'))
      },
    ],
    [
      'its archive is another',
      dir => writeFileSync(join(dir, '../archive.zip'), packageOf({ version: '6.6.6' })),
    ],
    ['its archive is no zip', dir => writeFileSync(join(dir, '../archive.zip'), 'x')],
    ['all its files are gone', dir => rmSync(dir, { recursive: true })],
  ]
  for (const [what, damage] of damages)
    it(`marks a plugin as damaged when ${what}, opens it no more, and takes it again`, async () => {
      await install(packageOf({ id: 'healthy' }))
      const row = await install(packageOf())
      damage(await packageDir())
      const { catalogue } = world.start()
      expect(await catalogue.reconcile()).toEqual({ swept: [], damaged: [id] })
      expect(await getPlugin(world.db, id)).toMatchObject({
        status: 'error',
        error: expect.stringContaining('The plugin is damaged'),
      })
      expect(await getPlugin(world.db, 'healthy')).toMatchObject({ status: 'installed' })
      await expect(catalogue.open(row)).rejects.toMatchObject({ code: 'package_invalid' })

      await install(packageOf({ version: '1.0.1' }))
      expect(await getPlugin(world.db, id)).toMatchObject({ status: 'installed', version: '1.0.1' })
      expect(onDisk()).toHaveLength(2)
      expect(await catalogue.reconcile()).toEqual({ swept: [], damaged: [] })
    })

  it('repairs with the very package that was damaged, and keeps what the plugin had', async () => {
    const { catalogue } = world.start()
    const configSchema = { properties: { a: { type: 'string', default: 'x' } } }
    const row = await install(packageOf({ configSchema }))
    const config = { base: { a: 'mine' }, sessions: {} }
    await catalogue.update(id, {
      ...world.seal.columns(row.manifest as never, config),
      enabledByOperator: true,
    })
    rmSync(join(await packageDir(), 'index.js'))
    const repaired = await install(packageOf({ configSchema }))
    expect(repaired.enabledByOperator).toBe(true)
    expect(world.seal.open(repaired)).toEqual(config)
    await expect(catalogue.open(repaired)).resolves.toMatchObject({ manifest: { id } })
  })

  it('marks a plugin whose files belong to another user', async () => {
    await install(packageOf())
    const { getuid } = process
    process.getuid = () => 12_345
    try {
      expect((await world.start().catalogue.reconcile()).damaged).toEqual([id])
    } finally {
      if (getuid) process.getuid = getuid
    }
  })

  it('leaves a plugin that nothing is wrong with alone', async () => {
    const row = await install(packageOf())
    await world.start().catalogue.reconcile()
    expect(await findPlugin(world.db, id)).toEqual(row)
  })
})

it('writes nothing of an archive that is refused', async () => {
  for (const bytes of [
    buildZip([...goodEntries(), { name: '../evil.js', content: 'x' }]),
    buildZip([...goodEntries(), { name: 'link', content: '/etc/passwd', mode: 0o120777 }]),
    Buffer.from('no zip'),
  ])
    await expect(install(bytes)).rejects.toBeInstanceOf(GatewayError)
  expect(onDisk()).toEqual([])
  expect(readdirSync(world.root).filter(name => !name.startsWith('wharf.db'))).toEqual([])
})
