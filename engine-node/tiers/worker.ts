// The tier `worker`: plugins in threads of the gateway itself. It keeps crashes tidy and is no boundary: it is for what came
// with the gateway, for development, and for what an operator trusts by name.
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import { errorStack } from '../guest/error-text.ts'
import { cutLine } from '../guest/line-budget.ts'
import { decodeFrame } from '../rpc/frame-codec.ts'
import { createPortStream } from '../rpc/port-stream.ts'
import { createStreamChannel } from '../rpc/stream-channel.ts'
import { captureOutput } from './guest-output.ts'
import { createMemoryWatch } from './memory-watch.ts'
import { copyForOthers } from './other-uid.ts'
import { missingPromises } from './promises.ts'
import { openThreadTime, type ThreadTime } from './thread-time.ts'
import type { Guest, GuestOptions, TierHost } from './tier.ts'

/** Room for young objects, as in a process; the plugin's own limit is for the old ones. */
const YOUNG_MB = 12

/** How long a thread may take to tell its memory. One that is busy with its heap may not get to it for seconds. */
const PATIENCE_MS = 10

const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY'

export interface WorkerTierDeps {
  /** What `bundleGuest` wrote: the same as for processes. */
  guestFile: string
  clock: Clock
}

export async function createWorkerTier({ guestFile, clock }: WorkerTierDeps): Promise<TierHost> {
  const guestPath = await realpath(guestFile)
  const watch = createMemoryWatch(clock)
  const guests = new Set<Guest>()

  async function open({ pluginId, packageDir, memoryMb, onOutput }: GuestOptions): Promise<Guest> {
    const place = await mkdtemp(join(await realpath(tmpdir()), 'wharf-worker-'))
    const folder = join(place, 'plugin')
    // Where it is installed, the package.json of the gateway itself would say what its files are.
    try {
      await copyForOthers(await realpath(packageDir), folder)
    } catch (thrown) {
      await rm(place, { recursive: true, force: true })
      throw thrown
    }
    // By its name its thread is found among those of the gateway: at most 15 bytes, and of it alone, as the folder's end is.
    const name = `plugin ${place.slice(-6)}`
    const worker = new Worker(guestPath, {
      name,
      argv: [],
      env: {},
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      trackUnmanagedFds: true,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const exited = exitOf(worker, memoryMb, line => onOutput(cutLine(line))).finally(() =>
      rm(place, { recursive: true, force: true }),
    )
    const stream = createPortStream(worker)
    const channel = createStreamChannel({
      stream,
      decode: decodeFrame,
      ended: async () => new GatewayError('plugin_crashed', await exited, { details: { pluginId } }),
    })
    const usage = usageOf({ worker, name, clock })
    const unwatch = watch.add({
      memoryBytes: usage.memoryBytes,
      limitMb: memoryMb,
      exceeded(usedMb) {
        const why = `used more than ${memoryMb} MB of memory (${usedMb} MB)`
        channel.close(new GatewayError('plugin_crashed', why, { details: { pluginId } }))
      },
    })
    captureOutput({ streams: [worker.stdout, worker.stderr], now: clock.now, onOutput })
    const guest: Guest = {
      channel,
      resolveMain: main => join(folder, main),
      usage: usage.read,
      async [Symbol.asyncDispose]() {
        channel.close(new GatewayError('plugin_stopped', 'The plugin was stopped', { details: { pluginId } }))
        await exited
      },
    }
    guests.add(guest)
    void channel.closed.then(() => worker.terminate())
    void exited.then(() => {
      unwatch()
      usage.close()
      guests.delete(guest)
      stream.push(null)
    })
    return guest
  }

  return {
    tier: 'worker',
    missingPromises: missingPromises('worker', new Set()),
    givesPaths: false,
    open,
    async [Symbol.asyncDispose]() {
      await Promise.all([...guests].map(guest => guest[Symbol.asyncDispose]()))
    },
  }
}

/** Why the thread ended, as text. What it did not catch is printed, as a process would. */
function exitOf(worker: Worker, memoryMb: number, print: (line: string) => void): Promise<string> {
  let isOutOfMemory = false
  worker.on('error', (thrown: unknown) => {
    isOutOfMemory = thrown instanceof Error && 'code' in thrown && thrown.code === OUT_OF_MEMORY
    if (!isOutOfMemory) for (const line of errorStack(thrown).split('\n')) print(line)
  })
  return new Promise(resolve =>
    worker.on('exit', code =>
      resolve(isOutOfMemory ? `used more than ${memoryMb} MB of memory` : `exited with code ${code}`),
    ),
  )
}

/**
 * The thread's own memory and time. Of its memory only the thread itself knows: it is asked whenever somebody looks, and what it
 * answered last is given. Its time the kernel knows, where there is /proc.
 */
function usageOf({ worker, name, clock }: { worker: Worker; name: string; clock: Clock }) {
  let latest: number | null = null
  let time: ThreadTime | null = null
  let isClosed = false

  /** The kernel still shows a thread for a moment after it has ended. */
  const open = () => {
    if (!isClosed) time ??= openThreadTime(name)
  }
  // Not when somebody first looks: what a plugin takes of the gateway it takes when it starts.
  worker.once('online', open)

  async function ask(): Promise<number | null> {
    try {
      const { used_heap_size, external_memory } = await worker.getHeapStatistics()
      latest = used_heap_size + external_memory
    } catch {
      // It has ended.
      latest = null
    }
    return latest
  }

  async function askTime(): Promise<number | null> {
    try {
      const { user, system } = await worker.cpuUsage()
      return Math.round((user + system) / 1_000)
    } catch {
      // It ended between the two questions.
      return null
    }
  }

  return {
    memoryBytes(): number | null {
      void ask()
      return latest
    },
    async read(): Promise<{ memoryBytes: number; cpuMs: number } | null> {
      if (isClosed) return null
      open()
      const patience = Promise.withResolvers<void>()
      const cancel = clock.after(PATIENCE_MS, patience.resolve)
      await Promise.race([ask(), ...(time === null ? [] : [patience.promise])])
      cancel()
      const cpuMs = time === null ? await askTime() : time.cpuMs()
      return cpuMs === null ? null : { memoryBytes: latest ?? 0, cpuMs }
    },
    close() {
      isClosed = true
      time?.close()
      time = null
    },
  }
}
