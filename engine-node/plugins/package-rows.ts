// What a package becomes in its plugin's row.
import type { Db, Statement } from '../../src/db/db.ts'
import {
  insertPlugin,
  type NewPluginRow,
  type PluginPatch,
  type PluginRow,
  updatePlugin,
} from '../../src/db/plugins.ts'
import type { TierWish } from '../tiers/tiers.ts'
import type { PluginPackage } from './archive.ts'
import type { TierStatus } from './catalogue.ts'
import { type ConfigSeal, withDefaults } from './configuration.ts'
import { tierWish } from './tier-wish.ts'

export interface PackageRows {
  /** A plugin that was not there before. */
  insert(pack: PluginPackage, builtIn: boolean): Statement
  /** The same plugin with this package: its configuration stays, with the defaults of what is new in it. */
  replace(row: PluginRow, pack: PluginPackage, patch: Omit<PluginPatch, 'updatedAt'>): Statement
}

export function createPackageRows(deps: {
  db: Db
  seal: ConfigSeal
  now(): number
  /** The tier that a plugin would run in now. */
  tierOf(wish: TierWish): TierStatus
}): PackageRows {
  const { db, seal, now } = deps

  function columnsOf({ manifest, sha256, files }: PluginPackage, builtIn: boolean) {
    const wish = tierWish({ id: manifest.id, builtIn }, manifest)
    const { tier, missingPromises } = deps.tierOf({ ...wish, files })
    return {
      name: manifest.name,
      version: manifest.version,
      manifest: { ...manifest },
      packageSha256: sha256,
      tier,
      missingPromises: [...missingPromises],
      error: null,
      updatedAt: now(),
    } satisfies Partial<NewPluginRow>
  }

  return {
    insert: (pack, builtIn) =>
      insertPlugin(db, {
        ...columnsOf(pack, builtIn),
        ...seal.columns(pack.manifest, withDefaults(pack.manifest, { base: {}, sessions: {} })),
        id: pack.manifest.id,
        builtIn,
        status: 'installed',
        activeSessions: ['*'],
        installedAt: now(),
      }),
    replace: (row, pack, patch) =>
      updatePlugin(db, row.id, {
        ...columnsOf(pack, row.builtIn),
        ...seal.columns(pack.manifest, withDefaults(pack.manifest, seal.open(row))),
        ...patch,
        updatedAt: now(),
      }),
  }
}
