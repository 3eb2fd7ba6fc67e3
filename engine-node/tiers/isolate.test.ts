import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type PluginTiers,
  type RunningPlugin,
  type RunOptions,
  runPlugin,
  startPluginTiers,
} from '../../test/support/plugin-tiers.ts'

import { ISOLATES_PER_PROCESS } from './isolate-host/control.ts'

let all: PluginTiers
const running: RunningPlugin[] = []
beforeAll(async () => {
  all = await startPluginTiers({ trustOf: pluginId => pluginId.split(':')[0] ?? '', turnMs: 700 })
})
afterEach(async () => {
  for (const { guest } of running.splice(0)) await guest[Symbol.asyncDispose]()
})
afterAll(() => all[Symbol.asyncDispose]())

async function run(plugin: string, options?: RunOptions) {
  const started = await runPlugin(all.hosts.isolate, plugin, options)
  running.push(started)
  return started
}

/** Processes of isolates that this one has started: they alone have the addon among their arguments. */
function isolateProcesses(): number[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'latin1')
    } catch {
      // It ended between the look and the reading.
      return ''
    }
  }
  const parentOf = (pid: string) =>
    read(pid, 'stat')
      .replace(/^.*\) /, '')
      .split(' ')[1] ?? ''
  const isOurs = (pid: string): boolean =>
    pid === String(process.pid) || (Number(pid) > 1 && isOurs(parentOf(pid)))
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => /^[^\0]*node\0[\s\S]*\0--allow-addons\0/.test(read(pid, 'cmdline')) && isOurs(pid))
    .map(Number)
}

const Searched = v.object({
  data: v.object({
    found: v.array(v.string()),
    seen: v.number(),
    stacks: v.array(v.string()),
    globals: v.array(v.string()),
    env: v.array(v.string()),
  }),
})

describe('what a plugin in an isolate holds', () => {
  it('is nothing of isolated-vm, of the process around it or of the gateway', async () => {
    const { hook } = await run('searcher', {
      capability() {
        throw new Error('inner /etc/secret')
      },
    })
    const { data } = v.parse(Searched, await hook({}))
    expect(data).toMatchObject({ found: [], globals: [], env: [] })
    expect(data.seen).toBeGreaterThan(500)
    expect(data.stacks.length).toBe(6)
    expect(data.stacks.join('\n')).not.toMatch(/secret|isolated-vm|node:|\/guest\/|powers|wharf-tiers/)
  })

  it('does not include modules without a shim, which are named', async () => {
    const packageDir = await mkdtemp(join(tmpdir(), 'wharf-needy-'))
    await writeFile(join(packageDir, 'index.js'), "require('node:fs')")
    await writeFile(join(packageDir, 'module.js'), "require('./other.mjs')")
    await writeFile(join(packageDir, 'other.mjs'), 'export default {}')
    await expect(run('needy', { packageDir })).rejects.toMatchObject({
      code: 'plugin_failed',
      message: "Cannot find module 'node:fs': the isolate tier does not have it",
    })
    await expect(run('needy', { packageDir, main: 'module.js' })).rejects.toMatchObject({
      message: '/plugin/other.mjs is an ES module: here it can be imported, and not required',
    })
    await rm(packageDir, { recursive: true })
  })
})

describe('an ES module in an isolate', () => {
  it.each([
    "import '/etc/hostname'",
    "import '/etc/../plugin/../etc/passwd.js'",
    "import '../../../../etc/passwd.js'",
    "import 'file:///etc/passwd'",
    "import 'data:text/javascript,1'",
    "import 'node:fs'",
    "import 'wharf:main'",
    "import { x } from 'isolated-vm'",
    "export * from '__proto__'",
    "await import('node:fs')",
    "import './constructor'",
  ])('has nothing but its package and the shims: %s', async code => {
    const packageDir = await mkdtemp(join(tmpdir(), 'wharf-esm-'))
    await writeFile(join(packageDir, 'index.mjs'), code)
    const failed = await run('imports', { packageDir, main: 'index.mjs' }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'plugin_failed' })
    expect(String(failed)).not.toMatch(/root:|\/work\/|\/tmp\/|isolate-host|at /)
    await rm(packageDir, { recursive: true })
  })

  it('is ended where it loops, and where it eats its memory', async () => {
    const packageDir = await mkdtemp(join(tmpdir(), 'wharf-esm-'))
    await writeFile(join(packageDir, 'loop.mjs'), 'for (;;);')
    await writeFile(join(packageDir, 'eat.mjs'), 'const all = []; for (;;) all.push({ a: all.length })')
    await expect(run('loop', { packageDir, main: 'loop.mjs' })).rejects.toMatchObject({
      message: 'ran for 0.7 s without a pause',
    })
    await expect(run('eat', { packageDir, main: 'eat.mjs' })).rejects.toMatchObject({
      code: 'plugin_crashed',
    })
    await rm(packageDir, { recursive: true })
  })

  it('gets a library once, whoever asks for it', async () => {
    const packageDir = await mkdtemp(join(tmpdir(), 'wharf-esm-'))
    await writeFile(join(packageDir, 'old.cjs'), "module.exports = require('stream')")
    await writeFile(
      join(packageDir, 'index.mjs'),
      `import stream, { Readable } from 'node:stream'
      import old from './old.cjs'
      export default { onLoad: context => context.registerHook('message:received', () => ({
        data: { same: [old === stream, stream.Readable === Readable] },
      })) }`,
    )
    const { hook } = await run('shares', { packageDir, main: 'index.mjs' })
    expect(await hook({})).toMatchObject({ data: { same: [true, true] } })
    await rm(packageDir, { recursive: true })
  })
})

// Processes are counted in /proc, which only Linux has.
describe.runIf(process.platform === 'linux')('processes of isolates', () => {
  it('hold plugins of one trust, and end with the last of them', async () => {
    expect(isolateProcesses()).toEqual([])
    for (const pluginId of ['a:1', 'a:2', 'a:3']) await run('echo', { pluginId })
    expect(isolateProcesses().length).toBe(1)
    await run('echo', { pluginId: 'b:1' })
    expect(isolateProcesses().length).toBe(2)
    for (const { guest } of running.splice(0)) await guest[Symbol.asyncDispose]()
    expect(isolateProcesses()).toEqual([])
  })

  it('take in a bounded number in their lives', async () => {
    for (let n = 0; n <= ISOLATES_PER_PROCESS; n += 1) await run('echo', { pluginId: `a:${n}` })
    expect(isolateProcesses().length).toBe(2)
  })

  it('tell every plugin in them of their end, and part those that were together', async () => {
    const [one, two] = [await run('echo', { pluginId: 'a:1' }), await run('echo', { pluginId: 'a:2' })]
    const [pid] = isolateProcesses()
    const other = await run('echo', { pluginId: 'b:1' })
    process.kill(pid ?? 0, 'SIGKILL')
    for (const { peer } of [one, two])
      expect(await peer.closed).toMatchObject({
        code: 'plugin_crashed',
        message: 'the process of its isolate, which it shared with 1 other plugins, was ended by SIGKILL',
      })
    expect(await other.hook({})).toMatchObject({ data: { calls: 1 } })
    for (const pluginId of ['a:1', 'a:2', 'a:3', 'a:4']) await run('echo', { pluginId })
    // Each of the two alone, the two new ones together, and the process that nothing happened to.
    expect(isolateProcesses().length).toBe(4)
  })

  it('go on when one of their isolates ends by itself', async () => {
    const [one, two] = [await run('restless', { pluginId: 'a:10' }), await run('echo', { pluginId: 'a:11' })]
    await expect(one.hook({ body: 'exit' })).rejects.toMatchObject({ message: 'exited with code 7' })
    const big = await run('bombs', { pluginId: 'a:12' })
    await expect(big.hook({ body: 'array' })).rejects.toMatchObject({
      message: 'used more than 64 MB of memory',
    })
    expect(await two.hook({})).toMatchObject({ data: { calls: 1 } })
    expect(isolateProcesses().length).toBe(1)
  })

  it('go on while one of their isolates prints without end', async () => {
    const [one, two] = [await run('restless', { pluginId: 'a:15' }), await run('echo', { pluginId: 'a:16' })]
    for (let n = 0; n < 12; n += 1) await one.hook({ body: 'print-flood' })
    expect(await one.hook({ body: 'fine' })).toMatchObject({ data: { fine: true } })
    expect(await two.hook({})).toMatchObject({ data: { calls: 1 } })
    expect(one.printed.length).toBe(200)
  })

  it('give no isolate a thread for itself', async () => {
    const [looping, other] = [
      await run('restless', { pluginId: 'a:20' }),
      await run('echo', { pluginId: 'a:21' }),
    ]
    await expect(looping.hook({ body: 'loop' }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'plugin_timeout',
    })
    expect(await other.hook({})).toMatchObject({ data: { calls: 1 } })
    // Its time can be read meanwhile, and it ends without anybody who would end it.
    expect((await looping.guest.usage())?.cpuMs).toBeGreaterThan(30)
    expect(await looping.peer.closed).toMatchObject({ message: 'ran for 0.7 s without a pause' })
    expect(await other.hook({})).toMatchObject({ data: { calls: 2 } })
  })
})
