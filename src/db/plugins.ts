// Plugins in the database: rows to the API's object, reads, and the statements that the engine commits. Sealed columns are
// read by the engine alone.
import { asc, eq, getTableColumns } from 'drizzle-orm'
import * as v from 'valibot'
import { type AskingManifest, askFields, asksOf, type Grants, lacking } from '../contract/grants.ts'
import type { PluginView } from '../contract/plugin-view.ts'
import { type Db, type Statement, statement } from './db.ts'
import { pluginStorage, plugins } from './schema.ts'

export type PluginRow = typeof plugins.$inferSelect
export type NewPluginRow = typeof plugins.$inferInsert
/** What may change in a row. The id and the birthday of a plugin never do. */
export type PluginPatch = Partial<Omit<NewPluginRow, 'id' | 'installedAt'>> & { updatedAt: number }

/** All that a reader without the key may have. */
const { configSealed: _sealed, ...openColumns } = getTableColumns(plugins)
export type OpenPluginRow = Omit<PluginRow, 'configSealed'>

const strings = v.fallback(
  v.pipe(
    v.nullish(v.array(v.string()), []),
    v.transform(list => list ?? []),
  ),
  [],
)
const json = v.fallback(v.nullish(v.record(v.string(), v.unknown())), undefined)

/** What the view shows of a manifest. It was checked when it came in; a row of another version must not hide the others. */
const ShownManifest = v.object({
  type: v.fallback(v.string(), 'extension'),
  description: v.fallback(v.nullish(v.string()), undefined),
  author: v.nullish(v.unknown()),
  provides: strings,
  permissions: strings,
  ingress: v.fallback(v.nullish(v.array(v.unknown())), undefined),
  configSchema: json,
  configUi: json,
  i18n: json,
  sessionScoped: v.fallback(v.nullish(v.boolean(), true), true),
})

/** The asks of a stored manifest; of one that this version cannot read, none. */
const ShownAsks = v.fallback(v.object(askFields), {} as AskingManifest)

const iso = (ms: number) => new Date(ms).toISOString()

/** A field of the view, or no field at all where there is nothing to show. */
const shown = <K extends string, T>(key: K, value: T | null | undefined) =>
  (value === null || value === undefined ? {} : { [key]: value }) as { [P in K]?: T }

/** A row as the API shows it: configurations masked, absent fields left out. */
export function toPluginView(row: OpenPluginRow): PluginView {
  const manifest = v.parse(ShownManifest, row.manifest)
  const asks = asksOf(v.parse(ShownAsks, row.manifest))
  const grants: Grants = row.grants ?? {}
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    type: manifest.type,
    ...shown('description', manifest.description),
    ...shown('author', manifest.author),
    status: row.status,
    config: row.configMasked,
    builtIn: row.builtIn,
    provides: manifest.provides,
    permissions: manifest.permissions,
    ingressCapable: (manifest.ingress?.length ?? 0) > 0 && manifest.permissions.includes('webhook:ingress'),
    ...shown('configSchema', manifest.configSchema),
    ...shown('configUi', manifest.configUi),
    ...shown('i18n', manifest.i18n),
    ...shown(
      'sessionConfig',
      Object.keys(row.sessionConfigMasked).length > 0 ? row.sessionConfigMasked : null,
    ),
    sessionScoped: manifest.sessionScoped !== false,
    activeSessions: row.activeSessions,
    ...shown('loadedAt', row.loadedAt === null ? null : iso(row.loadedAt)),
    ...shown('enabledAt', row.enabledAt === null ? null : iso(row.enabledAt)),
    ...shown('error', row.error),
    tier: row.tier,
    missingPromises: row.missingPromises,
    asks,
    grants,
    waitsFor: lacking(asks, grants),
    ...shown('runtime', row.runtime),
  }
}

/** By id. */
export async function listPlugins(db: Db): Promise<PluginView[]> {
  const rows = await db.select(openColumns).from(plugins).orderBy(asc(plugins.id))
  return rows.map(toPluginView)
}

export async function getPlugin(db: Db, id: string): Promise<PluginView | null> {
  const [row] = await db.select(openColumns).from(plugins).where(eq(plugins.id, id)).limit(1)
  return row ? toPluginView(row) : null
}

/** With the sealed configuration; for the engine. */
export async function findPlugin(db: Db, id: string): Promise<PluginRow | null> {
  const [row] = await db.select().from(plugins).where(eq(plugins.id, id)).limit(1)
  return row ?? null
}

/** Every row, by id; for the engine. */
export async function allPlugins(db: Db): Promise<PluginRow[]> {
  return await db.select().from(plugins).orderBy(asc(plugins.id))
}

/** Fails on commit with a unique violation when the id is taken. */
export function insertPlugin(db: Db, row: NewPluginRow): Statement {
  return statement(db.insert(plugins).values(row))
}

export function updatePlugin(db: Db, id: string, patch: PluginPatch): Statement {
  return statement(db.update(plugins).set(patch).where(eq(plugins.id, id)))
}

/** The plugin with all that it stored, so that another one of the same id inherits nothing. */
export function deletePlugin(db: Db, id: string): Statement[] {
  return [
    statement(db.delete(pluginStorage).where(eq(pluginStorage.pluginId, id))),
    statement(db.delete(plugins).where(eq(plugins.id, id))),
  ]
}
