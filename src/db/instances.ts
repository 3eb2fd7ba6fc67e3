// Provisioned instances of plugins in the database: as the API shows them, as the engine uses them, and the statements that
// the engine commits. Secrets stay sealed here; only the engine can open them.
import { and, asc, eq } from 'drizzle-orm'
import * as v from 'valibot'
import { type IngressRoute, type InstanceView, readIngress } from '../contract/ingress.ts'
import { ConfigSchema } from '../contract/plugin-config.ts'
import { SECRET_MASK } from '../contract/plugin-view.ts'
import { type Db, type Statement, statement } from './db.ts'
import { pluginInstances, plugins } from './schema.ts'

export type InstanceRow = typeof pluginInstances.$inferSelect
export type NewInstanceRow = typeof pluginInstances.$inferInsert

/** An instance with what its plugin's manifest says of it. */
export interface BoundInstance {
  row: InstanceRow
  routes: IngressRoute[]
  configSchema: ConfigSchema | null
  pluginEnabled: boolean
}

const Stored = v.nullish(ConfigSchema)

/** What a stored manifest declares. It was judged when the plugin was installed, unsigned routes too. */
const routesOf = (manifest: Record<string, unknown>) => readIngress(manifest, { allowUnsigned: true }).routes

/** What instances need to know of a plugin; null for one that is not installed. No routes: it takes no webhooks. */
export async function findIngressPlugin(
  db: Db,
  pluginId: string,
): Promise<{ routes: IngressRoute[]; configSchema: ConfigSchema | null } | null> {
  const [row] = await db.select({ manifest: plugins.manifest }).from(plugins).where(eq(plugins.id, pluginId))
  if (row === undefined) return null
  return {
    routes: routesOf(row.manifest),
    configSchema: v.parse(Stored, row.manifest.configSchema) ?? null,
  }
}

const bound = (db: Db) =>
  db
    .select({ row: pluginInstances, manifest: plugins.manifest, enabled: plugins.enabledByOperator })
    .from(pluginInstances)
    .innerJoin(plugins, eq(plugins.id, pluginInstances.pluginId))

const toBound = (found: {
  row: InstanceRow
  manifest: Record<string, unknown>
  enabled: boolean
}): BoundInstance => ({
  row: found.row,
  routes: routesOf(found.manifest),
  configSchema: v.parse(Stored, found.manifest.configSchema) ?? null,
  pluginEnabled: found.enabled,
})

/** Oldest first. */
export async function listInstances(db: Db, pluginId: string): Promise<BoundInstance[]> {
  const rows = await bound(db)
    .where(eq(pluginInstances.pluginId, pluginId))
    .orderBy(asc(pluginInstances.createdAt), asc(pluginInstances.instanceId))
  return rows.map(toBound)
}

export async function findInstance(
  db: Db,
  pluginId: string,
  instanceId: string,
): Promise<BoundInstance | null> {
  const [found] = await bound(db).where(
    and(eq(pluginInstances.pluginId, pluginId), eq(pluginInstances.instanceId, instanceId)),
  )
  return found === undefined ? null : toBound(found)
}

/** As the API shows it, with every secret masked; `baseUrl` is where clients reach the gateway, null where unknown. */
export function toInstanceView({ row, routes }: BoundInstance, baseUrl: string | null): InstanceView {
  const root = `${baseUrl?.replace(/\/+$/, '') ?? ''}/api/ingress/${row.pluginId}/${row.instanceId}`
  return {
    id: `${row.pluginId}:${row.instanceId}`,
    pluginId: row.pluginId,
    instanceId: row.instanceId,
    sessionScope: row.sessionScope,
    secret: SECRET_MASK,
    verifyToken: row.verifyTokenSealed === null ? null : SECRET_MASK,
    config: row.configMasked,
    enabled: row.enabled,
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
    ingressUrls: routes.map(({ route }) => ({ route, url: `${root}/${encodeURIComponent(route)}` })),
  }
}

/** Fails on commit with a unique violation when the plugin has an instance of that name. */
export function insertInstance(db: Db, row: NewInstanceRow): Statement {
  return statement(db.insert(pluginInstances).values(row))
}

const named = (pluginId: string, instanceId: string) =>
  and(eq(pluginInstances.pluginId, pluginId), eq(pluginInstances.instanceId, instanceId))

export function updateInstance(
  db: Db,
  of: { pluginId: string; instanceId: string },
  patch: Partial<Omit<NewInstanceRow, 'pluginId' | 'instanceId' | 'createdAt'>> & { updatedAt: number },
): Statement {
  return statement(db.update(pluginInstances).set(patch).where(named(of.pluginId, of.instanceId)))
}

/** Its acknowledged deliveries stay. */
export function deleteInstance(db: Db, of: { pluginId: string; instanceId: string }): Statement {
  return statement(db.delete(pluginInstances).where(named(of.pluginId, of.instanceId)))
}
