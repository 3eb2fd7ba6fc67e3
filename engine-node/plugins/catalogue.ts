// Which plugins there are: a row in the database and a folder on disk for each, and neither without the other. Running them
// is host.ts's business; operations on one plugin must come one after another (plugins.ts sees to it).
import { GatewayError } from '../../src/contract/errors.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'
import { type Db, isUniqueViolation, type Writer } from '../../src/db/db.ts'
import {
  allPlugins,
  deletePlugin,
  findPlugin,
  type PluginPatch,
  type PluginRow,
  updatePlugin,
} from '../../src/db/plugins.ts'
import type { TierWish } from '../tiers/tiers.ts'
import { type PluginPackage, parseManifest } from './archive.ts'
import type { Bundled, BundledPackage } from './bundled.ts'
import type { ConfigSeal } from './configuration.ts'
import type { PackageFolders, PackageName } from './package-folders.ts'
import { createPackageRows } from './package-rows.ts'
import { newVersionPatch, repairPatch } from './update.ts'

export interface TierStatus {
  tier: Tier
  missingPromises: readonly string[]
}

export interface CatalogueDeps {
  db: Db
  writer: Writer
  folders: PackageFolders
  seal: ConfigSeal
  now(): number
  /** The tier that a plugin would run in now. */
  tierOf(wish: TierWish): TierStatus
  /** What came with the gateway; without it, nothing did. */
  bundled?: Bundled
}

/** A package on disk that is nobody's yet; a start of the gateway sweeps it away. */
export interface StagedPackage {
  /** Makes it the plugin's, in one step with the patch. Rejects with nothing changed and the package gone. */
  swap(row: PluginRow, patch: Omit<PluginPatch, 'updatedAt'>): Promise<void>
}

export interface Catalogue {
  /**
   * A package of a new plugin, or of one whose folder is damaged: that one keeps its storage, configuration and wish to run.
   * A bundled plugin of the same id that is off makes way, and leaves it nothing.
   */
  install(pack: PluginPackage, archive: Uint8Array): Promise<PluginRow>
  /** Rejects with `not_found`. */
  get(pluginId: string): Promise<PluginRow>
  all(): Promise<PluginRow[]>
  update(pluginId: string, patch: Omit<PluginPatch, 'updatedAt'>): Promise<void>
  /** The proven folder of a plugin, and its manifest as the package has it. Rejects with `package_invalid` when damaged. */
  open(row: PluginRow): Promise<{ packageDir: string; manifest: Manifest; files: PluginPackage['files'] }>
  /** Writes a package beside the one that a plugin has. */
  stage(pack: PluginPackage, archive: Uint8Array): Promise<StagedPackage>
  /** The row with all that hangs on it, then the folder. Rejects with `plugin_built_in`. */
  remove(row: PluginRow): Promise<void>
  /** Gives each bundled plugin its row, or the row its present version. To be called once, first of all. */
  adoptBundled(): Promise<void>
  /** Makes rows and folders agree after a crash: call it once, before anything else runs. */
  reconcile(): Promise<{ swept: string[]; damaged: string[] }>
}

const nameOf = (row: Pick<PluginRow, 'id' | 'packageSha256'>): PackageName[] =>
  row.packageSha256 === null ? [] : [{ id: row.id, sha256: row.packageSha256 }]

export function createCatalogue(deps: CatalogueDeps): Catalogue {
  const { db, writer, folders, now, bundled = async () => new Map() } = deps
  const rows = createPackageRows(deps)

  async function open(row: PluginRow) {
    const [name] = nameOf(row)
    if (!name) throw new GatewayError('package_invalid', `Plugin ${row.id} has no package`)
    const { packageDir, pack } = await folders.verify(name).catch(async (fault: unknown) => {
      const own = await bundledPackage(row)
      if (own?.pack.sha256 !== name.sha256) throw fault
      // It came with the gateway, and is written to where packages lie when it is wanted.
      await folders.place(own.pack, own.archive)
      return await folders.verify(name)
    })
    return { packageDir, manifest: pack.manifest, files: pack.files }
  }

  async function isDamaged(row: PluginRow): Promise<GatewayError | null> {
    return open(row).then(
      () => null,
      (error: unknown) => {
        if (error instanceof GatewayError && error.code === 'package_invalid') return error
        throw error
      },
    )
  }

  async function get(pluginId: string) {
    const row = await findPlugin(db, pluginId)
    if (!row) throw new GatewayError('not_found', `Plugin ${pluginId} not found`)
    return row
  }

  const update = async (pluginId: string, patch: Omit<PluginPatch, 'updatedAt'>) => {
    await writer.commit([updatePlugin(db, pluginId, { ...patch, updatedAt: now() })])
  }

  /** Of a plugin that came with the gateway, what came with it. */
  const bundledPackage = async (row: PluginRow): Promise<BundledPackage | null> =>
    row.builtIn ? ((await bundled()).get(row.id) ?? null) : null

  return {
    open,
    update,
    all: () => allPlugins(db),
    get,

    async install(pack, archive) {
      const { id } = pack.manifest
      const before = await findPlugin(db, id)
      if (before?.builtIn && (before.enabledByOperator || before.status === 'enabled'))
        throw new GatewayError('plugin_exists', `Plugin ${id} is built in and switched on`)
      if (before && !before.builtIn && !(await isDamaged(before))) throw installed(id)
      const undo = await folders.place(pack, archive)
      try {
        await writer.commit(
          before && !before.builtIn
            ? [rows.replace(before, pack, repairPatch(before, pack.manifest))]
            : // What a bundled plugin has stored and been told is not for another one.
              [...(before ? deletePlugin(db, id) : []), rows.insert(pack, false)],
        )
      } catch (error) {
        await undo()
        throw isUniqueViolation(error) ? installed(id) : error
      }
      for (const old of before ? nameOf(before) : [])
        if (old.sha256 !== pack.sha256) await folders.remove(old)
      return await get(id)
    },

    async stage(pack, archive) {
      const undo = await folders.place(pack, archive)
      return {
        async swap(row, patch) {
          await writer.commit([rows.replace(row, pack, patch)]).catch(async (error: unknown) => {
            await undo()
            throw error
          })
          for (const old of nameOf(row)) if (old.sha256 !== pack.sha256) await folders.remove(old)
        },
      }
    },

    async remove(row) {
      assertRemovable(row)
      await writer.commit(deletePlugin(db, row.id))
      for (const name of nameOf(row)) await folders.remove(name)
    },

    async adoptBundled() {
      const packages = await bundled()
      const known = new Map((await allPlugins(db)).map(row => [row.id, row]))
      const statements = [...packages.values()].flatMap(({ pack }) => {
        const row = known.get(pack.manifest.id)
        if (row === undefined) return [rows.insert(pack, true)]
        if (!row.builtIn || row.packageSha256 === pack.sha256) return []
        return [rows.replace(row, pack, newVersionPatch(row, pack.manifest).patch)]
      })
      // It came with an older version of the gateway, and is like any other from now on.
      for (const row of known.values())
        if (row.builtIn && !packages.has(row.id))
          statements.push(updatePlugin(db, row.id, { builtIn: false, updatedAt: now() }))
      if (statements.length > 0) await writer.commit(statements)
    },

    async reconcile() {
      const all = await allPlugins(db)
      const swept = await folders.sweep(all.flatMap(nameOf))
      const damaged: string[] = []
      for (const row of all) {
        if (row.builtIn) continue
        const fault = (await isDamaged(row)) ?? manifestFault(row)
        if (!fault) continue
        damaged.push(row.id)
        if (row.error !== fault.message) await update(row.id, { status: 'error', error: fault.message })
      }
      return { swept, damaged }
    },
  }
}

/** Throws `plugin_built_in`; asked before a plugin is stopped for good. */
export function assertRemovable({ id, builtIn }: PluginRow) {
  if (builtIn) throw new GatewayError('plugin_built_in', `Plugin ${id} is built in and cannot be uninstalled`)
}

const installed = (id: string) => new GatewayError('plugin_exists', `Plugin ${id} is already installed`)

/** A stored manifest that this version no longer takes; the plugin then stays off and says why. */
function manifestFault(row: PluginRow): GatewayError | null {
  try {
    parseManifest(row.manifest)
    return null
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}
