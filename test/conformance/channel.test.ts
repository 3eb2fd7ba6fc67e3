// The conformance suite over every carrier there is.
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, beforeAll } from 'vitest'
import { createClock } from '../../engine-node/clock.ts'
import { decodeFrame } from '../../engine-node/rpc/frame-codec.ts'
import { createLinkedPair } from '../../engine-node/rpc/memory-channel.ts'
import { createStreamChannel } from '../../engine-node/rpc/stream-channel.ts'
import { writeBundle } from '../../engine-node/tiers/guest-bundle.ts'
import { createIsolateTier } from '../../engine-node/tiers/isolate.ts'
import { bundleIsolate } from '../../engine-node/tiers/isolate-bundle.ts'
import { probeMachine } from '../../engine-node/tiers/probe-machine.ts'
import { createProcessTier } from '../../engine-node/tiers/process.ts'
import type { TierHost } from '../../engine-node/tiers/tier.ts'
import { createWorkerTier } from '../../engine-node/tiers/worker.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Frame } from '../../src/contract/frames.ts'
import { type Tier, tiers } from '../../src/contract/plugin-view.ts'
import { describeChannel } from './channel.suite.ts'
import { createMirror, mirrorStream } from './mirror.ts'

const farEndGone = new GatewayError('channel_closed', 'The far end is gone')

describeChannel({
  name: 'memory pair',
  bytes: false,
  death: { code: 'channel_closed', message: /closed/ },
  async open() {
    const [channel, far] = createLinkedPair()
    const mirror = createMirror({
      sendText: text => far.send(JSON.parse(text) as Frame),
      sendBytes: () => {},
      die: () => far.close(farEndGone),
    })
    async function read() {
      for (;;) mirror(JSON.stringify(await far.receive()))
    }
    void read().catch(() => {})
    return { channel, dispose: async () => channel.close(farEndGone) }
  },
})

describeChannel({
  name: 'stream pair',
  bytes: true,
  death: { code: 'plugin_crashed', message: /gone/ },
  async open() {
    const [near, far] = duplexPair()
    mirrorStream(far, () => far.end())
    const channel = createStreamChannel({
      stream: near,
      decode: decodeFrame,
      ended: () => new GatewayError('plugin_crashed', 'The far end is gone'),
    })
    return { channel, dispose: async () => channel.close(farEndGone) }
  },
})

let folder = ''
const hosts = {} as Record<Tier, TierHost>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-channel-'))
  const entry = (name: string) => fileURLToPath(new URL(name, import.meta.url))
  const [guestFile, isolates, nodePath] = await Promise.all([
    writeBundle({ outDir: folder, name: 'mirror', entry: entry('./mirror-start.ts') }),
    bundleIsolate({ outDir: folder, runtimeEntry: entry('./mirror-isolate.ts') }),
    realpath(process.execPath),
  ])
  const [log, clock] = [pino({ level: 'silent' }), createClock()]
  const probed = await probeMachine({ nodePath, searchPath: process.env.PATH ?? '', firstUid: null })
  hosts.worker = await createWorkerTier({ guestFile, clock })
  hosts.process = await createProcessTier({ nodePath, guestFile, clock, log, probe: async () => probed })
  hosts.isolate = await createIsolateTier({ nodePath, ...isolates, probed, clock, log, trustOf: () => '' })
})
afterAll(async () => {
  for (const host of Object.values(hosts)) await host[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

for (const tier of tiers)
  describeChannel({
    name: `${tier} tier`,
    bytes: tier !== 'isolate',
    death: { code: 'plugin_crashed', message: /exited with code 3/ },
    async open() {
      // A folder of its own: the bundles beside it are no code of the plugin.
      const packageDir = await mkdtemp(join(folder, 'package-'))
      const guest = await hosts[tier].open({
        pluginId: 'mirror',
        packageDir,
        memoryMb: 256,
        onOutput: () => {},
      })
      return { channel: guest.channel, dispose: async () => guest[Symbol.asyncDispose]() }
    },
  })
