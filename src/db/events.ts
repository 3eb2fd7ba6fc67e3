// The event log in the database: appending, paging by cursor, and cutting off what is old.
import { and, asc, eq, getTableColumns, gt, inArray, lte, notInArray, sql, sum } from 'drizzle-orm'
import { type Db, type Statement, statement } from './db.ts'
import { events, meta } from './schema.ts'
import type { SessionScope } from './sessions.ts'

export type EventRow = typeof events.$inferSelect

/** A time beyond every date, as older versions stored it for a stranger, would make the driver refuse the whole page. */
const readable = {
  ...getTableColumns(events),
  occurredAt: sql<number>`min(max(${events.occurredAt}, 0), 8640000000000000)`.as('at'),
}

/** What a row weighs besides its data: ids, times and its place in the indexes. */
const ROW_BYTES = 300

/** Rows that one query looks at: a reader who wants few of many events must not hold up the process. */
const SCAN = 5_000

/** Where the log says up to which `seq` it has forgotten. */
const PRUNED_KEY = 'events_pruned_through'

/** Written out, since it runs for every event: building it anew would cost more than running it. */
const INSERT = `INSERT INTO events (id, event, session_id, chat_id, data, bytes, occurred_at, created_at)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE `

/**
 * What must be so for an event to be recorded, asked inside the transaction: a redelivered message and a late receipt change
 * nothing, so nothing has happened. `changed`: the statement before this one has changed a row. `always`: whatever came before;
 * of a session that is deleted meanwhile nothing is recorded, as a refused statement would take the connections of all others.
 */
export type Condition = 'always' | 'changed' | { messageStored: string }

/** True of an event that a webhook still waits for. */
const OPEN = `EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = events.id AND d.status IN ('waiting', 'due'))`

export interface NewEvent {
  id: string
  event: string
  sessionId: string
  chatId: string | null
  /** JSON. */
  data: string
  occurredAt: number
  createdAt: number
}

/** Appends an event, if its condition holds when the transaction runs. */
export function insertEvent(row: NewEvent, condition: Condition = 'always'): Statement {
  const { id, event, sessionId, chatId, data, occurredAt, createdAt } = row
  const args = [id, event, sessionId, chatId, data, data.length + ROW_BYTES, occurredAt, createdAt]
  if (condition === 'always') return { sql: `${INSERT}EXISTS (SELECT 1 FROM sessions WHERE id = ?3)`, args }
  if (condition === 'changed') return { sql: `${INSERT}changes() > 0`, args }
  return {
    sql: `${INSERT}EXISTS (SELECT 1 FROM messages WHERE id = ?9)`,
    args: [...args, condition.messageStored],
  }
}

/** True for a statement that appends to the log: whoever commits it has news for the readers. */
export const appendsEvent = ({ sql: text }: { sql: string }): boolean =>
  text.startsWith('INSERT INTO events ')

export interface EventFilter {
  /** What the reader may see, and within that, what it asked for. */
  scope: SessionScope
  sessionId?: string | undefined
  /** null: all names. */
  names: readonly string[] | null
  withheld: readonly string[]
}

/** The last `seq` that is gone from the log, and the newest one given out; both 0 for a log that never had anything. */
export async function logBounds(db: Db): Promise<{ pruned: number; newest: number }> {
  const [row] = await db.all<{ pruned: string | null; newest: number | null }>(sql`SELECT
    (SELECT value FROM meta WHERE key = ${PRUNED_KEY}) AS pruned,
    (SELECT seq FROM sqlite_sequence WHERE name = 'events') AS newest`)
  return { pruned: Number(row?.pruned ?? 0), newest: Number(row?.newest ?? 0) }
}

/**
 * Events after a cursor, in order. `next` is the cursor to go on from: beyond the last one found, as far as was looked, so that
 * a reader of few events does not look twice.
 */
export async function readEvents(
  db: Db,
  filter: EventFilter,
  page: { after: number; limit: number; newest: number },
): Promise<{ events: EventRow[]; next: number }> {
  const found: EventRow[] = []
  let at = page.after
  while (found.length < page.limit && at < page.newest) {
    const end = Math.min(at + SCAN, page.newest)
    const rows = await db
      .select(readable)
      .from(events)
      .where(
        and(
          gt(events.seq, at),
          lte(events.seq, end),
          filter.scope === null ? undefined : inArray(events.sessionId, [...filter.scope]),
          filter.sessionId === undefined ? undefined : eq(events.sessionId, filter.sessionId),
          filter.names === null ? undefined : inArray(events.event, [...filter.names]),
          filter.withheld.length === 0 ? undefined : notInArray(events.event, [...filter.withheld]),
        ),
      )
      .orderBy(asc(events.seq))
      .limit(page.limit - found.length)
    found.push(...rows)
    at = found.length < page.limit ? end : (rows.at(-1)?.seq ?? end)
  }
  return { events: found, next: at }
}

export async function findEvent(db: Db, id: string): Promise<EventRow | null> {
  const [row] = await db.select(readable).from(events).where(eq(events.id, id)).limit(1)
  return row ?? null
}

/** What the whole log weighs. */
export async function logBytes(db: Db): Promise<number> {
  const [row] = await db.select({ bytes: sum(events.bytes) }).from(events)
  return Number(row?.bytes ?? 0)
}

/** The oldest rows after a cursor, to decide what goes. */
export async function oldestEvents(
  db: Db,
  after: number,
  limit: number,
): Promise<{ seq: number; bytes: number; createdAt: number }[]> {
  return await db
    .select({ seq: events.seq, bytes: events.bytes, createdAt: events.createdAt })
    .from(events)
    .where(gt(events.seq, after))
    .orderBy(asc(events.seq))
    .limit(limit)
}

/**
 * Forgets the log up to `through`, with the deliveries that have come to an end. What still waits for a
 * webhook stays until it is delivered or given up; dead letters stay without their data. What had to stay up to `after` is not
 * looked at again.
 */
export function pruneEvents(db: Db, through: number, after = 0): Statement[] {
  return [
    {
      sql: `DELETE FROM deliveries WHERE status IN ('delivered', 'cancelled', 'replayed')
        AND event_id IN (SELECT id FROM events WHERE seq > ? AND seq <= ? AND NOT ${OPEN})`,
      args: [after, through],
    },
    { sql: `DELETE FROM events WHERE seq > ? AND seq <= ? AND NOT ${OPEN}`, args: [after, through] },
    statement(
      db
        .insert(meta)
        .values({ key: PRUNED_KEY, value: String(through) })
        .onConflictDoUpdate({
          target: meta.key,
          set: { value: sql`max(CAST(${meta.value} AS INTEGER), ${through})` },
        }),
    ),
  ]
}
