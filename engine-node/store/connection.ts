// One connection to a database file, with the settings that every connection must have and its statements kept prepared:
// to prepare one costs more than to run it.
import Database from 'libsql'
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
  statement: Database.Statement
  /** Null for a statement that gives no rows. */
  columns: readonly string[] | null
}

/**
 * Opens the file at `path`. WAL, so that readers do not wait for the writer; FULL, since with NORMAL a committed transaction
 * may be gone after a power cut (SQLite, "PRAGMA synchronous"). All but the journal mode belong to the connection.
 */
export function openConnection(path: string): Connection {
  const database = new Database(path, { timeout: LOCK_WAIT_MS })
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON'])
    database.exec(`PRAGMA ${pragma}`)
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
    const made = { statement, columns: statement.reader ? columnsOf(statement) : null }
    kept.set(sql, made)
    const [oldest] = kept.keys()
    if (kept.size > MAX_PREPARED && oldest !== undefined) kept.delete(oldest)
    return made
  }

  function run(sql: string, args: readonly SqlValue[]) {
    const { statement, columns } = prepared(sql)
    const values = args.map(bindable)
    try {
      if (columns === null) return { changes: statement.run(values).changes, answer: null }
      return { changes: 0, answer: { columns, rows: statement.all(values) as unknown[][] } }
    } catch (error) {
      // It may be left in the middle; the next use must not go on from there.
      kept.delete(sql)
      throw error
    }
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
        if (database.inTransaction) database.exec('ROLLBACK')
        // Under the name that the errors of libsql's batches have it; none where the commit itself was refused.
        if (error instanceof Error && statementIndex < statements.length)
          Object.assign(error, { statementIndex })
        throw error
      }
    },
    [Symbol.dispose]() {
      kept.clear()
      database.close()
    },
  }
}

function columnsOf(statement: Database.Statement): readonly string[] {
  statement.raw(true)
  return statement.columns().map(column => column.name)
}

/** As a libsql client binds it; what it refuses is refused here too, in its words. */
function bindable(value: SqlValue): null | string | number | bigint | Buffer {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw unbindable('only finite numbers can be bound to a statement')
  }
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) return value.valueOf()
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw unbindable(`${value === undefined ? 'undefined' : typeof value} cannot be bound to a statement`)
}

/** SQLite's code for a value of the wrong kind: it is the statement that is at fault, and not the database. */
const unbindable = (text: string) => Object.assign(new TypeError(text), { code: 'SQLITE_MISMATCH' })
