// The first plugin of docs/plugins.md, as it stands there: its test holds, and it packs into something that installs.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readArchive } from '../engine-node/plugins/archive.ts'
import { packPlugin } from '../scripts/pack.ts'
import { capabilities, permissions } from '../src/contract/capabilities.ts'
import { hooks } from '../src/contract/hooks.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const text = readFileSync(join(root, 'docs/plugins.md'), 'utf8')
const blocks = [...text.matchAll(/```\w+ (\S+)\n([\s\S]*?)```/g)].map(([, name = '', code = '']) => ({
  name,
  code,
}))

let folder = ''
beforeAll(() => {
  // As deep below the root as plugins/hello, since the files name their imports.
  folder = mkdtempSync(join(root, 'test', '.docs-'))
  for (const { name, code } of blocks) writeFileSync(join(folder, name), code)
  // That of the project names other folders.
  writeFileSync(join(folder, 'vitest.config.ts'), 'export default {}\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the first plugin of the documentation', () => {
  it('has its three files', () => {
    expect(blocks.map(({ name }) => name)).toEqual(['manifest.json', 'plugin.ts', 'plugin.test.ts'])
  })

  it('passes its own test', async () => {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const args = [vitest, 'run', '--root', folder]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
    expect(stdout).toMatch(/Tests .*1 passed/)
  })

  it('packs into an archive that a gateway takes', async () => {
    const { bytes, fileName } = await packPlugin(folder)
    expect(fileName).toBe('hello-1.0.0.zip')
    expect((await readArchive(bytes)).manifest).toMatchObject({ id: 'hello' })
  })
})

describe('the tables of the documentation', () => {
  it('name every permission, every verb and every hook', () => {
    for (const permission of Object.keys(permissions)) expect(text).toContain(`\`${permission}\``)
    for (const verb of Object.keys(capabilities)) {
      const [member = '', method = ''] = verb.split('.')
      expect(text, verb).toMatch(new RegExp(`\`${member}(\`|\\.${method})`))
    }
    for (const hook of Object.keys(hooks)) {
      const [group = '', name = ''] = hook.split(':')
      expect(text, hook).toMatch(new RegExp(`\`${group}:[^|]*:?${name}\``))
    }
  })
})
