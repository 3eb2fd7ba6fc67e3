// The tier `process`: each plugin in a child of its own, by Node's permission model and, where the machine can, bubblewrap.
import { type ChildProcess, spawn } from 'node:child_process'
import { realpath } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { decodeFrame } from '../rpc/frame-codec.ts'
import { createStreamChannel } from '../rpc/stream-channel.ts'
import { bubblewrapArguments, INSIDE, type Sandbox } from './bubblewrap.ts'
import { captureOutput } from './guest-output.ts'
import { createGuestPids } from './guest-pids.ts'
import { createMemoryWatch } from './memory-watch.ts'
import { nodeFlags } from './node-flags.ts'
import { type Probe, probeBubblewrap } from './probe-bubblewrap.ts'
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

/** Where bubblewrap is looked for: folders that only the machine's administrator writes to. */
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin'

const findSandbox = (nodePath: string) => probeBubblewrap(nodePath, SYSTEM_PATH)

export async function createProcessTier(deps: ProcessTierDeps): Promise<TierHost> {
  const { clock, log, env = {}, probe = findSandbox } = deps
  const [nodePath, guestFile] = await Promise.all([realpath(deps.nodePath), realpath(deps.guestFile)])
  const probed = await probe(nodePath)
  const missing = missingPromises(probed)
  for (const promise of missing) log.warn({ tier: 'process' }, promise)
  const watch = createMemoryWatch(clock)
  const guests = new Set<Guest>()

  async function open(options: GuestOptions): Promise<Guest> {
    const packageDir = await realpath(options.packageDir)
    const { command, args } = commandLine(
      probed.sandbox,
      { nodePath, guestFile, packageDir },
      options.memoryMb,
    )
    const child = spawn(command, args, {
      cwd: '/',
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      windowsHide: true,
    })
    const guest = adopt(child, options, probed.sandbox === null ? packageDir : INSIDE.packageDir)
    await started(child)
    return guest
  }

  function adopt(child: ChildProcess, { pluginId, memoryMb, onOutput }: GuestOptions, seenAt: string): Guest {
    const pids = createGuestPids(child, probed.sandbox !== null)
    const exited = exitOf(child, probed.sandbox !== null)
    const channel = createStreamChannel({
      stream: pipeOf(child),
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
      streams: [child.stdout, child.stderr].filter(stream => stream !== null),
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
      resolveMain: main => join(seenAt, main),
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
    open,
    async [Symbol.asyncDispose]() {
      await Promise.all([...guests].map(guest => guest[Symbol.asyncDispose]()))
    },
  }
}

/** What an operator has to know where only Node's own fence stands. */
function missingPromises(probed: Probe): string[] {
  const promises: string[] = []
  if (probed.sandbox === null)
    promises.push(
      `Only Node's permission model keeps a plugin from files and the network, not the operating system: ${probed.why}.`,
      'A plugin can send signals to the gateway and to other processes of the same user, and so end them.',
      'A symbolic link inside a package is followed to wherever it leads.',
      "A plugin sees the gateway's process id, user, host name and the paths of its own files.",
    )
  if (process.platform !== 'linux')
    promises.push('Memory outside the JavaScript heap is not limited: this system has no /proc.')
  return promises
}

function commandLine(
  sandbox: Sandbox | null,
  files: { nodePath: string; guestFile: string; packageDir: string },
  memoryMb: number,
): { command: string; args: string[] } {
  if (sandbox === null) return { command: files.nodePath, args: nodeFlags(files, memoryMb) }
  return {
    command: sandbox.bwrap,
    args: [...bubblewrapArguments(sandbox, files), INSIDE.node, ...nodeFlags(INSIDE, memoryMb)],
  }
}

function pipeOf(child: ChildProcess): Duplex {
  const pipe = child.stdio[FRAMES]
  if (pipe instanceof Duplex) return pipe
  throw new GatewayError('internal', 'The plugin process has no pipe')
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', cause =>
      reject(new GatewayError('plugin_crashed', 'The plugin process could not be started', { cause })),
    )
  })
}

/** Why the process ended, as text. bubblewrap passes a signal on as 128 and its number. */
function exitOf(child: ChildProcess, wrapped: boolean): Promise<string> {
  return new Promise(resolve => {
    child.once('error', () => resolve('could not be started'))
    child.once('exit', (code, signal) => {
      const number = wrapped && code !== null && code > 128 ? code - 128 : null
      const name = signal ?? (number === null ? null : signalName(number))
      resolve(name === null ? `exited with code ${code}` : `was ended by ${name}`)
    })
  })
}

const signalName = (number: number): string =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`
