// The three tiers as they run in production, and a plugin in one of them with a host that a test can read.
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { createClock } from '../../engine-node/clock.ts'
import { createPeer, type Peer } from '../../engine-node/rpc/peer.ts'
import { bundleGuest } from '../../engine-node/tiers/guest-bundle.ts'
import { createIsolateTier } from '../../engine-node/tiers/isolate.ts'
import { bundleIsolate } from '../../engine-node/tiers/isolate-bundle.ts'
import { type Probe, probeMachine } from '../../engine-node/tiers/probe-machine.ts'
import { createProcessTier } from '../../engine-node/tiers/process.ts'
import type { Guest, TierHost } from '../../engine-node/tiers/tier.ts'
import { createWorkerTier } from '../../engine-node/tiers/worker.ts'
import type { PluginConfig } from '../../src/contract/frames.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'

const PLUGINS = fileURLToPath(new URL('../fixtures/plugins', import.meta.url))
const log = pino({ level: 'silent' })
const clock = createClock()

export interface PluginTiers extends AsyncDisposable {
  readonly hosts: Record<Tier, TierHost>
  readonly probed: Probe
  /** Where the bundles lie; what a plugin should know nothing of. */
  readonly folder: string
}

/** `searchPath` is where bubblewrap is looked for. */
export async function startPluginTiers({
  searchPath = process.env.PATH ?? '',
  trustOf = (_pluginId: string): string => 'all',
  turnMs = 30_000,
} = {}): Promise<PluginTiers> {
  const folder = await mkdtemp(join(tmpdir(), 'wharf-tiers-'))
  const nodePath = await realpath(process.execPath)
  const [guestFile, isolates, probed] = await Promise.all([
    bundleGuest({ outDir: folder }),
    bundleIsolate({ outDir: folder }),
    probeMachine({ nodePath, searchPath, firstUid: null }),
  ])
  const hosts = {
    worker: await createWorkerTier({ guestFile, clock }),
    process: await createProcessTier({ nodePath, guestFile, clock, log, probe: async () => probed }),
    isolate: await createIsolateTier({ nodePath, ...isolates, probed, clock, log, trustOf, turnMs }),
  }
  return {
    hosts,
    probed,
    folder,
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(hosts).map(host => host[Symbol.asyncDispose]()))
      await rm(folder, { recursive: true })
    },
  }
}

export interface RunningPlugin {
  readonly guest: Guest
  readonly peer: Peer
  readonly printed: string[]
  readonly logged: unknown[]
  hook(
    data: object,
    options?: { event?: string; sessionId?: string | null; inFlight?: string[]; timeoutMs?: number },
  ): Promise<unknown>
}

export interface RunOptions {
  main?: string
  memoryMb?: number
  packageDir?: string
  config?: PluginConfig
  pluginId?: string
  /** Answers the plugin's calls of capabilities. */
  capability?: (call: unknown) => unknown
}

/** Starts a plugin of test/fixtures/plugins as far as `onEnable`. */
export async function runPlugin(
  host: TierHost,
  plugin: string,
  {
    main = 'index.js',
    memoryMb = 64,
    packageDir = join(PLUGINS, plugin),
    config = { base: {}, sessions: {} },
    pluginId = plugin,
    capability = () => null,
  }: RunOptions = {},
): Promise<RunningPlugin> {
  const printed: string[] = []
  const logged: unknown[] = []
  const onOutput = (line: string) => void printed.push(line)
  const guest = await host.open({ pluginId, packageDir, memoryMb, onOutput })
  const peer = createPeer({
    channel: guest.channel,
    remote: 'guest',
    methods: new Map([['capability', capability]]),
    events: new Map<string, (params: unknown) => void>([
      ['subscribe', () => {}],
      ['log', line => void logged.push(line)],
    ]),
    clock,
  })
  const wait = { timeoutMs: 15_000 }
  try {
    await peer.call('load', { pluginId, main: guest.resolveMain(main), config }, wait)
    for (const phase of ['onLoad', 'onEnable']) await peer.call('lifecycle', { phase }, wait)
  } catch (thrown) {
    await guest[Symbol.asyncDispose]()
    throw thrown
  }
  return {
    guest,
    peer,
    printed,
    logged,
    hook(
      data,
      { event = 'message:received', sessionId = null, inFlight = [event], timeoutMs = 15_000 } = {},
    ) {
      const params = { event, data, sessionId, source: 'Engine', timestamp: 0, inFlight }
      return peer.call('hook', params, { timeoutMs })
    },
  }
}
