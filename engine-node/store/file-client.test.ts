import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileClient } from './file-client.ts'

let folder: string
let whole: Client
let client: Client
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-file-client-'))
  // Of files of their own: two copies of SQLite in one process must not open the same one.
  whole = createClient({ url: `file:${join(folder, 'theirs.db')}` })
  client = createFileClient(join(folder, 'ours.db'))
  for (const each of [whole, client])
    await each.batch([
      'CREATE TABLE a (id, n)',
      'CREATE TABLE b (id, a)',
      "INSERT INTO a VALUES ('a1', 1), ('a2', 2)",
      "INSERT INTO b VALUES ('b1', 'a1')",
    ])
})
afterEach(() => {
  client.close()
  whole.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the client of a file answers as the library does', () => {
  const queries = [
    'SELECT * FROM a ORDER BY n',
    'SELECT a.id, b.id, n FROM a JOIN b ON b.a = a.id',
    'SELECT NULL AS empty',
    'SELECT * FROM a WHERE n > 5',
  ]
  for (const sql of queries)
    it(sql, async () => {
      const [ours, theirs] = await Promise.all([client.execute(sql), whole.execute(sql)])
      expect(ours.columns).toEqual(theirs.columns)
      expect(ours.rows.map(row => ({ ...row }))).toEqual(theirs.rows.map(row => ({ ...row })))
      expect(ours.rows.map(row => Array.prototype.slice.call(row))).toEqual(
        theirs.rows.map(row => Array.prototype.slice.call(row)),
      )
    })

  it('values by position', async () => {
    const sql = 'SELECT n FROM a WHERE id = ?'
    expect((await client.execute({ sql, args: ['a2'] })).rows[0]?.n).toBe(2)
    await expect(client.execute({ sql, args: { id: 'a2' } })).rejects.toThrow(/position/)
  })

  it('the rows that a write has changed', async () => {
    expect((await client.execute('UPDATE a SET n = n + 1')).rowsAffected).toBe(2)
  })
})
