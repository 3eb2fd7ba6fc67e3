import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Connection, openConnection } from './connection.ts'

let folder: string
let connection: Connection
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-connection-'))
  connection = openConnection(join(folder, 'a.db'))
  connection.run('CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER, b BLOB)', [])
})
afterEach(() => {
  connection[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

const INSERT = 'INSERT INTO t (id, n) VALUES (?, ?)'
const rows = (sql: string) => connection.run(sql, []).answer?.rows

describe('a connection', () => {
  it('has the settings that keep a commit over a power cut', () => {
    expect(rows('PRAGMA journal_mode')).toEqual([['wal']])
    expect(rows('PRAGMA synchronous')).toEqual([[2]])
    expect(rows('PRAGMA foreign_keys')).toEqual([[1]])
  })

  it('tells the rows that each statement of a transaction has changed', () => {
    const insert = (id: string) => ({ sql: INSERT, args: [id, 1] })
    expect(connection.transact([insert('a'), insert('b'), { sql: 'UPDATE t SET n = 2', args: [] }])).toEqual([
      1, 1, 2,
    ])
  })

  it('stores nothing of a transaction that is refused, and takes the next', () => {
    const twice = [1, 2].map(n => ({ sql: INSERT, args: ['a', n] }))
    expect(() => connection.transact(twice)).toThrow(/UNIQUE/)
    expect(rows('SELECT * FROM t')).toEqual([])
    expect(connection.transact(twice.slice(1))).toEqual([1])
    expect(() => connection.transact([{ sql: 'INSERT INTO nowhere VALUES (1)', args: [] }])).toThrow(
      /nowhere/,
    )
    expect(rows('SELECT n FROM t')).toEqual([[2]])
  })

  it('reads what another connection has written since it prepared', () => {
    expect(rows('SELECT n FROM t')).toEqual([])
    using other = openConnection(join(folder, 'a.db'))
    other.transact([{ sql: INSERT, args: ['a', 7] }])
    expect(rows('SELECT n FROM t')).toEqual([[7]])
    other.transact([{ sql: 'ALTER TABLE t ADD COLUMN later INTEGER DEFAULT 3', args: [] }])
    expect(rows('SELECT n, later FROM t')).toEqual([[7, 3]])
    expect(rows('SELECT n FROM t')).toEqual([[7]])
  })

  it('gives a statement up between uses, so that the log can be checkpointed and another may write', () => {
    connection.transact([1, 2, 3].map(n => ({ sql: INSERT, args: [`${n}`, n] })))
    for (let round = 0; round < 3; round += 1) expect(rows('SELECT n FROM t')?.length).toBe(3)
    using other = openConnection(join(folder, 'a.db'))
    expect(other.run('PRAGMA wal_checkpoint(TRUNCATE)', []).answer?.rows[0]?.[0]).toBe(0)
  })

  it('binds what a libsql client binds', () => {
    const bytes = Buffer.from('abc')
    const back = (value: Parameters<Connection['run']>[1][number]) =>
      connection.run('SELECT ?', [value]).answer?.rows[0]?.[0]
    expect(back(true)).toBe(1)
    expect(back(null)).toBe(null)
    expect(back(new Date(5))).toBe(5)
    expect(back(1.5)).toBe(1.5)
    expect(back(2n ** 40n)).toBe(2 ** 40)
    expect(back('ü 😀')).toBe('ü 😀')
    for (const value of [bytes, new Uint8Array(bytes), new Uint8Array(bytes).buffer])
      expect(Buffer.from(back(value) as Uint8Array).toString()).toBe('abc')
    expect(() => back(Number.NaN)).toThrow(/finite/)
    expect(() => back(undefined as never)).toThrow(/undefined/)
  })

  it('keeps working past the statements that it keeps', () => {
    for (let n = 0; n < 1_200; n += 1) expect(rows(`SELECT ${n}`)).toEqual([[n]])
    expect(rows('SELECT 0')).toEqual([[0]])
  })
})
