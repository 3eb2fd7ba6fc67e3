// Fifty plugins: how soon they are ready, and what memory each one really takes.
import type { Bench } from './figure.ts'
import { growth, settleMemory, treeMemory } from './memory.ts'
import { createPluginRig, LOOKING_PLUGIN } from './plugin-rig.ts'

const PLUGINS = 50

export const pluginStart: Bench = {
  name: 'plugin-start',
  about: '50 plugins: time until all are ready, memory of each',
  async run() {
    await using rig = await createPluginRig()
    await settleMemory()
    // The bench itself is in the tree too.
    const before = treeMemory()
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
        value: growth(before, treeMemory()) / (PLUGINS + 1),
        unit: 'MB',
        baseline: null,
        goal: null,
      },
    ]
  },
}
