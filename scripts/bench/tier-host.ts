// One tier with plugins in it, as a child of the bench `tiers`: what it takes, how soon it answers, how soon it is ended.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import * as v from 'valibot'
import { createAudit } from '../../engine-node/broker/audit.ts'
import { createBroker } from '../../engine-node/broker/broker.ts'
import type { Verbs } from '../../engine-node/broker/verb.ts'
import { createClock } from '../../engine-node/clock.ts'
import { createLog } from '../../engine-node/log.ts'
import type { GuestConnection } from '../../engine-node/plugins/guest-connection.ts'
import { createOpenGuest } from '../../engine-node/plugins/open-guest.ts'
import { SYSTEM_PATH } from '../../engine-node/tiers/probe-machine.ts'
import { openTiers } from '../../engine-node/tiers/tiers.ts'
import { powersOf } from '../../src/contract/grants.ts'
import { Tier } from '../../src/contract/plugin-view.ts'
import { answerParent, childOptions } from './child.ts'
import { message } from './hook-round-trip.ts'
import { settleMemory, treeMemory } from './memory.ts'
import { sample } from './sampling.ts'

/** Processor time after which a loop has to end. */
export const CPU_LIMIT_MS = 500

/** How often the processor time of a loop is read, to know when its deadline was. */
const LOOK_EVERY_MS = 5

/** An empty loop, and one at the limit of its heap, whose thread does little but collect garbage. */
export const loops = ['loop', 'garbage'] as const

/** An object of very many keys ends the whole process when a thread does it, so it is not for the tier worker. */
export const bombs = ['array', 'buffers', 'keys'] as const

const PLUGIN = `const kept = []
const ways = {
  loop() { for (;;) {} },
  garbage() {
    for (let n = 0; n < 400_000; n += 1) kept.push({ n })
    for (;;) kept[Math.floor(Math.random() * kept.length)] = { n: Math.random(), more: [1, 2] }
  },
  async array() {
    for (;;) {
      for (let n = 0; n < 100_000; n += 1) kept.push({ n })
      await new Promise(resolve => setTimeout(resolve, 0))
    }
  },
  buffers() { for (;;) kept.push(Buffer.alloc(4 * 1024 * 1024, 1)) },
  keys() { const one = {}; for (let n = 0; ; n += 1) one['key ' + n] = n },
}
module.exports = { onEnable(ctx) {
  ctx.registerHook('message:received', async ({ data }) => {
    await ways[data.body]?.()
    return { continue: data.id.length > 0 }
  })
} }`

/** Starts when its input ends. */
const bare = (bomb: string) =>
  `console.log(0); process.stdin.resume().on('end', () => { const kept = []; ${bomb} })`
const bareBombs: Readonly<Record<(typeof bombs)[number], string>> = {
  array: bare('for (let n = 0; ; n += 1) kept.push({ n })'),
  // Nothing bounds these, so they end by themselves, at what a plugin would have been stopped at.
  buffers: bare('while (kept.length < 28) kept.push(Buffer.alloc(4 * 1024 * 1024, 1)); process.exit()'),
  keys: bare("for (let n = 0; ; n += 1) kept['key ' + n] = n"),
}

const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const timeout = { timeoutMs: 60_000 }

async function createTierHost(tier: Tier) {
  const stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const packageDir = mkdtempSync(join(folder, 'plugin-'))
  writeFileSync(join(packageDir, 'index.js'), PLUGIN)
  const clock = createClock()
  const log = createLog('silent')
  const tiers = stack.use(
    await openTiers({
      settings: {
        PLUGIN_TIER: tier,
        PLUGIN_TIER_WEAKEST: 'worker',
        PLUGIN_TIERS: new Map(),
        PLUGIN_TRUSTED: ['bench'],
        PLUGIN_UID: null,
        PLUGIN_CGROUP: 'off',
      },
      runDir: join(folder, 'run'),
      nodePath: process.execPath,
      searchPath: SYSTEM_PATH,
      clock,
      log,
    }),
  )
  const broker = createBroker({
    // Plugins of this bench ask for nothing.
    verbs: {} as Verbs,
    plugin: () => undefined,
    isLive: () => false,
    clock,
    audit: createAudit(),
  })
  const openGuest = createOpenGuest({ tierFor: tiers.hostOf, broker, clock, log })
  const powers = powersOf({ limits: { cpuMs: CPU_LIMIT_MS } }, {})
  const idle: GuestConnection[] = []
  let answering: GuestConnection | null = null
  let thread: Worker | null = null

  async function start(): Promise<GuestConnection> {
    const guest = await openGuest({ pluginId: 'bench', packageDir, asked: null, powers, onOutput() {} })
    const config = { base: {}, sessions: {} }
    await guest.call('load', { pluginId: 'bench', main: guest.resolveMain('index.js'), config }, timeout)
    for (const phase of ['onLoad', 'onEnable'] as const) await guest.call('lifecycle', { phase }, timeout)
    return guest
  }

  const hook = (guest: GuestConnection, body: string) =>
    guest.call(
      'hook',
      {
        event: 'message:received',
        data: { ...message, body },
        sessionId: null,
        source: 'Engine',
        timestamp: 0,
        inFlight: [],
      },
      timeout,
    )

  const commands = {
    /** Milliseconds from nothing to enabled. */
    async coldStart() {
      const before = performance.now()
      await using _guest = await start()
      return performance.now() - before
    },
    /** Memory of this process and of all below it, with so many idle plugins. */
    async memory(count: number) {
      while (idle.length < count) idle.push(await start())
      await settleMemory()
      return treeMemory()
    },
    async endIdle() {
      await Promise.all(idle.splice(0).map(guest => guest[Symbol.asyncDispose]()))
    },
    async roundTrip({ bytes, samples }: { bytes: number; samples: number }) {
      answering ??= await start()
      const guest = answering
      const body = 'x'.repeat(bytes)
      return await sample(samples, () => hook(guest, body))
    },
    /** The bare thing: the same message to a thread and back. */
    async ping({ bytes, samples }: { bytes: number; samples: number }) {
      thread ??= new Worker(
        `const { parentPort } = require('node:worker_threads')
         parentPort.on('message', said => parentPort.postMessage(said))`,
        { eval: true },
      )
      const to = thread
      const body = { ...message, body: 'x'.repeat(bytes) }
      return await sample(samples, () => {
        const answer = new Promise(resolve => to.once('message', resolve))
        to.postMessage(body)
        return answer
      })
    },
    /** Milliseconds that a loop lived on after it had used its processor time, until it was gone. */
    async loop(kind: (typeof loops)[number]) {
      await using guest = await start()
      const from = (await guest.usage())?.cpuMs ?? 0
      let isOver = false
      let deadline: number | null = null
      const gone = hook(guest, kind).then(
        () => {},
        () => guest[Symbol.asyncDispose](),
      )
      const ended = gone.then(() => {
        isOver = true
        return performance.now()
      })
      while (!isOver && deadline === null) {
        await wait(LOOK_EVERY_MS)
        const usage = await guest.usage().catch(() => null)
        if (usage !== null && usage.cpuMs - from >= CPU_LIMIT_MS) deadline = performance.now()
      }
      const at = await ended
      return at - (deadline ?? at)
    },
    /** Longest time in ms for which this process did nothing else while a plugin took all the memory it could get. */
    async bomb(kind: (typeof bombs)[number]) {
      await using guest = await start()
      return await stallDuring(() => hook(guest, kind).catch(() => guest[Symbol.asyncDispose]()))
    },
    /** The same while a bare child of Node, which this process says nothing to, takes memory in that way. */
    async bareBomb(kind: (typeof bombs)[number]) {
      const flags = [`--max-old-space-size=${powers.memoryMb}`, '--input-type=commonjs']
      const child = spawn(process.execPath, [...flags, '-e', bareBombs[kind]], {
        stdio: ['pipe', 'pipe', 'ignore'],
      })
      const exited = once(child, 'exit')
      await once(child.stdout, 'data')
      return await stallDuring(async () => {
        child.stdin.end()
        await exited
      })
    },
  }
  answerParent(commands, async () => {
    await thread?.terminate()
    await stack.disposeAsync()
  })
  return commands
}

async function stallDuring(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await wait(20)
  delay.reset()
  await work()
  await wait(20)
  delay.disable()
  // The histogram holds whole intervals, of which one millisecond is the timer's own.
  return Math.max(0, delay.max / 1e6 - 1)
}

export type TierCommands = Awaited<ReturnType<typeof createTierHost>>

if (import.meta.main) await createTierHost(v.parse(v.object({ tier: Tier }), childOptions()).tier)
