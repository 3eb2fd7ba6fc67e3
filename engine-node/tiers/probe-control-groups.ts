// Finds out, once, whether the gateway may make control groups for its guests: by making one and starting a process in it. The
// group that they lie in is the gateway's own, or the one that the operator gave.
import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Clock } from '../clock.ts'
import { CONTROLLERS, type ControlGroups, createControlGroups, removeStaleGroups } from './control-groups.ts'

/** Names of the two groups below the one that the gateway was given: of itself, and of all guests. */
const GATEWAY = 'wharf-gateway'
const GUESTS = 'wharf-plugins'

/** All guests together against the gateway, which has 100: however many loop, it comes first. */
const GUESTS_WEIGHT = '50'

const TRIAL_TIMEOUT_MS = 10_000
const TRIAL_MEMORY_MB = 64

/** Most parents that are followed from the gateway upwards. */
const MAX_PARENTS = 32

export interface ControlGroupOptions {
  /** PLUGIN_CGROUP: `auto` for the gateway's own group, `off`, or the folder of one. */
  wish: string
  nodePath: string
  /** A POSIX shell; null where there is none. */
  shell: string | null
  clock: Clock
  /** Where the kernel tells of processes. Others are for tests. */
  proc?: string
}

export type ControlGroupProbe = { groups: ControlGroups } | { groups: null; why: string }

export async function probeControlGroups(options: ControlGroupOptions): Promise<ControlGroupProbe> {
  const { wish, nodePath, shell, clock, proc = '/proc' } = options
  if (wish === 'off') return no('PLUGIN_CGROUP is off')
  if (shell === null) return no('there is no shell that could start a process in one')
  try {
    const place = wish === 'auto' ? await ownGroup(proc) : { folder: wish }
    if ('why' in place) return no(place.why)
    const { folder: base } = place
    const given = words(await readFile(join(base, 'cgroup.controllers'), 'latin1'))
    const lacking = CONTROLLERS.filter(controller => !given.includes(controller))
    if (lacking.length > 0) return no(`the group ${base} is not given ${lacking.join(', ')}`)
    const strangers = await leaveGroup(base, proc)
    if (strangers > 0) return no(`${strangers} processes that are not the gateway's are in the group ${base}`)
    const folder = join(base, GUESTS)
    await mkdir(folder, { recursive: true })
    const control = CONTROLLERS.map(controller => `+${controller}`).join(' ')
    for (const group of [base, folder]) await writeFile(join(group, 'cgroup.subtree_control'), control)
    await writeFile(join(folder, 'cpu.weight'), GUESTS_WEIGHT)
    await removeStaleGroups(folder)
    const groups = createControlGroups({ folder, shell, clock })
    return (await works(groups, nodePath)) ? { groups } : no('no process can be started in one')
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error))
  }
}

const no = (why: string): ControlGroupProbe => ({ groups: null, why })
const words = (text: string): string[] => text.split(/\s+/).filter(word => word !== '')

/** Where the second version is mounted, and where in it this process is. */
async function ownGroup(proc: string): Promise<{ folder: string } | { why: string }> {
  const path = /^0::(.*)$/m.exec(await readFile(join(proc, 'self/cgroup'), 'latin1'))?.[1]
  const mounts = await readFile(join(proc, 'self/mountinfo'), 'latin1')
  // ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS … - TYPE …
  const mount = /^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 /m.exec(mounts)
  if (path === undefined || mount === null) return { why: 'control groups of version 2 are not mounted' }
  const [, root = '/', point = ''] = mount
  const below = relative(root, path)
  if (below.startsWith('..')) return { why: "the gateway's own group is not in sight" }
  return { folder: join(point, below) }
}

/**
 * A group can give its controllers on only when no process is in it. The gateway, and what it was started by, go into a group
 * below it; gives the number of others.
 */
async function leaveGroup(base: string, proc: string): Promise<number> {
  const procs = words(await readFile(join(base, 'cgroup.procs'), 'latin1'))
  if (procs.length === 0) return 0
  const ours = await lineage(proc)
  const strangers = procs.filter(pid => !ours.has(pid))
  if (strangers.length > 0) return strangers.length
  await mkdir(join(base, GATEWAY), { recursive: true })
  for (const pid of procs) await writeFile(join(base, GATEWAY, 'cgroup.procs'), pid)
  return 0
}

/** This process and those above it. */
async function lineage(proc: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  let pid: string | undefined = String(process.pid)
  while (pid !== undefined && pid !== '0' && found.size < MAX_PARENTS) {
    found.add(pid)
    const stat: string = await readFile(join(proc, pid, 'stat'), 'latin1').catch(() => '')
    pid = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
  }
  return found
}

async function works(groups: ControlGroups, nodePath: string): Promise<boolean> {
  const group = await groups.make({ memoryMb: TRIAL_MEMORY_MB })
  const [command = '', ...args] = [...group.enter, nodePath, '--version']
  const isFine = await new Promise<boolean>(resolve => {
    const child = spawn(command, args, { env: {}, cwd: '/', stdio: 'ignore', timeout: TRIAL_TIMEOUT_MS })
    child.once('error', () => resolve(false))
    child.once('exit', code => resolve(code === 0))
  })
  await group.remove()
  return isFine
}
