// An installed plugin becomes another version of itself: the new package is judged and written while the old one still runs,
// and what it asks for in addition waits for the operator.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import type { PluginPatch, PluginRow } from '../../src/db/plugins.ts'
import { type PluginPackage, parseManifest } from './archive.ts'
import type { Catalogue } from './catalogue.ts'
import { growthOf } from './growth.ts'
import type { PluginHost } from './host.ts'

/** Throws for a plugin that cannot be updated. */
export function assertUpdatable({ id, builtIn }: PluginRow) {
  if (builtIn) throw new GatewayError('plugin_built_in', `Plugin ${id} is built in and cannot be updated`)
}

/** As `newVersionPatch`, for a package that takes the place of one whose code was lost: the consent was for what is in the row. */
export function repairPatch(row: PluginRow, manifest: Manifest): Omit<PluginPatch, 'updatedAt'> {
  const { waits, patch } = newVersionPatch(row, manifest)
  return waits ? patch : { status: 'installed' }
}

/** What a new version changes in a row beside its package: where it asks for more, it waits for the operator. */
export function newVersionPatch(
  row: PluginRow,
  manifest: Manifest,
): { waits: boolean; patch: Omit<PluginPatch, 'updatedAt'> } {
  const grown = grownSince(row, manifest)
  if (grown.length === 0 || !row.enabledByOperator)
    return { waits: false, patch: { status: row.enabledByOperator ? 'installed' : row.status } }
  const error = `Version ${manifest.version} also asks for ${grown.join(', ')}. Enable the plugin to allow it`
  return { waits: true, patch: { status: 'disabled', enabledByOperator: false, error } }
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
  const { waits, patch } = newVersionPatch(row, manifest)
  const staged = await catalogue.stage(pack, archive)
  await host.stop(['onDisable', 'onUnload'])
  try {
    await staged.swap(row, patch)
  } catch (thrown) {
    // The old version goes on; what keeps it from that is in its row.
    if (row.enabledByOperator) await host.start().catch(() => {})
    throw thrown
  }
  return { start: row.enabledByOperator && !waits }
}

function grownSince(row: PluginRow, manifest: Manifest): string[] {
  let before: Manifest
  try {
    before = parseManifest(row.manifest)
  } catch {
    // Stored by a version that took it; what was consented to cannot be told any more.
    return ['what its manifest names, as the one before cannot be read']
  }
  return growthOf(before, manifest)
}
