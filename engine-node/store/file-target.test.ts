import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPacker } from './commit-port.ts'
import { openConnection } from './connection.ts'
import { commitHere, commitInThread } from './file-target.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-target-'))
  path = join(folder, 'a.db')
  using connection = openConnection(path)
  connection.run('CREATE TABLE t (id TEXT PRIMARY KEY, b BLOB)', [])
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const insert = (id: string, bytes: Uint8Array | null = null) => ({
  sql: 'INSERT INTO t (id, b) VALUES (?, ?)',
  args: [id, bytes],
})

function stored(): unknown[][] {
  using connection = openConnection(path)
  return connection.run('SELECT id, b FROM t ORDER BY id', []).answer?.rows ?? []
}

for (const [name, open] of Object.entries({
  'in this thread': commitHere,
  'on a thread of its own': commitInThread,
}))
  describe(`commits ${name}`, () => {
    it('are stored in order, with their bytes', async () => {
      await using target = open(path)
      const commits = ['a', 'b', 'c'].map(id => target.batch([insert(id, Buffer.from(id))]))
      expect(await Promise.all(commits)).toEqual([[1], [1], [1]])
      expect(stored().map(([id, bytes]) => [id, String(bytes)])).toEqual([
        ['a', 'a'],
        ['b', 'b'],
        ['c', 'c'],
      ])
    })

    it('that are refused say why and leave nothing', async () => {
      await using target = open(path)
      await expect(target.batch([insert('a'), insert('a')])).rejects.toMatchObject({
        code: expect.stringMatching(/^SQLITE_CONSTRAINT/),
        message: expect.stringContaining('UNIQUE'),
        statementIndex: 1,
      })
      await expect(target.batch([{ ...insert('a'), args: [Number.NaN, null] }])).rejects.toMatchObject({
        code: 'SQLITE_MISMATCH',
        statementIndex: 0,
      })
      expect(stored()).toEqual([])
      expect(await target.batch([insert('a')])).toEqual([1])
    })

    it('end in order also when the end is asked for twice', async () => {
      const target = open(path)
      const last = target.batch([insert('a')])
      await Promise.all([target[Symbol.asyncDispose](), target[Symbol.asyncDispose]()])
      expect(await last).toEqual([1])
      await expect(target.batch([insert('b')])).rejects.toThrow()
    })

    it('find a held lock busy, and go on after a reconnect', async () => {
      await using target = open(path)
      {
        using other = openConnection(path)
        other.run('BEGIN IMMEDIATE', [])
        await expect(target.batch([insert('a')])).rejects.toThrow(/locked|SQLITE_BUSY/)
        other.run('ROLLBACK', [])
      }
      await target.reconnect()
      expect(await target.batch([insert('a')])).toEqual([1])
    })

    it('past the texts that are kept', async () => {
      await using target = open(path)
      for (let n = 0; n < 1_100; n += 1)
        await target.batch([{ sql: `UPDATE t SET b = ${n} WHERE id = ?`, args: ['x'] }, insert(`${n}`)])
      expect(stored().length).toBe(1_100)
    })
  })

describe('the thread that commits', () => {
  it('fails what it was asked when it dies, and is replaced', async () => {
    const away = `${folder}-away`
    renameSync(folder, away)
    await using target = commitInThread(path)
    const asked = [target.batch([insert('a')]), target.batch([insert('b')])]
    for (const commit of asked) await expect(commit).rejects.toThrow()
    renameSync(away, folder)
    expect(await target.batch([insert('a')])).toEqual([1])
  })

  it('is replaced when it cannot be told something', async () => {
    await using target = commitInThread(path)
    const unsayable = { sql: insert('a').sql, args: [Symbol('a') as never] }
    await expect(target.batch([unsayable])).rejects.toThrow(/could not be cloned/)
    expect(await target.batch([insert('a')])).toEqual([1])
  })

  it('is sent the bytes of a view and not the memory behind it', () => {
    const view = Buffer.from('shared pool').subarray(0, 6)
    const { runs } = createPacker()([insert('a', view)])
    expect(runs).toMatchObject([{ args: ['a', { buffer: { byteLength: 6 } }] }])
  })
})
