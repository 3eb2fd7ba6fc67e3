// The database as the rest of src/ sees it: a drizzle handle for reads, and one way to write. Which driver is behind it is
// the composition root's business.
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'
import type * as schema from './schema.ts'

/** Read handle. Its own write methods are not used: writes go through a Writer, so that they keep one order. */
export type Db = BaseSQLiteDatabase<'async', unknown, typeof schema>

/** What SQLite takes as a bound value. */
export type SqlValue = null | string | number | bigint | ArrayBuffer | boolean | Uint8Array | Date

/** One statement with its values bound, as both libsql drivers take it. */
export interface Statement {
  sql: string
  args: SqlValue[]
}

/** How many rows each statement changed, in order. */
export type Changes = number[]

/**
 * The one way to write. `commit` resolves when all its statements are durable, as one transaction; it rejects with the
 * driver's error when they cannot be (nothing of them is stored then), with `storage_unavailable` when the database
 * does not take writes.
 */
export interface Writer {
  commit(statements: readonly Statement[]): Promise<Changes>
}

/** A drizzle query as a Statement, for a Writer. */
export function statement(query: { toSQL(): { sql: string; params: unknown[] } }): Statement {
  const { sql, params } = query.toSQL()
  return { sql, args: params as SqlValue[] }
}

/** True for the error that SQLite gives when a UNIQUE or PRIMARY KEY rule refuses a row. */
export function isUniqueViolation(thrown: unknown): boolean {
  for (let error: unknown = thrown; error instanceof Error; error = error.cause)
    if (/UNIQUE constraint failed|SQLITE_CONSTRAINT/.test(error.message)) return true
  return false
}
