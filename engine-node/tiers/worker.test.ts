import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PluginId } from '../../src/contract/ids.ts'
import { createClock } from '../clock.ts'
import { bundleGuest } from './guest-bundle.ts'
import { createWorkerTier } from './worker.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-worker-test-'))
  writeFileSync(join(folder, 'index.js'), 'module.exports = {}')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What `read` gives for each entry, without those that were gone by then. */
function each(path: string, read: (entry: string) => string): string[] {
  return readdirSync(path).flatMap(entry => {
    try {
      return [read(entry).trimEnd()]
    } catch {
      return []
    }
  })
}
const threads = () => each('/proc/self/task', task => readFileSync(`/proc/self/task/${task}/comm`, 'utf8'))
const files = () => each('/proc/self/fd', fd => readlinkSync(`/proc/self/fd/${fd}`))

// Threads and open files are read from /proc, which only Linux has.
describe.runIf(process.platform === 'linux')('what a thread uses', () => {
  it('is nothing once it has ended, though the kernel may still show it', async () => {
    const guestFile = await bundleGuest({ outDir: folder })
    await using tier = await createWorkerTier({ guestFile, clock: createClock() })
    const guest = await tier.open({
      pluginId: 'one' as PluginId,
      packageDir: folder,
      memoryMb: 64,
      onOutput() {},
    })
    await expect.poll(() => guest.usage()).toMatchObject({ cpuMs: expect.any(Number) })
    const ours = () => threads().find(each => each.startsWith('plugin ')) ?? ''
    await expect.poll(ours).not.toBe('')
    const name = ours()
    await guest[Symbol.asyncDispose]()
    // In its place, since how long the kernel takes is up to the kernel.
    const shown = new Worker('setInterval(() => {}, 1_000_000)', { eval: true, name })
    await once(shown, 'online')
    await expect.poll(threads).toContain(name)
    expect(await guest.usage()).toBeNull()
    expect(files().filter(path => path.includes('/task/'))).toEqual([])
    await shown.terminate()
  })
})
