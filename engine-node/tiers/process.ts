// The tier `process`: each plugin in a child of its own, by Node's permission model and, where the machine can, bubblewrap.
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { decodeFrame } from '../rpc/frame-codec.ts'
import { createStreamChannel } from '../rpc/stream-channel.ts'
import { captureOutput } from './guest-output.ts'
import { createMemoryWatch } from './memory-watch.ts'
import { nodeFlags } from './node-flags.ts'
import { layersOf, type Probe, probeMachine, SYSTEM_PATH } from './probe-machine.ts'
import { missingPromises } from './promises.ts'
import { createChildSandbox, type SandboxedChild } from './sandboxed-child.ts'
import type { Guest, GuestOptions, TierHost } from './tier.ts'

/** The descriptor of frames in the child: the first after the three that every process has. */
const FRAMES = 3

/** How long a process may live on after the end of its pipe: the exit of a dying one follows in a millisecond. */
const EXIT_GRACE_MS = 1_000

export interface ProcessTierDeps {
  /** The Node that guests run on, which is the gateway's own. */
  nodePath: string
  /** What `bundleGuest` wrote. */
  guestFile: string
  clock: Clock
  log: Logger
  /** The whole environment of guests. Nothing of the gateway's own is added. */
  env?: Readonly<Record<string, string>>
  /** Asked once, at the start. */
  probe?: (nodePath: string) => Promise<Probe>
}

const findSandbox = (nodePath: string) => probeMachine({ nodePath, searchPath: SYSTEM_PATH, firstUid: null })

type PluginChild = SandboxedChild<{ guestFile: string; packageDir: string }>

export async function createProcessTier(deps: ProcessTierDeps): Promise<TierHost> {
  const { clock, log, env = {}, probe = findSandbox } = deps
  const [nodePath, guestFile] = await Promise.all([realpath(deps.nodePath), realpath(deps.guestFile)])
  const probed = await probe(nodePath)
  const missing = missingPromises('process', layersOf(probed))
  const because = probed.sandbox === null ? { because: probed.why } : {}
  for (const promise of missing) log.debug({ tier: 'process', ...because }, promise)
  const sandbox = createChildSandbox({ nodePath, env, probed })
  const watch = createMemoryWatch(clock)
  const guests = new Set<Guest>()

  async function open(options: GuestOptions): Promise<Guest> {
    const packageDir = await realpath(options.packageDir)
    const { read = [], write = [] } = options.filesystem ?? {}
    if (read.length + write.length > 0 && probed.sandbox === null)
      throw new GatewayError(
        'plugin_isolation_missing',
        'Paths are given only where bubblewrap keeps to them',
      )
    const real = (path: string) => realpath(path).then(from => [from, path] as const)
    const [readable, writable] = await Promise.all([read, write].map(paths => Promise.all(paths.map(real))))
    const child = await sandbox.start({
      files: { guestFile, packageDir },
      mounts: { read: readable ?? [], write: writable ?? [] },
      flags: seen => nodeFlags(seen, options.memoryMb, { read, write }),
      pipes: 1,
      memoryMb: options.memoryMb,
    })
    const guest = adopt(child, options)
    await child.started
    return guest
  }

  function adopt(child: PluginChild, { pluginId, memoryMb, onOutput }: GuestOptions): Guest {
    const { pids, exited } = child
    const channel = createStreamChannel({
      stream: child.pipe(FRAMES),
      decode: decodeFrame,
      async ended() {
        // Its exit tells the reason. A process that lives on without its pipe is of no use to anybody.
        const stopTimer = clock.after(EXIT_GRACE_MS, pids.kill)
        const how = await exited
        stopTimer()
        return new GatewayError('plugin_crashed', how, { details: { pluginId } })
      },
    })
    const unwatch = watch.add({
      memoryBytes: () => pids.usage()?.memoryBytes() ?? null,
      limitMb: memoryMb,
      exceeded(usedMb) {
        const why = `used more than ${memoryMb} MB of memory (${usedMb} MB with what Node itself takes)`
        channel.close(new GatewayError('plugin_crashed', why, { details: { pluginId } }))
      },
    })
    captureOutput({
      streams: [child.process.stdout, child.process.stderr].filter(stream => stream !== null),
      now: clock.now,
      onOutput,
    })
    // Whoever closes it, and for whatever reason: without a channel there is no guest.
    void channel.closed.then(pids.kill)
    void exited.then(() => {
      unwatch()
      pids.close()
      guests.delete(guest)
    })
    const guest: Guest = {
      channel,
      resolveMain: main => join(child.seen.packageDir, main),
      async usage() {
        const usage = pids.usage()
        const [memoryBytes, cpuMs] = [usage?.memoryBytes() ?? null, usage?.cpuMs() ?? null]
        return memoryBytes === null || cpuMs === null ? null : { memoryBytes, cpuMs }
      },
      async [Symbol.asyncDispose]() {
        channel.close(new GatewayError('plugin_stopped', 'The plugin was stopped', { details: { pluginId } }))
        pids.kill()
        await exited
      },
    }
    guests.add(guest)
    return guest
  }

  return {
    tier: 'process',
    missingPromises: missing,
    givesPaths: probed.sandbox !== null,
    open,
    async [Symbol.asyncDispose]() {
      await Promise.all([...guests].map(guest => guest[Symbol.asyncDispose]()))
      await sandbox[Symbol.asyncDispose]()
    },
  }
}
