// The proxies of sessions in the database. The URL with its credentials is sealed; what may be shown is beside it.
import { eq } from 'drizzle-orm'
import type { ProxyView } from '../contract/session-setup.ts'
import { type Db, type Statement, statement } from './db.ts'
import { sessionProxies } from './schema.ts'

export type ProxyRow = typeof sessionProxies.$inferSelect

export async function findProxy(db: Db, sessionId: string): Promise<ProxyRow | null> {
  const [row] = await db.select().from(sessionProxies).where(eq(sessionProxies.sessionId, sessionId)).limit(1)
  return row ?? null
}

export const toProxyView = (row: Omit<ProxyRow, 'urlSealed'> | null): ProxyView => ({
  enabled: row !== null,
  proxyType: row?.type ?? null,
  proxyHost: row?.host ?? null,
  hasCredentials: row?.hasCredentials ?? false,
})

export function setProxy(db: Db, row: ProxyRow): Statement {
  return statement(
    db.insert(sessionProxies).values(row).onConflictDoUpdate({ target: sessionProxies.sessionId, set: row }),
  )
}

export function deleteProxy(db: Db, sessionId: string): Statement {
  return statement(db.delete(sessionProxies).where(eq(sessionProxies.sessionId, sessionId)))
}
