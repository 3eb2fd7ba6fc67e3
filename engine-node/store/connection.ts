// One connection to a database file, with the settings that every connection must have and its statements kept prepared:
// to prepare one costs more than to run it.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { SqlValue, Statement } from '../../src/db/db.ts'

/** How long one statement may wait for a lock. It blocks its thread, so it is short; the write queue waits longer, outside. */
export const LOCK_WAIT_MS = 100

/** Statements kept prepared; lists in an `IN (…)` make a text for each length, so there is no end of them by itself. */
const MAX_PREPARED = 500

/** What a statement that answers gives: rows as lists, in the order of `columns`. */
export interface Answer {
  columns: readonly string[]
  rows: unknown[][]
}

export interface Connection extends Disposable {
  /** Runs one statement. `answer` is null for one that gives no rows. */
  run(sql: string, args: readonly SqlValue[]): { changes: number; answer: Answer | null }
  /** All statements as one transaction; gives the rows that each has changed. An error has the `statementIndex` of the refused one. */
  transact(statements: readonly Statement[]): number[]
}

interface Prepared {
  statement: StatementSync
  /** Null for a statement that gives no rows. */
  columns: readonly string[] | null
}

/**
 * Of the connection; the journal mode is the file's. Keys of WhatsApp are random, so nearly each message changes other pages of the
 * indexes: SQLite's own 2 MB of pages would be read and written several times in one busy commit, and its 1,000 pages of WAL would
 * be copied into the file at each. 8 MB at most are kept, as they are used, and the WAL grows to 16 MB.
 */
const settings = [
  'journal_mode = WAL',
  'synchronous = FULL',
  'foreign_keys = ON',
  'temp_store = MEMORY',
  'cache_size = -8000',
  'wal_autocheckpoint = 4000',
]

/**
 * Opens the file at `path`. WAL, so that readers do not wait for the writer; FULL, since with NORMAL a committed transaction
 * may be gone after a power cut (SQLite, "PRAGMA synchronous"). Errors are SQLite's own, with its name for them as `code`.
 */
export function openConnection(path: string): Connection {
  const database = named(() => new DatabaseSync(path, { timeout: LOCK_WAIT_MS }))
  try {
    for (const pragma of settings) named(() => database.exec(`PRAGMA ${pragma}`))
  } catch (error) {
    database.close()
    throw error
  }
  const kept = new Map<string, Prepared>()

  function prepared(sql: string): Prepared {
    const known = kept.get(sql)
    if (known) {
      // To the end of the order in which they are dropped.
      kept.delete(sql)
      kept.set(sql, known)
      return known
    }
    const statement = database.prepare(sql)
    const made = { statement, columns: columnsOf(statement) }
    kept.set(sql, made)
    const [oldest] = kept.keys()
    if (kept.size > MAX_PREPARED && oldest !== undefined) kept.delete(oldest)
    return made
  }

  function run(sql: string, args: readonly SqlValue[]) {
    return named(() => {
      const { statement, columns } = prepared(sql)
      const values = args.map(bindable)
      if (columns !== null) return { changes: 0, answer: { columns, rows: rowsOf(statement, values) } }
      return { changes: Number(statement.run(...values).changes), answer: null }
    })
  }

  return {
    run,
    transact(statements) {
      run('BEGIN IMMEDIATE', [])
      let statementIndex = 0
      try {
        const changes: number[] = []
        for (const { sql, args } of statements) {
          changes.push(run(sql, args).changes)
          statementIndex += 1
        }
        run('COMMIT', [])
        return changes
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        // Under the name that the errors of libsql's batches have it; none where the commit itself was refused.
        if (error instanceof Error && statementIndex < statements.length)
          Object.assign(error, { statementIndex })
        throw error
      }
    },
    [Symbol.dispose]() {
      kept.clear()
      if (database.isOpen) database.close()
    },
  }
}

function columnsOf(statement: StatementSync): readonly string[] | null {
  const columns = statement.columns()
  if (columns.length === 0) return null
  statement.setReturnArrays(true)
  return columns.map(column => column.name)
}

function rowsOf(statement: StatementSync, values: SQLInputValue[]): unknown[][] {
  let rows: unknown[][]
  try {
    // Lists, as the statement was told; the types know only the other form.
    rows = statement.all(...values) as unknown as unknown[][]
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_RANGE')) throw error
    rows = rounded(statement, values)
  }
  for (const row of rows)
    for (const [at, value] of row.entries())
      if (value instanceof Uint8Array) row[at] = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return rows
}

/** An integer beyond those of a double must not make all rows with it unreadable. */
function rounded(statement: StatementSync, values: SQLInputValue[]): unknown[][] {
  statement.setReadBigInts(true)
  try {
    const rows = statement.all(...values) as unknown as unknown[][]
    return rows.map(row => row.map(value => (typeof value === 'bigint' ? Number(value) : value)))
  } finally {
    statement.setReadBigInts(false)
  }
}

/** SQLite's names of its primary result codes ("Result and Error Codes"), which its numbers carry in their low byte. */
const codes: Readonly<Record<number, string>> = {
  1: 'SQLITE_ERROR',
  2: 'SQLITE_INTERNAL',
  3: 'SQLITE_PERM',
  4: 'SQLITE_ABORT',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  9: 'SQLITE_INTERRUPT',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  12: 'SQLITE_NOTFOUND',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  15: 'SQLITE_PROTOCOL',
  17: 'SQLITE_SCHEMA',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
  21: 'SQLITE_MISUSE',
  22: 'SQLITE_NOLFS',
  23: 'SQLITE_AUTH',
  25: 'SQLITE_RANGE',
  26: 'SQLITE_NOTADB',
}

/** Node gives all of SQLite's errors one code; the rest of the engine, like a libsql client, tells them apart by theirs. */
function named<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof Error && 'errcode' in error)
      Object.assign(error, { code: codes[Number(error.errcode) & 0xff] ?? 'SQLITE_UNKNOWN' })
    throw error
  }
}

/** As a libsql client binds it; what it refuses is refused here too, in its words. */
function bindable(value: SqlValue): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw unbindable('only finite numbers can be bound to a statement')
  }
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) return value.valueOf()
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (value instanceof Uint8Array) return value
  throw unbindable(`${value === undefined ? 'undefined' : typeof value} cannot be bound to a statement`)
}

/** SQLite's code for a value of the wrong kind: it is the statement that is at fault, and not the database. */
const unbindable = (text: string) => Object.assign(new TypeError(text), { code: 'SQLITE_MISMATCH' })
