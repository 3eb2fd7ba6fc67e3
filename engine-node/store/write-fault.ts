// What a driver's error means for what waits in the write queue. Pure.

export type Fault = 'busy' | 'statement' | 'storage'

/** What a driver said of a transaction, with the statements that it was made of, as positions among those given. */
export class Unwritten extends Error {
  readonly kept: readonly number[]
  constructor(cause: unknown, kept: readonly number[]) {
    super('a transaction was not written', { cause })
    this.kept = kept
  }
}

export const causeOf = (thrown: unknown): unknown => (thrown instanceof Unwritten ? thrown.cause : thrown)

/**
 * Sorts a driver's error. A busy database frees itself; a refused statement concerns its own entry; all else (disk full,
 * read-only, unreachable) concerns the database. "statements in progress" is what a libsql client answers after one
 * SQLITE_BUSY until it reconnects (tursodatabase/libsql-client-ts#352).
 */
export function faultOf(error: unknown): Fault {
  const text =
    error instanceof Error ? `${'code' in error ? error.code : ''} ${error.message}` : String(error)
  if (/SQLITE_BUSY|SQLITE_LOCKED|database is locked|statements in progress/.test(text)) return 'busy'
  if (/SQLITE_CONSTRAINT|SQLITE_MISMATCH|SQLITE_TOOBIG|SQLITE_RANGE|SQLITE_ERROR/.test(text))
    return 'statement'
  return 'storage'
}

/** The position, among the statements given, of the one that the database has refused; -1 where it does not say. */
export function refusedPosition(thrown: unknown): number {
  if (!(thrown instanceof Unwritten)) return -1
  const { cause, kept } = thrown
  const said = cause instanceof Error && 'statementIndex' in cause ? Number(cause.statementIndex) : -1
  return kept[said] ?? -1
}
