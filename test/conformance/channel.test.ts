// The conformance suite over every carrier there is.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { build } from 'esbuild'
import { pino } from 'pino'
import { afterAll, beforeAll } from 'vitest'
import { createClock } from '../../engine-node/clock.ts'
import { decodeFrame } from '../../engine-node/rpc/frame-codec.ts'
import { createLinkedPair } from '../../engine-node/rpc/memory-channel.ts'
import { createStreamChannel } from '../../engine-node/rpc/stream-channel.ts'
import { createProcessTier } from '../../engine-node/tiers/process.ts'
import type { TierHost } from '../../engine-node/tiers/tier.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Frame } from '../../src/contract/frames.ts'
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
let tier: TierHost
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-channel-'))
  const guestFile = join(folder, 'mirror.cjs')
  const entry = new URL('./mirror-start.ts', import.meta.url).pathname
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', outfile: guestFile })
  const log = pino({ level: 'silent' })
  tier = await createProcessTier({ nodePath: process.execPath, guestFile, clock: createClock(), log })
})
afterAll(async () => {
  await tier[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

describeChannel({
  name: 'process tier',
  bytes: true,
  death: { code: 'plugin_crashed', message: /exited with code 3/ },
  async open() {
    const options = { pluginId: 'mirror', packageDir: folder, memoryMb: 256, onOutput: () => {} }
    const guest = await tier.open(options)
    return { channel: guest.channel, dispose: async () => guest[Symbol.asyncDispose]() }
  },
})
