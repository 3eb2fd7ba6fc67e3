// An installed plugin becomes another version of itself: the new package is judged and written while the old one still runs,
// and what it asks for in addition waits for the operator.
import { GatewayError } from '../../src/contract/errors.ts'
import type { PluginRow } from '../../src/db/plugins.ts'
import { type PluginPackage, parseManifest } from './archive.ts'
import type { Catalogue } from './catalogue.ts'
import { growthOf } from './growth.ts'
import type { PluginHost } from './host.ts'

/** Throws for a plugin that cannot be updated. */
export function assertUpdatable({ id, builtIn }: PluginRow) {
  if (builtIn) throw new GatewayError('plugin_built_in', `Plugin ${id} is built in and cannot be updated`)
}

/**
 * Keeps the configuration, the storage, the activation and, unless more is asked for, the wish to run. Rejects with the old
 * version in place, and running if it ran. Resolves with whether it is to be started.
 */
export async function updatePlugin(
  catalogue: Catalogue,
  {
    row,
    host,
    pack,
    archive,
  }: { row: PluginRow; host: PluginHost; pack: PluginPackage; archive: Uint8Array },
): Promise<{ start: boolean }> {
  const { manifest, sha256 } = pack
  assertUpdatable(row)
  if (manifest.id !== row.id)
    throw new GatewayError('invalid_input', `The package is plugin ${manifest.id}, not ${row.id}`)
  if (sha256 === row.packageSha256) return { start: false }
  const grown = growthOf(parseManifest(row.manifest), manifest)
  const staged = await catalogue.stage(pack, archive)
  await host.stop(['onDisable', 'onUnload'])
  const waits = grown.length > 0 && row.enabledByOperator
  try {
    await staged.swap(
      row,
      waits
        ? {
            status: 'disabled',
            enabledByOperator: false,
            error: `Version ${manifest.version} also asks for ${grown.join(', ')}. Enable the plugin to allow it`,
          }
        : { status: row.enabledByOperator ? 'installed' : row.status },
    )
  } catch (thrown) {
    // The old version goes on; what keeps it from that is in its row.
    if (row.enabledByOperator) await host.start().catch(() => {})
    throw thrown
  }
  return { start: row.enabledByOperator && !waits }
}
