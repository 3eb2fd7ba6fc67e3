// What SQLite makes of queries and statements, in the words of EXPLAIN QUERY PLAN.
import { type Client, createClient } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import type { Db, Statement } from '../../src/db/db.ts'
import * as schema from '../../src/db/schema.ts'

export interface QueryPlans extends Disposable {
  /** The steps of one statement. */
  of(statement: Statement): Promise<string[]>
  /** What `ask` sends to the database that it is given. */
  statementsOf(ask: (db: Db) => Promise<unknown>): Promise<Statement[]>
}

/** Of the database at `url`, which has its tables. */
export function openQueryPlans(url: string): QueryPlans {
  const client: Client = createClient({ url })
  const asked: Statement[] = []
  const logQuery = (sql: string, params: unknown[]) =>
    void asked.push({ sql, args: params as Statement['args'] })
  // The driver's result type is the one thing that Db leaves open.
  const db = drizzle(client, { schema, logger: { logQuery } }) as unknown as Db
  return {
    async of({ sql, args }) {
      const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${sql}`, args })
      return rows.map(row => String(row.detail))
    },
    async statementsOf(ask) {
      asked.length = 0
      await ask(db)
      return [...asked]
    },
    [Symbol.dispose]: () => client.close(),
  }
}
