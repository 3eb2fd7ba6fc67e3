// One process of isolates, seen from the gateway: it opens and ends isolates there, and says why each of them ended. What
// comes from it is judged as a guest's: an isolate may have broken out into it.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Channel } from '../rpc/channel.ts'
import { decodeFrame } from '../rpc/frame-codec.ts'
import { parsedEvent } from '../rpc/method.ts'
import { createPeer } from '../rpc/peer.ts'
import { createStreamChannel } from '../rpc/stream-channel.ts'
import { captureOutput } from './guest-output.ts'
import {
  CONTROL_FD,
  FIRST_SLOT_FD,
  ISOLATES_PER_PROCESS,
  IsolateEnded,
  IsolatePrinted,
  IsolateUsage,
  type OpenIsolate,
} from './isolate-host/control.ts'
import type { MemoryWatch } from './memory-watch.ts'
import type { isolateFlags } from './node-flags.ts'
import type { ChildSandbox, SandboxedChild } from './sandboxed-child.ts'

/** Making an isolate takes some 10 ms; on a machine that is busy a hundred times that. */
const OPEN_TIMEOUT_MS = 10_000

/** Disposing takes a millisecond, out of loops too. A process that does not get to it is held by one of its isolates. */
const DISPOSE_TIMEOUT_MS = 500

const USAGE_TIMEOUT_MS = 1_000

/** How long a process may live on after the end of a pipe without a word about it. */
const EXIT_GRACE_MS = 1_000

/**
 * What a process may take beside the limits of its isolates. V8 notices a heap that grows fast only after the fact, by up
 * to 200 MB (measured on Node 26 with maps and objects of many keys), and neighbours are not to die of that.
 */
const OVERSHOOT_MB = 256

export interface IsolateProcessDeps {
  sandbox: ChildSandbox
  files: { guestFile: string; addonFile: string; runtimeFile: string }
  flags: typeof isolateFlags
  watch: MemoryWatch
  clock: Clock
  log: Logger
}

export interface OpenedIsolate {
  readonly channel: Channel
  usage(): Promise<{ memoryBytes: number; cpuMs: number } | null>
  /** Resolves when its channel has closed and nothing of the isolate is left. */
  readonly gone: Promise<void>
}

export interface IsolateProcess extends AsyncDisposable {
  open(options: {
    pluginId: string
    memoryMb: number
    turnMs: number
    files: Record<string, string>
    onOutput(line: string): void
  }): Promise<OpenedIsolate>
  /** Resolves with the way the process ended, and the plugins that were in it then. */
  readonly exited: Promise<ProcessEnd>
}

export interface ProcessEnd {
  how: string
  left: readonly string[]
}

interface Slot {
  pluginId: string
  memoryMb: number
  onOutput(line: string): void
  /** Why it ended by itself, as the process says. */
  ended: PromiseWithResolvers<string>
}

export async function startIsolateProcess(deps: IsolateProcessDeps): Promise<IsolateProcess> {
  const { sandbox, files, flags, watch, clock, log } = deps
  const child: SandboxedChild<typeof files> = await sandbox.start({
    files,
    flags,
    pipes: 1 + ISOLATES_PER_PROCESS,
  })
  const { pids } = child
  const slots = new Map<number, Slot>()
  let used = 0
  let isOver = false
  let blame: string | null = null
  const exited = child.exited.then(how => {
    isOver = true
    unwatch()
    pids.close()
    return { how: blame ?? how, left: [...slots.values()].map(({ pluginId }) => pluginId) }
  })

  const control = createStreamChannel({
    stream: child.pipe(CONTROL_FD),
    decode: decodeFrame,
    async ended() {
      const stopTimer = clock.after(EXIT_GRACE_MS, pids.kill)
      const { how } = await exited
      stopTimer()
      return new GatewayError('plugin_crashed', how)
    },
  })
  const peer = createPeer({
    channel: control,
    remote: 'guest',
    clock,
    methods: new Map(),
    events: new Map([
      ['ended', parsedEvent(IsolateEnded, ({ slot, how }) => slots.get(slot)?.ended.resolve(how))],
      ['print', parsedEvent(IsolatePrinted, ({ slot, line }) => slots.get(slot)?.onOutput(line))],
    ]),
  })
  void control.closed.then(reason => {
    if (reason.code === 'plugin_misbehaved') blame ??= reason.message
    isOver = true
    pids.kill()
  })
  captureOutput({
    streams: [child.process.stdout, child.process.stderr].filter(stream => stream !== null),
    now: clock.now,
    onOutput: line => log.warn({ line: JSON.stringify(line) }, 'A process of isolates printed'),
  })
  const unwatch = watch.add({
    memoryBytes: () => pids.usage()?.memoryBytes() ?? null,
    get limitMb() {
      return [...slots.values()].reduce((sum, { memoryMb }) => sum + memoryMb, OVERSHOOT_MB)
    },
    exceeded(usedMb) {
      blame = `used ${usedMb} MB of memory, more than its isolates together may`
      pids.kill()
    },
  })

  /** The reason for the end of one isolate's channel, once it or its process has said it. */
  async function reasonOf({ pluginId, ended }: Slot): Promise<GatewayError> {
    const shared = exited.then(({ how, left }) => {
      const others = left.length > 1 ? `, which it shared with ${left.length - 1} other plugins,` : ''
      return `the process of its isolate${others} ${how}`
    })
    const stopTimer = clock.after(EXIT_GRACE_MS, pids.kill)
    const how = await Promise.race([ended.promise, shared])
    stopTimer()
    return new GatewayError('plugin_crashed', how, { details: { pluginId } })
  }

  async function open({
    pluginId,
    memoryMb,
    turnMs,
    files,
    onOutput,
  }: Parameters<IsolateProcess['open']>[0]): Promise<OpenedIsolate> {
    const slot = used
    used += 1
    const entry: Slot = { pluginId, memoryMb, onOutput, ended: Promise.withResolvers() }
    slots.set(slot, entry)
    const channel = createStreamChannel({
      stream: child.pipe(FIRST_SLOT_FD + slot),
      decode: decodeFrame,
      ended: () => reasonOf(entry),
    })
    const gone = channel.closed.then(async () => {
      // Also where it has ended by itself: the answer means that the process is done with it.
      await peer.call('dispose', { slot }, { timeoutMs: DISPOSE_TIMEOUT_MS }).catch(() => {
        if (isOver) return
        blame ??= 'did not answer'
        pids.kill()
      })
      if (isOver) await exited
      slots.delete(slot)
    })
    try {
      const params: v.InferInput<typeof OpenIsolate> = { slot, memoryMb, turnMs, files }
      await peer.call('open', params, { timeoutMs: OPEN_TIMEOUT_MS })
    } catch (cause) {
      channel.close(
        new GatewayError('plugin_crashed', 'The isolate could not be made', { details: { pluginId }, cause }),
      )
      await gone
      throw await channel.closed
    }
    return {
      channel,
      async usage() {
        const asked = peer.call('usage', { slot }, { timeoutMs: USAGE_TIMEOUT_MS })
        // It is gone, or so busy that nothing can be read of it.
        return await asked.then(answer => v.parse(IsolateUsage, answer)).catch(() => null)
      },
      gone,
    }
  }

  try {
    await child.started
  } catch (thrown) {
    await exited
    throw thrown
  }
  return {
    open,
    exited,
    async [Symbol.asyncDispose]() {
      control.close(new GatewayError('plugin_stopped', 'The process of isolates was ended'))
      pids.kill()
      await exited
    },
  }
}
