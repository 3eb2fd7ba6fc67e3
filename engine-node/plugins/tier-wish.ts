// In which tier a plugin wants to run. What came with the gateway may ask for less than a stranger may.
import { asksOf } from '../../src/contract/grants.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import type { PluginRow } from '../../src/db/plugins.ts'
import type { TierWish } from '../tiers/tiers.ts'

/** `sandboxed: false` is the tier `worker`, and counts for a bundled plugin alone. */
export function tierWish({ id, builtIn }: Pick<PluginRow, 'id' | 'builtIn'>, manifest: Manifest): TierWish {
  const unfenced = builtIn && manifest.sandboxed === false ? 'worker' : null
  const modules = asksOf(manifest).modules ?? []
  return { pluginId: id, asked: manifest.tier ?? unfenced, bundled: builtIn, modules }
}
