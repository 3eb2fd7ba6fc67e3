// API keys in the database. A key is stored as its hash; the clear key is known to its owner alone.
import { and, desc, eq, gt, isNull, ne, not, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { type Db, type Statement, statement } from './db.ts'
import { apiKeys } from './schema.ts'

export type ApiKeyRow = typeof apiKeys.$inferSelect
export type NewApiKeyRow = typeof apiKeys.$inferInsert
export type ApiKeyPatch = Partial<Omit<ApiKeyRow, 'id' | 'createdAt'>>

/** Newest first. */
export async function listApiKeys(db: Db): Promise<ApiKeyRow[]> {
  return await db.select().from(apiKeys).orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
}

export async function findApiKey(db: Db, id: string): Promise<ApiKeyRow | null> {
  const [row] = await db.select().from(apiKeys).where(eq(apiKeys.id, id)).limit(1)
  return row ?? null
}

export async function findApiKeyByHash(db: Db, keyHash: string): Promise<ApiKeyRow | null> {
  const [row] = await db.select().from(apiKeys).where(eq(apiKeys.keyHash, keyHash)).limit(1)
  return row ?? null
}

/** A key that can manage keys: active, an admin, not expired, and not held to some sessions or chats. */
const usableAdmin = (keys: typeof apiKeys, now: number): SQL =>
  and(
    eq(keys.role, 'admin'),
    eq(keys.isActive, true),
    or(isNull(keys.expiresAt), gt(keys.expiresAt, now)),
    isNull(keys.allowedSessions),
    isNull(keys.allowedChats),
  )!

export async function hasUsableAdmin(db: Db, now: number): Promise<boolean> {
  const rows = await db.select({ id: apiKeys.id }).from(apiKeys).where(usableAdmin(apiKeys, now)).limit(1)
  return rows.length > 0
}

/**
 * True for a row that is no usable admin or not the last one. Part of the statement itself, so that two requests at the same
 * time cannot take away the last two.
 */
function isSpare(db: Db, now: number): SQL {
  const others = alias(apiKeys, 'others')
  const another = db
    .select({ one: sql`1` })
    .from(others)
    .where(and(ne(others.id, apiKeys.id), usableAdmin(others as unknown as typeof apiKeys, now)))
  return or(not(usableAdmin(apiKeys, now)), sql`exists (${another.getSQL()})`)!
}

export function insertApiKey(db: Db, row: NewApiKeyRow): Statement {
  return statement(db.insert(apiKeys).values(row))
}

/** Never changes the last usable admin in a way that leaves none: changes no row then. `lowers` says whether the patch could. */
export function updateApiKey(
  db: Db,
  id: string,
  patch: ApiKeyPatch,
  options: { lowers: boolean; now: number },
): Statement {
  const guard = options.lowers ? isSpare(db, options.now) : undefined
  return statement(
    db
      .update(apiKeys)
      .set(patch)
      .where(and(eq(apiKeys.id, id), guard)),
  )
}

/** Changes no row when it is the last usable admin. */
export function deleteApiKey(db: Db, id: string, now: number): Statement {
  return statement(db.delete(apiKeys).where(and(eq(apiKeys.id, id), isSpare(db, now))))
}

/** Removes a key without asking whether it is the last: for a key that the settings no longer name. */
export function dropApiKey(db: Db, id: string): Statement {
  return statement(db.delete(apiKeys).where(eq(apiKeys.id, id)))
}

export function addApiKeyUsage(db: Db, id: string, uses: number, lastUsedAt: number): Statement {
  return statement(
    db
      .update(apiKeys)
      .set({ usageCount: sql`${apiKeys.usageCount} + ${uses}`, lastUsedAt })
      .where(eq(apiKeys.id, id)),
  )
}
