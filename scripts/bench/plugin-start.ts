// Fifty plugins: how soon they are ready, and what memory each one really takes.
import { readdirSync, readFileSync } from 'node:fs'
import type { Bench } from './figure.ts'
import { createPluginRig, LOOKING_PLUGIN } from './plugin-rig.ts'

const PLUGINS = 50

/** Descendants of this process. */
function descendants(): number[] {
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
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent === process.pid || (parent !== undefined && parent > 1 && isOurs(parent))
  }
  return [...parents.keys()].filter(isOurs)
}

/** Memory of all descendants in MB, with what they share counted once. */
function sharedOutMemory(): number {
  let kilobytes = 0
  for (const pid of descendants()) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
    kilobytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0)
  }
  return kilobytes / 1024
}

export const pluginStart: Bench = {
  name: 'plugin-start',
  about: '50 plugins: time until all are ready, memory of each',
  async run() {
    await using rig = await createPluginRig()
    const start = performance.now()
    await rig.enable('first', LOOKING_PLUGIN)
    const alone = performance.now() - start
    const many = performance.now()
    await Promise.all(
      Array.from({ length: PLUGINS }, (_, index) => rig.enable(`plugin-${index}`, LOOKING_PLUGIN)),
    )
    const together = performance.now() - many
    return [
      { name: 'one plugin, cold start', value: alone, unit: 'ms', baseline: null, goal: null },
      {
        name: `${PLUGINS} plugins ready`,
        value: together,
        unit: 'ms',
        baseline: alone,
        goal: { of: 'value', atMost: 2_000 },
      },
      {
        name: `memory of an idle plugin, ${PLUGINS} running (PSS)`,
        value: sharedOutMemory() / (PLUGINS + 1),
        unit: 'MB',
        baseline: null,
        goal: null,
      },
    ]
  },
}
