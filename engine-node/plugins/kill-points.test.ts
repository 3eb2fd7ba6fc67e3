// Installs and uninstalls in a process that is killed at each step: whatever the step, a restart finds the plugin wholly there
// or wholly gone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { findPlugin } from '../../src/db/plugins.ts'
import { openPlugins, packageOf } from './plugins.fixtures.ts'

/** Installs the archive and, if asked, removes it; dies at the named point. */
const victim = `
import { readFileSync } from 'node:fs'
import { openDatabase } from '${new URL('../store/database.ts', import.meta.url)}'
import { createSealer } from '${new URL('../store/sealer.ts', import.meta.url)}'
import { createWriteQueue } from '${new URL('../store/write-queue.ts', import.meta.url)}'
import { readArchive } from '${new URL('archive.ts', import.meta.url)}'
import { createCatalogue } from '${new URL('catalogue.ts', import.meta.url)}'
import { createConfigSeal } from '${new URL('configuration.ts', import.meta.url)}'
import { createPackageFolders } from '${new URL('package-folders.ts', import.meta.url)}'
const [root, point, remove] = process.argv.slice(2)
const die = () => process.kill(process.pid, 'SIGKILL')
const database = await openDatabase({ url: 'file:' + root + '/wharf.db' })
const writer = createWriteQueue({ target: database.target, delay: async () => {} })
const folders = createPackageFolders({ pluginsDir: root + '/plugins', fault: at => { if (at === point) die() } })
const committing = { async commit(statements) {
  const changes = await writer.commit(statements)
  if (point === 'committed' || (point === 'removed' && removing)) die()
  return changes
} }
let removing = false
const catalogue = createCatalogue({
  db: database.db, writer: committing, folders, now: Date.now,
  seal: createConfigSeal({ sealer: createSealer(new Uint8Array(32).fill(7)) }),
  tierOf: () => ({ tier: 'process', missingPromises: [] }),
})
const bytes = readFileSync(root + '/p.zip')
const row = await catalogue.install(await readArchive(bytes), bytes)
if (remove) { removing = true; await catalogue.remove(row) }
`

const points: [string, string, boolean][] = [
  ['plugin.staging', 'install', false],
  ['plugin.file-written', 'install', false],
  ['plugin.staged', 'install', false],
  ['plugin.placed', 'install', false],
  ['committed', 'install', true],
  ['removed', 'remove', false],
]

it.each(points)('killed at %s of %s', async (point, what, isThere) => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-kill-'))
  try {
    writeFileSync(join(root, 'p.zip'), packageOf({ id: 'p' }, { name: 'lib/a.js', content: 'x' }))
    writeFileSync(join(root, 'victim.ts'), victim)
    const child = spawn(
      process.execPath,
      [join(root, 'victim.ts'), root, point, ...(what === 'remove' ? ['remove'] : [])],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let errors = ''
    child.stderr.on('data', chunk => {
      errors += chunk
    })
    const [, signal] = await once(child, 'exit')
    expect([signal, errors.includes('Error')]).toEqual(['SIGKILL', false])

    await using world = await openPlugins(root)
    const { catalogue } = world.start()
    const { damaged } = await catalogue.reconcile()
    expect(damaged).toEqual([])
    const row = await findPlugin(world.db, 'p')
    expect(row !== null).toBe(isThere)
    expect(existsSync(world.pluginsDir) ? world.onDisk() : []).toEqual(
      row === null ? [] : [`p@${row.packageSha256}`],
    )
    if (row) await catalogue.open(row)
    expect(await catalogue.reconcile()).toEqual({ swept: [], damaged: [] })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
