// Webhooks in the database: rows to the API's object, lists, and the statements that the engine commits.
import { and, asc, count, desc, eq, inArray, sql } from 'drizzle-orm'
import type { Webhook } from '../contract/webhook.ts'
import { type Db, type Statement, statement } from './db.ts'
import { webhooks } from './schema.ts'
import type { SessionScope } from './sessions.ts'

export type WebhookRow = typeof webhooks.$inferSelect
export type NewWebhookRow = typeof webhooks.$inferInsert
/** What is undefined stays as it is. */
export type WebhookPatch = {
  [K in Exclude<keyof NewWebhookRow, 'id' | 'sessionId' | 'createdAt'>]?: NewWebhookRow[K] | undefined
}

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** A row as the API shows it. */
export function toWebhook(row: WebhookRow): Webhook {
  return {
    id: row.id,
    sessionId: row.sessionId,
    url: row.url,
    events: row.events,
    filters: row.filters,
    active: row.active,
    retryCount: row.retryCount,
    ordered: row.ordered,
    lastTriggeredAt: iso(row.lastTriggeredAt),
    failingSince: iso(row.failingSince),
    disabledReason: row.disabledReason,
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
  }
}

/** Newest first. */
export async function listWebhooks(
  db: Db,
  filter: { scope: SessionScope; sessionId?: string; limit: number; offset: number },
): Promise<Webhook[]> {
  const rows = await db
    .select()
    .from(webhooks)
    .where(
      and(
        filter.scope === null ? undefined : inArray(webhooks.sessionId, [...filter.scope]),
        filter.sessionId === undefined ? undefined : eq(webhooks.sessionId, filter.sessionId),
      ),
    )
    .orderBy(desc(webhooks.createdAt), desc(webhooks.id))
    .limit(filter.limit)
    .offset(filter.offset)
  return rows.map(toWebhook)
}

export async function findWebhook(db: Db, id: string): Promise<WebhookRow | null> {
  const [row] = await db.select().from(webhooks).where(eq(webhooks.id, id)).limit(1)
  return row ?? null
}

/** `findWebhook` for who asks again and again: to make the query takes several times as long as to run it. */
export function prepareFindWebhook(db: Db): (id: string) => Promise<WebhookRow | null> {
  const query = db
    .select()
    .from(webhooks)
    .where(eq(webhooks.id, sql.placeholder('id')))
    .limit(1)
    .prepare()
  return async id => (await query.all({ id }))[0] ?? null
}

/** Every row, oldest first: what the engine keeps in memory. */
export async function allWebhooks(db: Db): Promise<WebhookRow[]> {
  return await db.select().from(webhooks).orderBy(asc(webhooks.createdAt), asc(webhooks.id))
}

export async function countWebhooks(db: Db, sessionId: string): Promise<number> {
  const [row] = await db.select({ webhooks: count() }).from(webhooks).where(eq(webhooks.sessionId, sessionId))
  return row?.webhooks ?? 0
}

export function insertWebhook(db: Db, row: NewWebhookRow): Statement {
  return statement(db.insert(webhooks).values(row))
}

export function updateWebhook(db: Db, id: string, patch: WebhookPatch): Statement {
  return statement(db.update(webhooks).set(patch).where(eq(webhooks.id, id)))
}

export function deleteWebhook(db: Db, id: string): Statement {
  return statement(db.delete(webhooks).where(eq(webhooks.id, id)))
}

/** Notes a success of each. */
export function markAnswering(ids: readonly string[], now: number): Statement {
  return {
    sql: `UPDATE webhooks SET failing_since = NULL, last_triggered_at = ?1
      WHERE id IN (SELECT value FROM json_each(?2))`,
    args: [now, JSON.stringify(ids)],
  }
}

/** Notes a failure of each: the first of a row of them is the one that is kept. */
export function markFailing(ids: readonly string[], now: number): Statement {
  return {
    sql: `UPDATE webhooks SET failing_since = coalesce(failing_since, ?1), last_triggered_at = ?1
      WHERE id IN (SELECT value FROM json_each(?2))`,
    args: [now, JSON.stringify(ids)],
  }
}

/** Changes no row when it is switched off already: only one of several failures may announce it. */
export function disableWebhook(db: Db, id: string, reason: 'gone' | 'failing', now: number): Statement {
  return statement(
    db
      .update(webhooks)
      .set({ active: false, disabledReason: reason, updatedAt: now })
      .where(and(eq(webhooks.id, id), sql`${webhooks.active}`)),
  )
}
