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
    // On a full disk a sort must not need a file.
    expect(rows('PRAGMA temp_store')).toEqual([[2]])
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

  it('gives a text back with what follows a nought in it, and bytes as they were', () => {
    expect(connection.run('SELECT ?, ?', ['a\u0000b', new Uint8Array([1, 2])]).answer?.rows).toEqual([
      ['a\u0000b', Buffer.from([1, 2])],
    ])
  })

  it('rounds an integer that no double holds, and reads the rows beside it', () => {
    expect(rows("SELECT 9007199254740993, 1, 'a' UNION ALL SELECT 2, 3, NULL")).toEqual([
      [9007199254740992, 1, 'a'],
      [2, 3, null],
    ])
    expect(rows("SELECT 9007199254740993, 1, 'a' UNION ALL SELECT 2, 3, NULL")?.[1]).toEqual([2, 3, null])
  })

  it('says by name what SQLite refuses', () => {
    const refused = (sql: string, code: string) =>
      expect(() => connection.run(sql, [])).toThrow(expect.objectContaining({ code }))
    connection.run(INSERT, ['a', 1])
    refused("INSERT INTO t (id) VALUES ('a')", 'SQLITE_CONSTRAINT')
    refused('SELECT * FROM nowhere', 'SQLITE_ERROR')
    using other = openConnection(join(folder, 'a.db'))
    other.run('BEGIN IMMEDIATE', [])
    refused('BEGIN IMMEDIATE', 'SQLITE_BUSY')
    const missing = join(folder, 'nowhere', 'a.db')
    expect(() => openConnection(missing)).toThrow(expect.objectContaining({ code: 'SQLITE_CANTOPEN' }))
  })

  it('may be disposed of twice, and takes nothing after that', () => {
    connection[Symbol.dispose]()
    connection[Symbol.dispose]()
    expect(() => rows('SELECT 1')).toThrow()
  })

  it('keeps working past the statements that it keeps', () => {
    for (let n = 0; n < 1_200; n += 1) expect(rows(`SELECT ${n}`)).toEqual([[n]])
    expect(rows('SELECT 0')).toEqual([[0]])
  })
})
