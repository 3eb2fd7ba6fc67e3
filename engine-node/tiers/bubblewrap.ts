// The command line of bubblewrap for one guest: a root of nothing, with Node, its libraries, the runtime and the package in it.

import type { ChildProcess } from 'node:child_process'
import { Duplex } from 'node:stream'

/** Where things are inside. The host's own paths are visible nowhere. */
export const INSIDE = {
  node: '/node',
  guestFile: '/guest/guest.cjs',
  packageDir: '/plugin',
  addonFile: '/guest/isolated-vm.node',
  runtimeFile: '/guest/runtime.js',
} as const

/** What may be shown inside, by what it is for. */
export type FileName = Exclude<keyof typeof INSIDE, 'node'>

export interface Sandbox {
  /** Path of the bwrap binary. */
  bwrap: string
  /** Shared libraries of the Node binary, as its loader names them. */
  libraries: readonly string[]
  /** What the kernel is to judge every call of the guest by (syscall-filter.ts); null where it does not do that. */
  filter: Uint8Array | null
}

export interface Mounts {
  nodePath: string
  /** Files and folders of the host; none for the probe, which runs Node alone. */
  files: Readonly<Partial<Record<FileName, string>>>
  /** What is shown beside that, as [real path, path inside]. */
  read?: readonly (readonly [string, string])[]
  write?: readonly (readonly [string, string])[]
}

/**
 * Gives the filter to a bubblewrap that was started: a pipe at the descriptor that its arguments name, which it reads to the end
 * before it starts anything.
 */
export function sendFilter({ filter }: Sandbox, child: ChildProcess, fd: number): void {
  const pipe = child.stdio[fd]
  if (filter === null || !(pipe instanceof Duplex)) return
  // One that could not be started reads nothing, and its exit tells that.
  pipe.on('error', () => {})
  pipe.resume()
  pipe.end(filter)
}

/**
 * Arguments up to and with `--`; the command inside follows. All namespaces are its own, so there is no network, no
 * process and no user of the host; it dies with the gateway. No `--clearenv`: the environment is empty already, and older
 * versions do not know the option. The filter is read from `filterFd`.
 */
export function bubblewrapArguments(
  { libraries, filter }: Sandbox,
  mounts: Mounts,
  filterFd: number,
): string[] {
  const bind = (from: string, to: string) => ['--ro-bind', from, to]
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    ...['--cap-drop', 'ALL'],
    ...['--hostname', 'plugin'],
    ...(filter === null ? [] : ['--seccomp', String(filterFd)]),
    ...libraries.flatMap(path => bind(path, path)),
    ...['--proc', '/proc'],
    ...['--dev', '/dev'],
    ...bind(mounts.nodePath, INSIDE.node),
    ...Object.entries(mounts.files).flatMap(([name, path]) => bind(path, INSIDE[name as FileName])),
    ...(mounts.read ?? []).flatMap(([from, to]) => bind(from, to)),
    // After the others: a folder to write in may lie below one that is only read.
    ...(mounts.write ?? []).flatMap(([from, to]) => ['--bind', from, to]),
    ...['--remount-ro', '/'],
    ...['--chdir', '/'],
    '--',
  ]
}

/** The libraries in what the dynamic loader prints: `name => /path (0x…)`, or the loader's own `/path (0x…)`. */
export function parseLibraries(listing: string): string[] {
  const paths = new Set<string>()
  for (const line of listing.split('\n')) {
    const match = /^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)
    if (match?.[1] !== undefined) paths.add(match[1])
  }
  return [...paths]
}
