// The plugins that come with the gateway, packed from its own folder. Nothing else makes a plugin a bundled one: what an archive
// says of itself does not, and neither does its id.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GatewayError } from '../../src/contract/errors.ts'
import type { PluginPackage } from './archive.ts'
import { packPlugin } from './pack-plugin.ts'

/** By name, since authors make their plugins in the same folder. */
export const bundledPlugins = [
  'wharf-auto-reply',
  'wharf-moderation',
  'wharf-translation',
  'wharf-webhook-relay',
] as const

export const BUNDLED_FOLDER = fileURLToPath(new URL('../../plugins', import.meta.url))

export interface BundledPackage {
  pack: PluginPackage
  archive: Uint8Array
}

/** By id; packed at the first call. Rejects where one cannot be packed. */
export type Bundled = () => Promise<ReadonlyMap<string, BundledPackage>>

export function createBundled({
  folder = BUNDLED_FOLDER,
  ids = bundledPlugins,
}: {
  folder?: string
  ids?: readonly string[]
} = {}): Bundled {
  let packing: ReturnType<Bundled> | null = null

  async function packOne(id: string): Promise<[string, BundledPackage]> {
    const { bytes, pack } = await packPlugin(join(folder, id))
    if (pack.manifest.id !== id) throw new GatewayError('internal', `The folder ${id} holds another plugin`)
    return [id, { pack, archive: bytes }]
  }

  return () => {
    packing ??= Promise.all(ids.map(packOne)).then(packages => new Map(packages))
    return packing
  }
}
