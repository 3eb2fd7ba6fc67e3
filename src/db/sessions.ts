// Sessions in the database: rows to the API's object, lists, figures, and the statements that the engine commits.
import { and, count, desc, eq, inArray } from 'drizzle-orm'
import * as v from 'valibot'
import {
  type NextAction,
  Restriction,
  type Session,
  type SessionState,
  type SessionStatus,
} from '../contract/session.ts'
import { type Db, type Statement, statement } from './db.ts'
import { sessions } from './schema.ts'

export type SessionRow = typeof sessions.$inferSelect
export type NewSessionRow = typeof sessions.$inferInsert
/** What may change in a row. The id and the birthday of a session never do. */
export type SessionPatch = Partial<Omit<NewSessionRow, 'id' | 'createdAt'>> & { updatedAt: number }

/** Which sessions a key sees: null for all, an empty list for none. */
export type SessionScope = readonly string[] | null

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
const NullableRestriction = v.nullable(Restriction)

/** What comes next where nothing is wrong. */
const next: Readonly<Record<SessionStatus, NextAction>> = {
  created: 'start',
  initializing: 'wait',
  qr_ready: 'link',
  authenticating: 'wait',
  ready: 'none',
  disconnected: 'start',
  action_required: 'open_phone',
  failed: 'start',
}

function stateOf({ status, statusSince, trouble }: SessionRow): SessionState {
  const since = iso(statusSince)
  if (trouble === null)
    return { since, reason: null, code: null, isFinal: false, nextAction: next[status], retryAt: null }
  const { retryAt = null, ...rest } = trouble
  return { since, ...rest, retryAt: iso(retryAt) }
}

/** A row as the API shows it. */
export function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    phone: row.phone,
    pushName: row.pushName,
    connectedAt: iso(row.connectedAt),
    lastActive: iso(row.lastActiveAt),
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
    lastError: row.lastError,
    restriction: v.parse(NullableRestriction, row.restriction),
    engineLoaded: row.engineLoaded,
    state: stateOf(row),
  }
}

const inScope = (scope: SessionScope) => (scope === null ? undefined : inArray(sessions.id, [...scope]))

/** Newest first. */
export async function listSessions(
  db: Db,
  filter: { limit: number; offset: number; name?: string | undefined; scope: SessionScope },
): Promise<Session[]> {
  const rows = await db
    .select()
    .from(sessions)
    .where(and(inScope(filter.scope), filter.name === undefined ? undefined : eq(sessions.name, filter.name)))
    .orderBy(desc(sessions.createdAt), desc(sessions.id))
    .limit(filter.limit)
    .offset(filter.offset)
  return rows.map(toSession)
}

export async function findSession(db: Db, id: string): Promise<SessionRow | null> {
  const [row] = await db.select().from(sessions).where(eq(sessions.id, id)).limit(1)
  return row ?? null
}

export async function findSessionByName(db: Db, name: string): Promise<SessionRow | null> {
  const [row] = await db.select().from(sessions).where(eq(sessions.name, name)).limit(1)
  return row ?? null
}

/** Every row, oldest first: what the engine starts from after a restart. */
export async function allSessions(db: Db): Promise<SessionRow[]> {
  return await db.select().from(sessions).orderBy(sessions.createdAt, sessions.id)
}

/** How many sessions are in each state, and how many of them have a running engine. */
export async function countSessions(
  db: Db,
  scope: SessionScope,
): Promise<{ total: number; active: number; byStatus: Partial<Record<SessionStatus, number>> }> {
  const rows = await db
    .select({ status: sessions.status, engineLoaded: sessions.engineLoaded, sessions: count() })
    .from(sessions)
    .where(inScope(scope))
    .groupBy(sessions.status, sessions.engineLoaded)
  const byStatus: Partial<Record<SessionStatus, number>> = {}
  let [total, active] = [0, 0]
  for (const row of rows) {
    byStatus[row.status] = (byStatus[row.status] ?? 0) + row.sessions
    total += row.sessions
    if (row.engineLoaded) active += row.sessions
  }
  return { total, active, byStatus }
}

/** Fails on commit with a unique violation when the name is taken. */
export function insertSession(db: Db, row: NewSessionRow): Statement {
  return statement(db.insert(sessions).values(row))
}

export function updateSession(db: Db, id: string, patch: SessionPatch): Statement {
  return statement(db.update(sessions).set(patch).where(eq(sessions.id, id)))
}

/** Takes its messages, keys and journal with it. */
export function deleteSession(db: Db, id: string): Statement {
  return statement(db.delete(sessions).where(eq(sessions.id, id)))
}
