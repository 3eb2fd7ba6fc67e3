// What a plugin may leave behind when it is gone: processes below the gateway, descriptors that the gateway holds for it, files.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../support/gateway.ts'
import type { AttackRig } from './attack-rig.ts'

/** Each thing by what it is; what is there twice is in it twice. */
export type Holdings = readonly string[]

/** How long the last of a plugin may take to go away. */
const GONE_WITHIN_MS = 3_000

type Looked = Pick<AttackRig, 'pid' | 'dataDir' | 'descendants'>

export function holdingsOf(rig: Looked): Holdings {
  return [
    ...rig.descendants().map(pid => `process ${pid} ${commandOf(pid)}`),
    ...descriptorsOf(rig.pid),
    ...readdirSync(rig.dataDir, { recursive: true, encoding: 'utf8' }).map(name => `file ${name}`),
  ]
}

/** Waits until the gateway holds nothing that it did not hold before. Rejects with what stayed. */
export async function waitForNothingLeft(
  rig: Looked,
  before: Holdings,
  withinMs = GONE_WITHIN_MS,
): Promise<void> {
  await until(
    async () => added(before, holdingsOf(rig)),
    left => left.length === 0,
    withinMs,
  )
}

/** What is in the second and not in the first, or more often. */
function added(before: Holdings, after: Holdings): string[] {
  const rest = [...before]
  return after.filter(thing => {
    const at = rest.indexOf(thing)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

/** By kind. Connections of TCP are those of the API's clients, who come and go as they like; pipes to plugins are of the other kind. */
function descriptorsOf(pid: number): string[] {
  const local = new Set(
    readFileSync(`/proc/${pid}/net/unix`, 'utf8')
      .split('\n')
      .map(line => line.split(/\s+/)[6]),
  )
  return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    const target = linkOf(`/proc/${pid}/fd/${fd}`)
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
    if (inode !== undefined) return local.has(inode) ? ['descriptor of a local socket'] : []
    return target === '' ? [] : [`descriptor of ${target.replace(/\[\d+\]/, '')}`]
  })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // It was closed while we looked.
    return ''
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8')
      .replaceAll('\0', ' ')
      .slice(-200)
  } catch {
    return 'gone'
  }
}
