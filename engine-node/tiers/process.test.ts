import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../clock.ts'
import { createPeer } from '../rpc/peer.ts'
import { bundleGuest } from './guest-bundle.ts'
import { type Probe, probeMachine } from './probe-machine.ts'
import { createProcessTier } from './process.ts'
import { promises } from './promises.ts'
import type { TierHost } from './tier.ts'

const PLUGINS = fileURLToPath(new URL('../../test/fixtures/plugins', import.meta.url))
const log = pino({ level: 'silent' })
const probed = await probeMachine({
  nodePath: process.execPath,
  searchPath: process.env.PATH ?? '',
  firstUid: null,
})
const wait = { timeoutMs: 10_000 }

let folder = ''
let guestFile = ''
const tiers: TierHost[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-process-'))
  guestFile = await bundleGuest({ outDir: folder })
})
afterEach(async () => {
  for (const tier of tiers.splice(0)) await tier[Symbol.asyncDispose]()
})
afterAll(() => rm(folder, { recursive: true }))

async function openTier(probe: Probe = probed) {
  const deps = { nodePath: process.execPath, guestFile, clock: createClock(), log }
  const tier = await createProcessTier({ ...deps, probe: async () => probe })
  tiers.push(tier)
  return tier
}

/** Starts a plugin as far as `onEnable`, with a peer that answers nothing. */
async function run(
  tier: TierHost,
  plugin: string,
  { main = 'index.js', memoryMb = 128, packageDir = join(PLUGINS, plugin) } = {},
) {
  const printed: string[] = []
  const logged: unknown[] = []
  const onOutput = (line: string) => void printed.push(line)
  const guest = await tier.open({ pluginId: plugin, packageDir, memoryMb, onOutput })
  const peer = createPeer({
    channel: guest.channel,
    remote: 'guest',
    methods: new Map(),
    events: new Map<string, (params: unknown) => void>([
      ['subscribe', () => {}],
      ['log', line => void logged.push(line)],
    ]),
    clock: createClock(),
  })
  const config = { base: {}, sessions: {} }
  await peer.call('load', { pluginId: plugin, main: guest.resolveMain(main), config }, wait)
  for (const phase of ['onLoad', 'onEnable']) await peer.call('lifecycle', { phase }, wait)
  const hook = (data: object, timeoutMs = 10_000) =>
    peer.call(
      'hook',
      { event: 'message:received', data, sessionId: null, source: 'Engine', timestamp: 0, inFlight: [] },
      { timeoutMs },
    )
  return { guest, peer, hook, printed, logged }
}

/** Bubblewrap may end before the init of its namespace is waited for; the dead then lie with process 1 for a moment. */
function isAlive(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    // It is gone altogether.
    return false
  }
}

/** Processes that this one started, and those that they started. */
function descendants(): string[] {
  const parents = new Map<string, string>()
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const file = `/proc/${pid}/stat`
    if (!existsSync(file)) continue
    const stat = readFileSync(file, 'utf8')
    parents.set(pid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '')
  }
  const isOurs = (pid: string | undefined): boolean =>
    pid !== undefined && (pid === String(process.pid) || isOurs(parents.get(pid)))
  return [...parents.keys()].filter(pid => pid !== String(process.pid) && isOurs(pid))
}

describe('a guest process', () => {
  it('runs a plugin whose state lives from hook to hook', async () => {
    const { hook, guest } = await run(await openTier(), 'echo')
    const message = { id: 'A', chatId: 'B', body: 'x'.repeat(1_000) }
    expect(await hook(message)).toEqual({ continue: true, data: { ...message, calls: 1 } })
    expect(await hook(message)).toEqual({ continue: true, data: { ...message, calls: 2 } })
    const usage = await guest.usage()
    expect(usage?.memoryBytes).toBeGreaterThan(1_000_000)
    expect(usage?.cpuMs).toBeGreaterThanOrEqual(0)
    await guest[Symbol.asyncDispose]()
    expect(await guest.usage()).toBeNull()
  })

  it('gives an unmodified bundle what it counts on', async () => {
    const { hook } = await run(await openTier(), 'builtins')
    expect(await hook({})).toMatchObject({ data: { ran: 15, failed: [] } })
  })

  it('loads ES modules, also those that await at their top level', async () => {
    const tier = await openTier()
    const plain = await run(tier, 'esm', { main: 'index.mjs' })
    expect(await plain.hook({})).toMatchObject({ data: { word: 'imported' } })
    const awaiting = await run(tier, 'esm-await', { main: './index.mjs' })
    expect(await awaiting.hook({})).toMatchObject({ data: { word: 'awaited' } })
  })

  it('says why a plugin cannot be loaded', async () => {
    await expect(run(await openTier(), 'echo', { main: 'missing.js' })).rejects.toMatchObject({
      code: 'plugin_failed',
      message: expect.stringContaining('missing.js'),
    })
  })

  it('is killed while it loops; others are not disturbed', async () => {
    const tier = await openTier()
    const [looping, other] = [await run(tier, 'restless'), await run(tier, 'echo')]
    await expect(looping.hook({ body: 'loop' }, 200)).rejects.toMatchObject({ code: 'plugin_timeout' })
    expect(await other.hook({ id: 'A', chatId: 'B' })).toMatchObject({ continue: true })
    await looping.guest[Symbol.asyncDispose]()
    expect(await looping.guest.channel.closed).toMatchObject({ code: 'plugin_stopped' })
    expect(await other.hook({ id: 'A', chatId: 'B' })).toMatchObject({ data: { calls: 2 } })
  })

  // Processes are counted in /proc, which only Linux has.
  it.runIf(process.platform === 'linux')('leaves no process behind', async () => {
    const before = descendants()
    const tier = await openTier()
    for (const plugin of ['echo', 'restless', 'esm-await'])
      await run(tier, plugin, { main: plugin === 'esm-await' ? 'index.mjs' : 'index.js' })
    const started = descendants().filter(pid => !before.includes(pid))
    expect(started.length).toBeGreaterThanOrEqual(probed.sandbox === null ? 3 : 9)
    await tier[Symbol.asyncDispose]()
    expect(started.filter(isAlive)).toEqual([])
  })

  // bubblewrap puts the filter in place, where it knows how to.
  it.runIf(probed.sandbox?.filter)('has every call judged by the filter', async () => {
    const before = descendants()
    await run(await openTier(), 'echo')
    const commands = descendants()
      .filter(pid => !before.includes(pid))
      .map(pid => [readFileSync(`/proc/${pid}/cmdline`, 'utf8'), readFileSync(`/proc/${pid}/status`, 'utf8')])
    const guest = commands.find(([command]) => command?.startsWith('/node'))
    // SECCOMP_MODE_FILTER
    expect(guest?.[1]).toMatch(/^Seccomp:\s+2$/m)
  })

  it('closes its channel with the way it ended', async () => {
    const tier = await openTier()
    const exiting = await run(tier, 'restless')
    await expect(exiting.hook({ body: 'exit' })).rejects.toMatchObject({ code: 'plugin_crashed' })
    expect(await exiting.peer.closed).toMatchObject({
      code: 'plugin_crashed',
      message: 'exited with code 7',
      details: { pluginId: 'restless' },
    })
    const throwing = await run(tier, 'restless')
    await throwing.hook({ body: 'throw-later' })
    expect(await throwing.peer.closed).toMatchObject({ message: 'exited with code 1' })
    expect(throwing.printed.join('\n')).toContain('thrown in a timer')
  })

  it('logs a rejection that nobody listens to, and lives', async () => {
    const { hook, logged } = await run(await openTier(), 'restless')
    await hook({ body: 'reject-later' })
    expect(await hook({ body: 'fine' })).toMatchObject({ data: { fine: true } })
    expect(logged).toMatchObject([{ level: 'error', message: expect.stringContaining('nobody listens') }])
  })

  it('answers an error for what it cannot send, and for a handler that throws goes on', async () => {
    const { hook, logged } = await run(await openTier(), 'restless')
    for (const body of ['cyclic', 'bigint'])
      await expect(hook({ body })).rejects.toMatchObject({
        code: 'plugin_failed',
        details: { pluginCode: 'frame_invalid' },
      })
    expect(await hook({ body: 'throw' })).toEqual({ continue: true, error: 'the handler failed' })
    expect(logged).toMatchObject([{ level: 'error', message: expect.stringContaining('the handler failed') }])
  })

  it('goes on when the plugin patches JSON under its feet', async () => {
    const { hook } = await run(await openTier(), 'restless')
    await hook({ body: 'patch' })
    expect(await hook({ body: 'fine' })).toMatchObject({ data: { fine: true } })
  })

  it('prints lines within bounds, and survives being no longer read', async () => {
    const { hook, printed } = await run(await openTier(), 'restless')
    await hook({ body: 'print' })
    await expect.poll(() => printed.length).toBeGreaterThan(1)
    expect(printed[0]).toBe('printed')
    expect(Math.max(...printed.map(line => line.length))).toBeLessThan(9_000)
    await hook({ body: 'print-flood' })
    await expect.poll(() => printed.at(-1)).toContain('the rest is not read')
    expect(printed.length).toBeLessThan(210)
    expect(await hook({ body: 'fine' })).toMatchObject({ data: { fine: true } })
  })

  it.each(['buffers', 'wasm', 'shared', 'objects'])('dies of too much memory in %s', async body => {
    const { hook, peer } = await run(await openTier(), 'bombs', { memoryMb: 64 })
    await expect(hook({ body })).rejects.toMatchObject({ code: 'plugin_crashed' })
    const { message } = await peer.closed
    expect(message).toMatch(body === 'objects' ? /used more than 64 MB|SIGABRT/ : /used more than 64 MB/)
  })

  it('rejects when it cannot be started', async () => {
    const tier = await openTier({ sandbox: { bwrap: '/does/not/exist', libraries: [], filter: null } })
    await expect(run(tier, 'echo')).rejects.toMatchObject({ code: 'plugin_crashed' })
  })
})

const Probed = v.object({
  data: v.looseObject({
    outcomes: v.record(
      v.string(),
      v.object({ got: v.optional(v.string()), refused: v.optional(v.string()) }),
    ),
  }),
})

/** What a plugin without any sandbox of the system may still do, and the machine's record says so. */
const OPEN_WITHOUT_SANDBOX = ['canary by symlink', 'signal host']

describe.each([
  ['in bubblewrap', probed],
  ["under Node's permissions alone", { sandbox: null, why: 'it was not asked for' } as Probe],
])('a hostile plugin %s', (_, probe) => {
  const sandboxed = probe.sandbox !== null

  // Where bubblewrap is missing there is nothing to try inside of it.
  it.runIf(sandboxed || probe !== probed)('reaches nothing that is not its own', async () => {
    const place = await mkdtemp(join(folder, 'hostile-'))
    const canary = join(place, 'canary.js')
    await writeFile(canary, 'module.exports = "canary"')
    const packageDir = join(place, 'package')
    await cp(join(PLUGINS, 'probe'), packageDir, { recursive: true })
    await symlink(canary, join(packageDir, 'link'))
    const socket = join(place, 'socket')
    let connections = 0
    const count = () => {
      connections += 1
    }
    const servers = [createServer(count), createServer(count)] as const
    await new Promise<void>(resolve => servers[0].listen(0, '127.0.0.1', resolve))
    await new Promise<void>(resolve => servers[1].listen(socket, resolve))
    const address = servers[0].address()
    const port = typeof address === 'object' && address !== null ? address.port : 0

    const tier = await openTier(probe)
    expect(tier.missingPromises.includes(promises.wall.missing)).toBe(!sandboxed)
    const { hook } = await run(tier, 'probe', { packageDir })
    const answer = await hook({ host: { pid: process.pid, canary, port, socket, mayDebug: sandboxed } })
    for (const server of servers) server.close()

    const { data } = v.parse(Probed, answer)
    const open = Object.entries(data.outcomes).filter(([, outcome]) => outcome.got !== undefined)
    // bubblewrap has an empty network of its own: what is done in it reaches nobody.
    const allowed = sandboxed ? [] : OPEN_WITHOUT_SANDBOX
    expect(open.filter(([name]) => !allowed.includes(name))).toEqual([])
    expect(Object.keys(data.outcomes).length).toBe(29)
    expect(data).toMatchObject({ env: {}, reported: [] })
    expect(connections).toBe(0)
    expect(readdirSync(packageDir).sort()).toEqual(['index.js', 'link'])
    if (sandboxed) expect(JSON.stringify([data.argv, data.dir])).not.toContain(folder)
  })
})
