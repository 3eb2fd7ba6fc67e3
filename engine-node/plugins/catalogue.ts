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
  insertPlugin,
  type NewPluginRow,
  type PluginPatch,
  type PluginRow,
  updatePlugin,
} from '../../src/db/plugins.ts'
import { type PluginPackage, parseManifest } from './archive.ts'
import { type ConfigSeal, withDefaults } from './configuration.ts'
import type { PackageFolders, PackageName } from './package-folders.ts'

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
  tierOf(wish: { pluginId: string; asked: Tier | null; files: PluginPackage['files'] }): TierStatus
}

/** A package on disk that is nobody's yet; a start of the gateway sweeps it away. */
export interface StagedPackage {
  /** Makes it the plugin's, in one step with the patch. Rejects with nothing changed and the package gone. */
  swap(row: PluginRow, patch: Omit<PluginPatch, 'updatedAt'>): Promise<void>
}

export interface Catalogue {
  /** A package of a new plugin, or of one whose folder is damaged: that one keeps its storage, configuration and wish to run. */
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
  /** Makes rows and folders agree after a crash: call it once, before anything else. */
  reconcile(): Promise<{ swept: string[]; damaged: string[] }>
}

const nameOf = (row: Pick<PluginRow, 'id' | 'packageSha256'>): PackageName[] =>
  row.packageSha256 === null ? [] : [{ id: row.id, sha256: row.packageSha256 }]

export function createCatalogue(deps: CatalogueDeps): Catalogue {
  const { db, writer, folders, seal, now } = deps

  async function open(row: PluginRow) {
    const [name] = nameOf(row)
    if (!name) throw new GatewayError('package_invalid', `Plugin ${row.id} has no package`)
    const { packageDir, pack } = await folders.verify(name)
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

  /** What a package says of a plugin, as columns. */
  function packageColumns({ manifest, sha256, files }: PluginPackage) {
    const { tier, missingPromises } = deps.tierOf({
      pluginId: manifest.id,
      asked: manifest.tier ?? null,
      files,
    })
    return {
      name: manifest.name,
      version: manifest.version,
      manifest: { ...manifest },
      packageSha256: sha256,
      tier,
      missingPromises: [...missingPromises],
      error: null,
    } satisfies Partial<NewPluginRow>
  }

  function statementFor(pack: PluginPackage, before: PluginRow | null) {
    const { manifest } = pack
    const config = before ? seal.open(before) : { base: {}, sessions: {} }
    const columns = {
      ...packageColumns(pack),
      ...seal.columns(manifest, withDefaults(manifest, config)),
      updatedAt: now(),
    }
    if (before) return updatePlugin(db, manifest.id, { ...columns, status: 'installed' })
    return insertPlugin(db, {
      ...columns,
      id: manifest.id,
      status: 'installed',
      activeSessions: ['*'],
      installedAt: now(),
    })
  }

  return {
    open,
    update,
    all: () => allPlugins(db),
    get,

    async install(pack, archive) {
      const { id } = pack.manifest
      const before = await findPlugin(db, id)
      if (before && (before.builtIn || !(await isDamaged(before)))) throw installed(id)
      const undo = await folders.place(pack, archive)
      try {
        await writer.commit([statementFor(pack, before)])
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
          const { manifest } = pack
          const config = seal.columns(manifest, withDefaults(manifest, seal.open(row)))
          const columns = { ...packageColumns(pack), ...config, ...patch, updatedAt: now() }
          await writer.commit([updatePlugin(db, row.id, columns)]).catch(async (error: unknown) => {
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

    async reconcile() {
      const rows = await allPlugins(db)
      const swept = await folders.sweep(rows.flatMap(nameOf))
      const damaged: string[] = []
      for (const row of rows) {
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
