// For real, where the tests run as root: bubblewrap is looked for where it is not.
import { chmod, cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PluginTiers, runPlugin, startPluginTiers } from '../../test/support/plugin-tiers.ts'
import { promises } from './promises.ts'

const Outcome = v.object({ got: v.optional(v.string()), refused: v.optional(v.string()) })
const Probed = v.object({ data: v.looseObject({ outcomes: v.record(v.string(), Outcome) }) })

// Only root may give a process another user.
describe.runIf(process.getuid?.() === 0)('root without bubblewrap', () => {
  let all: PluginTiers
  let folder = ''
  beforeAll(async () => {
    all = await startPluginTiers({ searchPath: '/nowhere' })
    folder = await mkdtemp(join(tmpdir(), 'wharf-uid-'))
  })
  afterAll(async () => {
    await all[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  it('has found a user id, and says what does not hold', () => {
    expect(all.probed).toMatchObject({
      sandbox: null,
      why: 'bubblewrap is not installed',
      firstUid: expect.any(Number),
    })
    expect(all.hosts.process.missingPromises).toEqual([
      promises.wall.missing,
      ...(all.probed.limiter === undefined ? [promises.descriptors.missing] : []),
      promises.kernel.missing,
      promises.share.missing,
      promises.machine.missing,
    ])
    expect(all.hosts.isolate.missingPromises).toEqual(
      (['wall', 'kernel', 'share', 'neighbours'] as const).map(name => promises[name].missing),
    )
  })

  it('runs a hostile plugin that reaches neither files nor the gateway', async () => {
    const canary = join(folder, 'canary.js')
    await writeFile(canary, 'module.exports = "canary"')
    await chmod(canary, 0o600)
    const packageDir = join(folder, 'package')
    await cp(fileURLToPath(new URL('../../test/fixtures/plugins/probe', import.meta.url)), packageDir, {
      recursive: true,
    })
    await symlink('/etc/passwd', join(packageDir, 'link'))
    const socket = join(folder, 'socket')
    let connections = 0
    const server = createServer(() => {
      connections += 1
    })
    await new Promise<void>(resolve => server.listen(socket, resolve))
    const { hook, guest } = await runPlugin(all.hosts.process, 'probe', { packageDir, memoryMb: 128 })
    const answer = await hook({ host: { pid: process.pid, canary, port: 1, socket, mayDebug: true } })
    await guest[Symbol.asyncDispose]()
    server.close()
    const { outcomes } = v.parse(Probed, answer).data
    expect(Object.entries(outcomes).filter(([, { got }]) => got !== undefined)).toEqual([])
    expect(outcomes['signal host']).toEqual({ refused: 'EPERM' })
    expect(outcomes['canary by symlink']?.refused).toBeDefined()
    expect(connections).toBe(0)
  })

  it('gives each plugin an id of its own', async () => {
    const [one, two] = [await runPlugin(all.hosts.process, 'uid'), await runPlugin(all.hosts.process, 'uid')]
    const first = v.parse(Uid, await one.hook({}))
    const second = v.parse(Uid, await two.hook({ pid: first.data.pid }))
    expect(first.data.uid).not.toBe(second.data.uid)
    expect(first.data.uid).toBeGreaterThan(1_000)
    expect([first.data.gid, first.data.groups]).toEqual([first.data.uid, [first.data.uid]])
    expect(second.data.signalled).toBe('EPERM')
    for (const { guest } of [one, two]) await guest[Symbol.asyncDispose]()
  })

  it('runs isolates under such an id too', async () => {
    const { hook, guest } = await runPlugin(all.hosts.isolate, 'echo')
    expect(await hook({})).toMatchObject({ data: { calls: 1 } })
    await guest[Symbol.asyncDispose]()
  })
})

const Uid = v.object({
  data: v.object({
    pid: v.number(),
    uid: v.number(),
    gid: v.number(),
    groups: v.array(v.number()),
    signalled: v.optional(v.string()),
  }),
})
