// The tier `isolate`: plugins in isolates of isolated-vm, several of one trust in a process that is fenced in like any plugin's.
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { INSIDE } from './bubblewrap.ts'
import { findIsolatedVm } from './isolate-host/addon.ts'
import { ISOLATES_PER_PROCESS } from './isolate-host/control.ts'
import { type IsolateProcess, type OpenedIsolate, startIsolateProcess } from './isolate-process.ts'
import { createLinePrinter } from './line-printer.ts'
import { createMemoryWatch } from './memory-watch.ts'
import { isolateFlags } from './node-flags.ts'
import { readPackageCode } from './package-code.ts'
import { layersOf, type Probe } from './probe-machine.ts'
import { missingPromises } from './promises.ts'
import { createChildSandbox } from './sandboxed-child.ts'
import type { Guest, GuestOptions, TierHost } from './tier.ts'

/** The most that a plugin may be granted for one call (`limits.cpuMs`). */
const LONGEST_TURN_MS = 30_000

/** isolated-vm makes none below it. */
const LEAST_MEMORY_MB = 8

export interface IsolateTierDeps {
  /** The Node that isolates run on, which is the gateway's own. */
  nodePath: string
  /** What `bundleIsolate` wrote. */
  hostFile: string
  runtimeFile: string
  probed: Probe
  clock: Clock
  log: Logger
  /** Plugins of the same answer may share a process. */
  trustOf(pluginId: string): string
  /**
   * Longest that an isolate may run without a pause. Calls have bounds of their own below it; this one is for loops that no
   * call waits for, which would keep one of few threads for ever.
   */
  turnMs?: number
  /** The arguments of Node. Others are for tests. */
  flags?: typeof isolateFlags
}

/** Rejects with `plugin_isolation_missing` where isolated-vm has no build for this machine. */
export async function createIsolateTier(deps: IsolateTierDeps): Promise<TierHost> {
  const { clock, log, probed, trustOf, turnMs = LONGEST_TURN_MS, flags = isolateFlags } = deps
  const [nodePath, guestFile, runtimeFile, addonFile] = await Promise.all([
    realpath(deps.nodePath),
    realpath(deps.hostFile),
    realpath(deps.runtimeFile),
    realpath(findIsolatedVm()),
  ])
  const missing = missingPromises('isolate', layersOf(probed))
  for (const promise of missing) log.debug({ tier: 'isolate' }, promise)
  const sandbox = createChildSandbox({ nodePath, env: {}, probed })
  const watch = createMemoryWatch(clock)
  const pool = new Set<Pooled>()
  const ending = new Set<Promise<void>>()
  // Plugins that were there when a process died. One of them did it, so each of them is alone from then on.
  const suspects = new Set<string>()

  /** A process with room for one more of this trust, or a new one; the place is taken at once. */
  function place(pluginId: string): Pooled {
    const trust = suspects.has(pluginId) ? `suspect ${pluginId}` : `trust ${trustOf(pluginId)}`
    let pooled = [...pool].find(each => each.trust === trust && each.placed < ISOLATES_PER_PROCESS)
    if (pooled === undefined) {
      const files = { guestFile, addonFile, runtimeFile }
      const starting = startIsolateProcess({ sandbox, files, flags, watch, clock, log })
      pooled = { trust, starting, placed: 0, living: 0 }
      pool.add(pooled)
      void watchOver(pooled)
    }
    pooled.placed += 1
    pooled.living += 1
    return pooled
  }

  /** Takes a process out of the pool when it has ended, however that was. */
  async function watchOver(pooled: Pooled): Promise<void> {
    try {
      const started = await pooled.starting
      const { left } = await started.exited
      for (const pluginId of left) suspects.add(pluginId)
    } catch {
      // It could not be started, which those who wait for it are told.
    }
    pool.delete(pooled)
  }

  /** Ends a process that nobody is in any more, and resolves when it is gone. */
  async function leave(pooled: Pooled): Promise<void> {
    pooled.living -= 1
    if (pooled.living > 0) return
    pool.delete(pooled)
    const end = pooled.starting.then(
      started => started[Symbol.asyncDispose](),
      () => {},
    )
    ending.add(end)
    await end
    ending.delete(end)
  }

  async function open({ pluginId, packageDir, memoryMb, onOutput }: GuestOptions): Promise<Guest> {
    const files = await readPackageCode(await realpath(packageDir))
    const pooled = place(pluginId)
    try {
      const home = await pooled.starting
      const print = createLinePrinter(clock.now, onOutput)
      const isolate = await home.open({
        pluginId,
        memoryMb: Math.max(memoryMb, LEAST_MEMORY_MB),
        turnMs,
        files,
        onOutput: print,
      })
      const left = isolate.gone.then(() => leave(pooled))
      return guestOf(isolate, left, pluginId)
    } catch (thrown) {
      await leave(pooled)
      throw thrown
    }
  }

  return {
    tier: 'isolate',
    missingPromises: missing,
    givesPaths: false,
    open,
    async [Symbol.asyncDispose]() {
      for (const pooled of pool) {
        pooled.living = 1
        void leave(pooled)
      }
      await Promise.all(ending)
      await sandbox[Symbol.asyncDispose]()
    },
  }
}

interface Pooled {
  /** Who may come in. */
  readonly trust: string
  readonly starting: Promise<IsolateProcess>
  /** Isolates that it was given in its life, and those that are there now. */
  placed: number
  living: number
}

function guestOf(isolate: OpenedIsolate, left: Promise<void>, pluginId: string): Guest {
  return {
    channel: isolate.channel,
    resolveMain: main => join(INSIDE.packageDir, main),
    usage: isolate.usage,
    async [Symbol.asyncDispose]() {
      isolate.channel.close(
        new GatewayError('plugin_stopped', 'The plugin was stopped', { details: { pluginId } }),
      )
      await left
    },
  }
}
