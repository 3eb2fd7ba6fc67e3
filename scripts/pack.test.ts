import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readArchive } from '../engine-node/plugins/archive.ts'
import { packPlugin } from './pack.ts'

const script = fileURLToPath(new URL('pack.ts', import.meta.url))
let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wharf-pack-'))
  folder = join(root, 'hello')
  write({
    'manifest.json': JSON.stringify(manifest),
    'plugin.ts': plugin,
    'word.ts': "export const word: string = 'hi'",
  })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const manifest = { id: 'hello', name: 'Hello', version: '1.2.3', type: 'extension', main: 'dist/index.js' }
const plugin = `import { word } from './word.ts'
export default class Hello { onLoad(): string { return word } }`

function write(files: Record<string, string>) {
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
}

describe('packPlugin', () => {
  it('makes one CommonJS file at main, which runs', async () => {
    const { bytes, sha256, fileName } = await packPlugin(folder)
    const pack = await readArchive(bytes)
    expect([...pack.files.keys()]).toEqual(['manifest.json', 'dist/index.js'])
    expect(pack.sha256).toBe(sha256)
    expect(fileName).toBe('hello-1.2.3.zip')
    const main = join(root, 'main.cjs')
    writeFileSync(main, pack.files.get('dist/index.js')!)
    const { default: Hello } = createRequire(import.meta.url)(main)
    expect(new Hello().onLoad()).toBe('hi')
  })

  it('makes the same bytes from a copy elsewhere', async () => {
    const copy = join(root, 'a/copy/elsewhere')
    cpSync(folder, copy, { recursive: true })
    expect((await packPlugin(copy)).sha256).toBe((await packPlugin(folder)).sha256)
  })

  it('packs nothing that could not be installed', async () => {
    write({ 'manifest.json': JSON.stringify({ ...manifest, permissions: ['shell:run'] }) })
    await expect(packPlugin(folder)).rejects.toThrow('shell:run')
    write({ 'manifest.json': '{' })
    await expect(packPlugin(folder)).rejects.toThrow('not valid JSON')
    write({ 'manifest.json': JSON.stringify(manifest), 'plugin.ts': 'export default class {' })
    await expect(packPlugin(folder)).rejects.toThrow()
  })
})

it('prints the file and its pin', async () => {
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', script, folder], {
    cwd: root,
  })
  const { sha256 } = await packPlugin(folder)
  const [path = '', pin] = stdout.trim().split('\n')
  expect(pin).toBe(`#sha256=${sha256}`)
  expect((await readArchive(readFileSync(path))).sha256).toBe(sha256)
  await expect(run(process.execPath, [script], { cwd: root })).rejects.toMatchObject({ code: 2 })
})
