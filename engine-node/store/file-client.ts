// A database file behind the face of a libsql client, for drizzle: reads, migrations, and what is done once at a start.
import type { Client, InArgs, InStatement, ResultSet, Row, Value } from '@libsql/client'
import type { SqlValue, Statement } from '../../src/db/db.ts'
import { type Connection, openConnection } from './connection.ts'

/** Values go by position, as drizzle's do. Transactions that stay open between calls are not offered: writes have one queue. */
export function createFileClient(path: string): Client {
  let connection: Connection = openConnection(path)
  let isClosed = false
  const rowsOf = createRowMaker()

  function resultOf({ changes, answer }: ReturnType<Connection['run']>): ResultSet {
    const set = {
      columns: answer ? [...answer.columns] : [],
      columnTypes: [],
      rows: answer ? rowsOf(answer.columns, answer.rows as Value[][]) : [],
      rowsAffected: changes,
      lastInsertRowid: undefined,
    }
    return { ...set, toJSON: () => set }
  }

  async function execute(statement: InStatement | string, args?: InArgs): Promise<ResultSet> {
    const { sql, args: values } = plain(statement, args)
    return resultOf(connection.run(sql, values))
  }

  async function batch(statements: readonly (InStatement | [string, InArgs?])[]): Promise<ResultSet[]> {
    const changes = connection.transact(
      statements.map(each => (Array.isArray(each) ? plain(...each) : plain(each))),
    )
    return changes.map(count => resultOf({ changes: count, answer: null }))
  }

  return {
    execute,
    batch,
    async migrate(statements) {
      // A table that is made anew would take with it what refers to it; within a transaction the setting has no effect.
      connection.run('PRAGMA foreign_keys = OFF', [])
      try {
        return await batch(statements)
      } finally {
        connection.run('PRAGMA foreign_keys = ON', [])
      }
    },
    async transaction() {
      throw new Error('writes go through the write queue')
    },
    async executeMultiple() {
      throw new Error('statements are run one by one')
    },
    async sync() {
      return undefined
    },
    async reconnect() {
      // Opened first: where that fails, the old one is better than none.
      const fresh = openConnection(path)
      connection[Symbol.dispose]()
      connection = fresh
    },
    close() {
      connection[Symbol.dispose]()
      isClosed = true
    },
    get closed() {
      return isClosed
    },
    protocol: 'file',
  }
}

function plain(statement: InStatement | string, args?: InArgs): Statement {
  const { sql, args: values = [] } = typeof statement === 'string' ? { sql: statement, args } : statement
  if (!Array.isArray(values)) throw new TypeError('values go by position')
  return { sql, args: values as SqlValue[] }
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
