// Plugins that could be installed: the operator's list of them, with what is installed of it.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import { meetsVersion } from '../../src/contract/manifest.ts'
import { CatalogEntry, type ListedPlugin } from '../../src/contract/plugin-view.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import { MAX_REDIRECTS } from '../net/request.ts'

/** OpenWA's bound for a catalog, and for the time that it may take. */
const MAX_CATALOG_BYTES = 1024 * 1024
const CATALOG_TIMEOUT_MS = 15_000

export interface MarketplaceDeps {
  fetch: GuardedFetch
  /** PLUGIN_CATALOG_URL; null where the operator has named none. */
  url: string | null
  /** Versions of installed plugins, by id. */
  installed(): Promise<ReadonlyMap<string, string>>
}

/** Rejects with `download_failed` where there is no list to be had. Entries that make no sense are left out. */
export function createMarketplace({ fetch, url, installed }: MarketplaceDeps): () => Promise<ListedPlugin[]> {
  async function download(): Promise<unknown> {
    if (url === null) throw failed('no catalog is set: name one in PLUGIN_CATALOG_URL')
    const { status, body } = await fetch({
      url,
      headers: { accept: 'application/json' },
      hosts: 'any-public',
      redirects: MAX_REDIRECTS,
      timeoutMs: CATALOG_TIMEOUT_MS,
      maxBytes: MAX_CATALOG_BYTES,
    }).catch((cause: unknown) => {
      if (cause instanceof GatewayError && cause.code === 'transport_failed')
        throw failed(cause.message, cause)
      throw cause
    })
    if (status !== 200) throw failed(`the server answered ${status}`)
    try {
      return JSON.parse(new TextDecoder().decode(body))
    } catch (cause) {
      throw failed('it is not JSON', cause)
    }
  }

  return async () => {
    const list = await download()
    if (!Array.isArray(list)) throw failed('it is not a list')
    const versions = await installed()
    return list.flatMap(value => {
      const entry = v.safeParse(CatalogEntry, value)
      return entry.success ? [listed(entry.output, versions.get(entry.output.id))] : []
    })
  }
}

function listed(entry: CatalogEntry, installedVersion: string | undefined): ListedPlugin {
  if (installedVersion === undefined) return { ...entry, installed: false, updateAvailable: false }
  const updateAvailable = entry.version !== installedVersion && !meetsVersion(entry.version, installedVersion)
  return { ...entry, installed: true, installedVersion, updateAvailable }
}

const failed = (why: string, cause?: unknown) =>
  new GatewayError('download_failed', `The plugin catalog could not be read: ${why}`, { cause })
