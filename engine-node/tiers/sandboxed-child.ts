// A Node process that is fenced in as well as this machine can: inside bubblewrap, else under a user id of its own, else by
// Node's permissions alone. What runs in it and what it is told is the tiers' affair.
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { GatewayError } from '../../src/contract/errors.ts'
import { bubblewrapArguments, type FileName, INSIDE, type Mounts, sendFilter } from './bubblewrap.ts'
import { limitArguments } from './child-limits.ts'
import { createGuestPids, type GuestPids } from './guest-pids.ts'
import { copyForOthers, createGuestIdentities, type GuestIdentity } from './other-uid.ts'
import type { Probe } from './probe-machine.ts'

/** The first descriptor after the three that every process has. */
const FIRST_PIPE = 3

/** Files and folders by what they are for. */
export type ChildFiles = Readonly<Partial<Record<FileName, string>>>

export interface ChildOptions<F extends ChildFiles> {
  /** Real paths. The child can read these and nothing else. */
  files: F
  /** The arguments of Node, for the paths as the child sees them. */
  flags(seen: F): string[]
  /** What it may see beside its files, as [real path, path inside]; only in a sandbox. */
  mounts?: Pick<Mounts, 'read' | 'write'>
  /** What it may have, where the machine has control groups; without it memory is the tier's affair. */
  memoryMb?: number | null
  /** Descriptors from 3 on, each a pipe to the gateway. */
  pipes: number
}

export interface SandboxedChild<F extends ChildFiles> {
  readonly process: ChildProcess
  readonly pids: GuestPids
  /** The files as the child sees them. */
  readonly seen: F
  /** Rejects with `plugin_crashed` when there is no such process. */
  readonly started: Promise<void>
  /** Resolves with the way it ended, as text. */
  readonly exited: Promise<string>
  pipe(fd: number): Duplex
}

export interface ChildSandbox extends AsyncDisposable {
  start<F extends ChildFiles>(options: ChildOptions<F>): Promise<SandboxedChild<F>>
}

export interface ChildSandboxDeps {
  /** Real path. */
  nodePath: string
  /** The whole environment of children. */
  env: Readonly<Record<string, string>>
  probed: Probe
}

export function createChildSandbox({ nodePath, env, probed }: ChildSandboxDeps): ChildSandbox {
  const { sandbox, groups } = probed
  const identities =
    sandbox === null && probed.firstUid !== undefined ? createGuestIdentities(probed.firstUid) : null

  async function place<F extends ChildFiles>(files: F): Promise<{ seen: F; identity: GuestIdentity | null }> {
    const names = Object.keys(files) as FileName[]
    const at = (where: (name: FileName) => string | undefined) =>
      Object.fromEntries(names.map(name => [name, where(name)])) as F
    if (sandbox !== null) return { seen: at(name => INSIDE[name]), identity: null }
    if (identities === null) return { seen: files, identity: null }
    const identity = await identities.take()
    const seen = at(name => join(identity.folder, `${name}${/\.\w+$/.exec(INSIDE[name])?.[0] ?? ''}`))
    try {
      for (const name of names) await copyForOthers(files[name] ?? '', seen[name] ?? '')
    } catch (thrown) {
      await identities.giveBack(identity)
      throw thrown
    }
    return { seen, identity }
  }

  return {
    async start({ files, flags, pipes, mounts = {}, memoryMb = null }) {
      const { seen, identity } = await place(files)
      const node = flags(seen)
      const filterFd = FIRST_PIPE + pipes
      const filterPipe = sandbox?.filter ? 1 : 0
      const fenced =
        sandbox === null
          ? [nodePath, ...node]
          : [
              sandbox.bwrap,
              ...bubblewrapArguments(sandbox, { nodePath, files, ...mounts }, filterFd),
              INSIDE.node,
              ...node,
            ]
      const limits = probed.limiter === undefined ? [] : limitArguments(probed.limiter)
      const group = (await groups?.make({ memoryMb })) ?? null
      const [command = '', ...args] = [...(group?.enter ?? []), ...limits, ...fenced]
      const child = spawn(command, args, {
        cwd: '/',
        env,
        stdio: ['ignore', 'pipe', 'pipe', ...Array<'pipe'>(pipes + filterPipe).fill('pipe')],
        windowsHide: true,
        ...(identity === null ? {} : { uid: identity.uid, gid: identity.uid }),
      })
      if (sandbox !== null) sendFilter(sandbox, child, filterFd)
      const exited = exitOf(child, sandbox !== null).then(async how => {
        if (identity !== null) await identities?.giveBack(identity)
        const ranOut = (await group?.ranOut()) ?? false
        await group?.remove()
        return ranOut ? 'used more memory than its control group may have' : how
      })
      return {
        process: child,
        pids: createGuestPids(child, sandbox !== null),
        seen,
        started: started(child),
        exited,
        pipe(fd) {
          const pipe = child.stdio[fd]
          if (pipe instanceof Duplex) return pipe
          throw new GatewayError('internal', 'The plugin process has no such pipe')
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await identities?.[Symbol.asyncDispose]()
    },
  }
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
