import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capabilities } from '../../src/contract/capabilities.ts'
import { hooks } from '../../src/contract/hooks.ts'
import { bundleGuest } from './guest-bundle.ts'
import { bundleIsolate } from './isolate-bundle.ts'

let outDir: string
beforeAll(async () => {
  outDir = await mkdtemp(join(tmpdir(), 'wharf-bundles-'))
})
afterAll(() => rm(outDir, { recursive: true }))

const bundles: [string, () => Promise<string>][] = [
  ['a process or a thread', () => bundleGuest({ outDir })],
  ['an isolate', async () => (await bundleIsolate({ outDir })).runtimeFile],
]

// What is in it is in the memory of every plugin.
describe.each(bundles)('what runs in %s', (_, bundle) => {
  it('has the names of the contract, and none of its schemas', async () => {
    const code = await readFile(await bundle(), 'utf8')
    for (const name of [...Object.keys(capabilities), ...Object.keys(hooks)])
      expect(code).toContain(JSON.stringify(name))
    expect(/valibot|strictObject/.exec(code)).toBeNull()
  })
})
