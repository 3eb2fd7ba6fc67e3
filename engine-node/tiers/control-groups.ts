// Control groups of Linux (version 2): a group for each guest, in which the kernel itself bounds memory, processor and threads.
// Where the gateway has its groups is found out by probe-control-groups.ts.
import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import { NODE_BASE_MB } from './memory-watch.ts'

/** What a group has to be given by the one above it. */
export const CONTROLLERS = ['memory', 'cpu', 'pids'] as const

/**
 * Above what the watchdog allows, so that it is the watchdog that ends a guest, with a reason; the kernel stops those that are
 * faster. A group is also charged for the pages of Node's own file, which the kernel takes back first.
 */
const HEADROOM_MB = 64

/** Threads: a process of isolates has some thirty. */
const MAX_THREADS = 128

/** One core: microseconds of each period. */
const ONE_CORE = '100000 100000'

/** A group can be removed when the kernel has let go of its last process, a moment after the exit. */
const REMOVE_TRIES = 20
const REMOVE_WAIT_MS = 25

export interface ControlGroups {
  /** `memoryMb`: what the guest may have; null leaves memory to the watchdog. Rejects with `plugin_crashed`. */
  make(limits: { memoryMb: number | null }): Promise<GuestGroup>
}

export interface ControlGroupsDeps {
  /** Folder of the groups, which belongs to this gateway alone. */
  folder: string
  /** A POSIX shell: it puts itself into the group and then becomes the guest, so that no moment passes outside. */
  shell: string
  clock: Clock
}

export interface GuestGroup {
  /** Goes before the command. */
  readonly enter: readonly string[]
  /** Whether the kernel ended something in it for want of memory. */
  ranOut(): Promise<boolean>
  /** Once the guest is gone. */
  remove(): Promise<void>
}

export function createControlGroups({ folder, shell, clock }: ControlGroupsDeps): ControlGroups {
  let made = 0
  return {
    async make({ memoryMb }) {
      made += 1
      const group = join(folder, `${process.pid}-${made}`)
      await prepare(group, memoryMb)
      return {
        enter: [shell, '-c', 'echo 0 > "$0" && exec "$@"', join(group, 'cgroup.procs')],
        async ranOut() {
          const events = await readFile(join(group, 'memory.events'), 'latin1').catch(() => '')
          return /^oom_kill [1-9]/m.test(events)
        },
        async remove() {
          for (let tries = 0; tries < REMOVE_TRIES && !(await removed(group)); tries += 1)
            await new Promise<void>(resolve => clock.after(REMOVE_WAIT_MS, resolve))
        },
      }
    },
  }
}

async function prepare(group: string, memoryMb: number | null): Promise<void> {
  const limits: [file: string, value: string][] = [
    ['cpu.max', ONE_CORE],
    ['pids.max', String(MAX_THREADS)],
  ]
  if (memoryMb !== null)
    limits.push(
      ['memory.max', String((memoryMb + NODE_BASE_MB + HEADROOM_MB) * 1_048_576)],
      // All of the guest or nothing: Node without the init of its namespace is no guest any more.
      ['memory.oom.group', '1'],
    )
  try {
    await mkdir(group)
    for (const [file, value] of limits) await writeFile(join(group, file), value)
    // Otherwise the limit would be one of memory and another one of swap. Kernels without swap have no such file.
    const swap = join(group, 'memory.swap.max')
    if (memoryMb !== null && (await exists(swap))) await writeFile(swap, '0')
  } catch (cause) {
    await removed(group)
    throw new GatewayError('plugin_crashed', 'The control group of the plugin could not be made', { cause })
  }
}

/** Removes the groups that a gateway left that was killed. Those that something still runs in stay. */
export async function removeStaleGroups(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true })
  for (const entry of entries) if (entry.isDirectory()) await removed(join(folder, entry.name))
}

/** False while something runs in it. */
const removed = (group: string): Promise<boolean> =>
  rmdir(group).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  )

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
