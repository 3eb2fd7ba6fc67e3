// Searching the text of stored messages, within bounds: the newest rows that fit the filters, and in them every word.
import { and, count, desc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm'
import type { SearchQuery } from '../contract/search.ts'
import type { Db } from './db.ts'
import { inChat } from './messages.ts'
import { messages } from './schema.ts'

/** Rows that one search looks at: the driver answers before anything else happens in the process. */
export const MAX_SCANNED = 100_000

/** Words of a question; more of them say nothing more. */
const MAX_WORDS = 8

export const wordsOf = (q: string): string[] =>
  q
    .split(/\s+/)
    .filter(word => word !== '')
    .slice(0, MAX_WORDS)

const shown = {
  id: messages.id,
  waMessageId: messages.waMessageId,
  sessionId: messages.sessionId,
  chatId: messages.chatId,
  body: messages.body,
  timestamp: messages.timestamp,
  createdAt: messages.createdAt,
  type: messages.type,
  direction: messages.direction,
  from: messages.from,
}

export type FoundRow = Awaited<ReturnType<typeof readFound>>[number]

type Filter = Omit<SearchQuery, 'q' | 'limit' | 'offset'>

/** Everything but the words. An empty list of sessions is none at all. */
function matches(filter: Filter): SQL | undefined {
  const { sessionIds, sessionId, chatId, direction, type, from, dateFrom, dateTo } = filter
  return and(
    sessionIds === undefined ? undefined : inArray(messages.sessionId, sessionIds),
    sessionId === undefined ? undefined : eq(messages.sessionId, sessionId),
    chatId === undefined ? undefined : inChat(chatId),
    direction === undefined ? undefined : eq(messages.direction, direction),
    type === undefined ? undefined : eq(messages.type, type),
    from === undefined ? undefined : eq(messages.from, from),
    dateFrom === undefined ? undefined : gte(messages.timestamp, dateFrom / 1_000),
    dateTo === undefined ? undefined : lt(messages.timestamp, dateTo / 1_000),
  )
}

/** `%` and `_` of a word stand for themselves. */
const holds = (word: string) =>
  sql`${messages.body} like ${`%${word.replace(/[\\%_]/g, '\\$&')}%`} escape '\\'`

const readFound = (db: Db, where: SQL | undefined, page: { limit: number; offset: number }) =>
  db
    .select(shown)
    .from(messages)
    .where(where)
    .orderBy(desc(messages.id))
    .limit(page.limit)
    .offset(page.offset)

/** Newest first; ids of rows grow with their time. Case counts only in letters beyond ASCII. */
export async function searchMessages(
  db: Db,
  { q, limit, offset, ...filter }: SearchQuery,
): Promise<{ rows: FoundRow[]; total: number }> {
  const newest = db
    .select({ id: messages.id })
    .from(messages)
    .where(matches(filter))
    .orderBy(desc(messages.id))
    .limit(MAX_SCANNED)
  const where = and(inArray(messages.id, newest), ...wordsOf(q).map(holds))
  const rows = await readFound(db, where, { limit, offset })
  const [counted] = await db.select({ total: count() }).from(messages).where(where)
  return { rows, total: counted?.total ?? 0 }
}

/** Of these messages those that the filters let pass, in no order. */
export async function findFound(db: Db, ids: readonly string[], filter: Filter): Promise<FoundRow[]> {
  if (ids.length === 0) return []
  const where = and(inArray(messages.id, [...ids]), matches(filter))
  return await readFound(db, where, { limit: ids.length, offset: 0 })
}
