// What this machine has to fence plugins in with, found out once at the start by doing it.
import { spawn } from 'node:child_process'
import type { Clock } from '../clock.ts'
import type { Sandbox } from './bubblewrap.ts'
import { limitArguments } from './child-limits.ts'
import type { ControlGroups } from './control-groups.ts'
import { DEFAULT_FIRST_UID } from './other-uid.ts'
import { findOnPath, probeBubblewrap } from './probe-bubblewrap.ts'
import { probeControlGroups } from './probe-control-groups.ts'
import type { Layer } from './promises.ts'

/** Where bubblewrap is missing: why, and the first user id that guests can be given, if any. */
export type Probe = ({ sandbox: Sandbox } | { sandbox: null; why: string; firstUid?: number }) & {
  /** Path of prlimit, where it can set the limits of a guest. */
  limiter?: string
  /** Where the gateway may make control groups; else why not. */
  groups?: ControlGroups
  noGroups?: string
}

/** Tried after the first one: containers often have no more than 65,536 ids. */
const LOW_FIRST_UID = 60_200

const TRIAL_TIMEOUT_MS = 10_000

/** Where bubblewrap is looked for: folders that only the machine's administrator writes to. */
export const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin'

export interface ProbeOptions {
  /** Real path of Node. */
  nodePath: string
  /** A PATH, to find bubblewrap on. */
  searchPath: string
  /** PLUGIN_UID: the first of the ids for guests; null leaves the choice to the gateway. */
  firstUid: number | null
  /** PLUGIN_CGROUP; nothing is tried without it, as the gateway itself may have to move. */
  controlGroup?: { wish: string; clock: Clock }
}

export async function probeMachine(options: ProbeOptions): Promise<Probe> {
  const [fenced, limiter] = await Promise.all([probeFence(options), probeLimiter(options)])
  const probed: Probe = limiter === null ? fenced : { ...fenced, limiter }
  return { ...probed, ...(await probeGroups(options, probed)) }
}

async function probeGroups(
  { nodePath, searchPath, controlGroup }: ProbeOptions,
  probed: Probe,
): Promise<Pick<Probe, 'groups' | 'noGroups'>> {
  if (controlGroup === undefined) return { noGroups: 'they were not asked for' }
  if (process.platform !== 'linux') return { noGroups: 'there are none on this system' }
  // A process enters its group as the user that it runs as, who may write nothing there.
  if (probed.sandbox === null && probed.firstUid !== undefined)
    return { noGroups: 'guests have other user ids' }
  const shell = await findOnPath('sh', searchPath)
  const found = await probeControlGroups({ ...controlGroup, nodePath, shell })
  return found.groups === null ? { noGroups: found.why } : { groups: found.groups }
}

async function probeLimiter({ nodePath, searchPath }: ProbeOptions): Promise<string | null> {
  const limiter = process.platform === 'linux' ? await findOnPath('prlimit', searchPath) : null
  if (limiter === null) return null
  const [command = '', ...args] = [...limitArguments(limiter), nodePath, '--version']
  return (await succeeds(command, args)) ? limiter : null
}

async function probeFence({ nodePath, searchPath, firstUid }: ProbeOptions): Promise<Probe> {
  const probed = await probeBubblewrap(nodePath, searchPath)
  if (probed.sandbox !== null || process.getuid?.() !== 0) return probed
  for (const uid of firstUid === null ? [DEFAULT_FIRST_UID, LOW_FIRST_UID] : [firstUid])
    if (await succeeds(nodePath, ['--version'], { uid, gid: uid })) return { ...probed, firstUid: uid }
  return { ...probed, why: `${probed.why}, and Node does not run under another user id` }
}

/** The layers that promises are kept by. */
export function layersOf(probed: Probe, platform: NodeJS.Platform = process.platform): ReadonlySet<Layer> {
  const layers = new Set<Layer>(['permissions'])
  if (probed.sandbox !== null) layers.add('bubblewrap')
  else if (probed.firstUid !== undefined) layers.add('uid')
  if (platform === 'linux') layers.add('watchdog')
  if (probed.limiter !== undefined) layers.add('limits')
  if (probed.sandbox?.filter) layers.add('filter')
  if (probed.groups !== undefined) layers.add('groups')
  return layers
}

function succeeds(
  command: string,
  args: readonly string[],
  as: { uid?: number; gid?: number } = {},
): Promise<boolean> {
  return new Promise(resolve => {
    const options = { ...as, env: {}, cwd: '/', stdio: 'ignore', timeout: TRIAL_TIMEOUT_MS } as const
    const child = spawn(command, args, options)
    child.once('error', () => resolve(false))
    child.once('exit', code => resolve(code === 0))
  })
}
