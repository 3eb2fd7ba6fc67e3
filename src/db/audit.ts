// The audit in the database: rows that are only ever added, bounded in number.
import { and, count, desc, eq, getTableColumns, sql } from 'drizzle-orm'
import {
  type AuditAction,
  type AuditView,
  auditActions,
  MAX_AUDIT_ROWS,
  type Severity,
} from '../contract/audit.ts'
import { type Db, type Statement, statement } from './db.ts'
import { audit, sessions } from './schema.ts'

/** What is known of an action. What is left out is null. */
export interface AuditEntry {
  at: number
  action: AuditAction
  subject: string | null
  apiKey?: { id: string; name: string }
  sessionId?: string | undefined
  ipAddress?: string
  userAgent?: string | null
  method?: string
  path?: string
  statusCode?: number
  metadata?: Record<string, unknown>
  /** Why it failed; the row then weighs `warn` at least. */
  errorMessage?: string | undefined
}

/** Texts that came from outside are cut to this. */
const MAX_TEXT = 1_000

const cut = (text: string | null | undefined) => text?.slice(0, MAX_TEXT) ?? null

/** The row, and the end of the oldest one. */
export function insertAudit(db: Db, entry: AuditEntry): Statement[] {
  const weight: Severity = auditActions[entry.action]
  const row = {
    action: entry.action,
    severity: entry.errorMessage !== undefined && weight === 'info' ? 'warn' : weight,
    actor: entry.apiKey === undefined ? ('gateway' as const) : ('api_key' as const),
    subject: cut(entry.subject),
    apiKeyId: entry.apiKey?.id ?? null,
    apiKeyName: cut(entry.apiKey?.name),
    sessionId: cut(entry.sessionId),
    ipAddress: cut(entry.ipAddress),
    userAgent: cut(entry.userAgent),
    method: entry.method ?? null,
    path: cut(entry.path),
    statusCode: entry.statusCode ?? null,
    metadata: entry.metadata ?? null,
    errorMessage: cut(entry.errorMessage),
    createdAt: entry.at,
  }
  const oldest = sql`(SELECT max(id) - ${MAX_AUDIT_ROWS} FROM audit)`
  return [
    statement(db.insert(audit).values(row)),
    statement(db.delete(audit).where(sql`${audit.id} <= ${oldest}`)),
  ]
}

export interface AuditFilter {
  action?: string | undefined
  severity?: Severity | undefined
  sessionId?: string | undefined
  apiKeyId?: string | undefined
  limit: number
  offset: number
}

/** Newest first, and how many there are in all. */
export async function listAudit(db: Db, filter: AuditFilter): Promise<{ data: AuditView[]; total: number }> {
  const { action, severity, sessionId, apiKeyId, limit, offset } = filter
  const where = and(
    action === undefined ? undefined : eq(audit.action, action),
    severity === undefined ? undefined : eq(audit.severity, severity),
    sessionId === undefined ? undefined : eq(audit.sessionId, sessionId),
    apiKeyId === undefined ? undefined : eq(audit.apiKeyId, apiKeyId),
  )
  const [rows, totals] = await Promise.all([
    db
      .select({ ...getTableColumns(audit), sessionName: sessions.name })
      .from(audit)
      .leftJoin(sessions, eq(sessions.id, audit.sessionId))
      .where(where)
      .orderBy(desc(audit.id))
      .limit(limit)
      .offset(offset),
    db.select({ total: count() }).from(audit).where(where),
  ])
  return {
    data: rows.map(({ id, createdAt, ...row }) => ({
      ...row,
      id: String(id),
      createdAt: new Date(createdAt).toISOString(),
    })),
    total: totals[0]?.total ?? 0,
  }
}
