// The page by which a plugin lets itself be configured: a file of its package, for somebody's browser to sandbox.
import { GatewayError } from '../../src/contract/errors.ts'
import type { PluginRow } from '../../src/db/plugins.ts'
import { normalizeMain } from './archive.ts'
import type { Catalogue } from './catalogue.ts'

/**
 * Its HTML, out of the proven bytes of the package: no path is opened, so there is none to escape by. Rejects with
 * `not_found` for a plugin without such a page.
 */
export async function readConfigPage(catalogue: Catalogue, row: PluginRow): Promise<{ html: string }> {
  const { manifest, files } = await catalogue.open(row)
  const page = manifest.configUi ? files.get(normalizeMain(manifest.configUi.entry)) : undefined
  if (page === undefined)
    throw new GatewayError('not_found', `Plugin ${row.id} has no page for its configuration`)
  return { html: new TextDecoder().decode(page) }
}
