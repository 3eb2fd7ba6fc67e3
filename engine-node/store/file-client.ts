// A libsql client over one kept connection, for drizzle's reads of a database file. The library's own prepares each statement
// anew, which costs several times what most reads cost.
import type { Client, InArgs, InStatement, ResultSet, Row, TransactionMode, Value } from '@libsql/client'
import type { SqlValue } from '../../src/db/db.ts'
import { type Connection, openConnection } from './connection.ts'

/** `whole` does what is not a single statement, and ends with it. */
export function createFileClient(path: string, whole: Client): Client {
  let connection: Connection = openConnection(path)
  const rowsOf = createRowMaker()

  async function execute(statement: InStatement | string, args?: InArgs): Promise<ResultSet> {
    const sql = typeof statement === 'string' ? statement : statement.sql
    const values = (typeof statement === 'string' ? args : statement.args) ?? []
    if (!Array.isArray(values)) return await whole.execute({ sql, args: values })
    const { changes, answer } = connection.run(sql, values as SqlValue[])
    const set = {
      columns: answer ? [...answer.columns] : [],
      columnTypes: [],
      rows: answer ? rowsOf(answer.columns, answer.rows as Value[][]) : [],
      rowsAffected: changes,
      lastInsertRowid: undefined,
    }
    return { ...set, toJSON: () => set }
  }

  return {
    execute,
    batch: (statements, mode) => whole.batch(statements, mode),
    migrate: statements => whole.migrate(statements),
    transaction: (mode: TransactionMode = 'write') => whole.transaction(mode),
    executeMultiple: sql => whole.executeMultiple(sql),
    sync: () => whole.sync(),
    async reconnect() {
      // Opened first: where that fails, the old one is better than none.
      const fresh = openConnection(path)
      connection[Symbol.dispose]()
      connection = fresh
      await whole.reconnect()
    },
    close() {
      connection[Symbol.dispose]()
      whole.close()
    },
    get closed() {
      return whole.closed
    },
    protocol: whole.protocol,
  }
}

type RowClass = new (values: Value[]) => Row

/**
 * Rows can be read by name and, as two columns may have one name, by position; only names are listed. A class for each set of
 * columns: to define each position on each row takes longer than the query.
 */
function createRowMaker() {
  const classes = new WeakMap<readonly string[], RowClass>()
  return (columns: readonly string[], rows: Value[][]): Row[] => {
    const RowOf = classes.get(columns) ?? rowClass(columns)
    classes.set(columns, RowOf)
    return rows.map(values => new RowOf(values))
  }
}

function rowClass(columns: readonly string[]): RowClass {
  // The first of two with one name, as the library has it.
  const named = [...columns.entries()].filter(([position, name]) => columns.indexOf(name) === position)
  class FileRow {
    [name: string]: unknown
    readonly #values: Value[]
    constructor(values: Value[]) {
      this.#values = values
      for (const [position, name] of named) this[name] = values[position]
    }
    static {
      const { prototype } = FileRow
      Object.defineProperty(prototype, 'length', { value: columns.length })
      for (const position of columns.keys())
        Object.defineProperty(prototype, position, {
          get(this: FileRow) {
            return this.#values[position]
          },
        })
    }
  }
  // What the library's type asks for is on the prototype, where the compiler does not look.
  return FileRow as unknown as RowClass
}
