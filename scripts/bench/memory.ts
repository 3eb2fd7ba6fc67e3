// Memory as the machine has it: what a process and all below it take, with what they share counted once.
import { readdirSync, readFileSync } from 'node:fs'

/** This process and its descendants. */
function tree(): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It ended between the listing and the reading.
    }
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === process.pid || isOurs(parents.get(pid)))
  return [...parents.keys()].filter(isOurs)
}

/** Proportional set sizes in MB: of this process, and of all its descendants together. */
export interface TreeMemory {
  own: number
  below: number
}

export function treeMemory(): TreeMemory {
  const kilobytes = { own: 0, below: 0 }
  for (const pid of tree())
    kilobytes[pid === process.pid ? 'own' : 'below'] += Number(
      /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0,
    )
  return { own: kilobytes.own / 1024, below: kilobytes.below / 1024 }
}

/**
 * What came to it, in MB. This process counts as it was where it has become smaller: V8 gives back some 90 MB of the bench's own
 * whenever it likes, which is nobody's gain.
 */
export const growth = (before: TreeMemory, after: TreeMemory): number =>
  Math.max(0, after.own - before.own) + after.below - before.below

/** Collects what nobody refers to any more, where Node was started with --expose-gc; so that memory is what is in use. */
export async function settleMemory(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    globalThis.gc?.()
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
