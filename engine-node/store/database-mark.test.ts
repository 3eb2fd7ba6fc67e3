import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from './database.ts'
import { assertMarkedDatabase, markDatabase } from './database-mark.ts'
import { openSealer } from './encryption-key.ts'
import { createWriteQueue } from './write-queue.ts'

const KEY = 'ab'.repeat(32)

let root: string
let ids: number
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wharf-mark-'))
  ids = 0
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const newId = () => `database ${++ids}`

async function openOne(name: string) {
  const database = await openDatabase({ url: `file:${join(root, `${name}.db`)}` })
  const writer = createWriteQueue({ target: database.target, delay: async () => {} })
  return {
    db: database.db,
    writer,
    async close() {
      await writer[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

const markOf = (folder: string) => join(root, `${folder}.id`)
const idIn = (folder: string) =>
  existsSync(markOf(folder)) ? readFileSync(markOf(folder), 'utf8').trim() : null

interface Start {
  key?: string
  /** It dies when the key has proven right. */
  diesBeforeId?: boolean
  /** It dies when the id is in the database. */
  diesBeforeMark?: boolean
}

/** As a start of the gateway does it, with the key from the settings. */
async function start(folder: string, name: string, { key = KEY, diesBeforeId, diesBeforeMark }: Start = {}) {
  const { db, writer, close } = await openOne(name)
  try {
    await assertMarkedDatabase({ db, markFile: markOf(folder) })
    await openSealer({ db, writer, keyFile: join(root, 'encryption.key'), given: key })
    if (diesBeforeId) return
    await markDatabase({ db, writer, markFile: markOf(folder), newId })
    if (diesBeforeMark) rmSync(markOf(folder))
  } finally {
    await close()
  }
}

async function rowsOf(name: string) {
  const { db, close } = await openOne(name)
  const rows = await db.query.meta.findMany()
  await close()
  return Object.fromEntries(rows.map(row => [row.key, row.value]))
}

/** A copy of the rows under another name: a backup that was restored, or a database that has moved. */
async function copy(from: string, to: string, keys: readonly string[]) {
  const rows = await rowsOf(from)
  const { writer, close } = await openOne(to)
  await writer.commit(
    keys.map(key => ({ sql: 'INSERT INTO meta (key, value) VALUES (?, ?)', args: [key, rows[key] ?? ''] })),
  )
  await close()
}

describe('a data folder', () => {
  it('is marked with the id of its database, for its owner alone, once', async () => {
    await start('home', 'one')
    expect(idIn('home')).toBe('database 1')
    expect(statSync(markOf('home')).mode & 0o777).toBe(0o600)
    expect(await rowsOf('one')).toMatchObject({ database_id: 'database 1' })
    await start('home', 'one')
    expect(idIn('home')).toBe('database 1')
    expect(ids).toBe(1)
  })

  it('refuses an empty database in the place of its own, and writes nothing to it', async () => {
    await start('home', 'one')
    await expect(start('home', 'empty')).rejects.toMatchObject({
      code: 'database_replaced',
      message: expect.stringMatching(/is empty.*Restore it.*home\.id away/),
    })
    expect(await rowsOf('empty')).toEqual({})
    expect(idIn('home')).toBe('database 1')
    await start('home', 'one')
  })

  it('refuses a database that is another one, whatever its key, and writes nothing to it', async () => {
    await start('home', 'one')
    await start('elsewhere', 'two')
    const before = await rowsOf('two')
    for (const key of [KEY, 'cd'.repeat(32)])
      await expect(start('home', 'two', { key })).rejects.toMatchObject({
        code: 'database_replaced',
        message: expect.stringContaining('is not the one that this data folder was used with'),
      })
    expect(await rowsOf('two')).toEqual(before)
    expect(idIn('home')).toBe('database 1')
  })

  it('without a mark takes the database that it finds, as a person says by moving the mark away', async () => {
    await start('home', 'one')
    await start('new', 'one')
    expect(idIn('new')).toBe('database 1')
    rmSync(markOf('home'))
    await start('home', 'empty')
    expect(idIn('home')).toBe('database 2')
  })

  it('knows its database in a backup and in another place', async () => {
    await start('home', 'one')
    await copy('one', 'moved', ['database_id', 'encryption_check'])
    await start('home', 'moved')
    expect(idIn('home')).toBe('database 1')
  })

  it('gives a backup from before there were ids the one that it had since', async () => {
    await start('home', 'one')
    await start('other', 'one')
    await copy('one', 'old', ['encryption_check'])
    await start('home', 'old')
    await start('other', 'old')
    expect(await rowsOf('old')).toMatchObject({ database_id: 'database 1' })
    expect([idIn('home'), idIn('other')]).toEqual(['database 1', 'database 1'])
  })

  it('is not marked for a database whose key is another one', async () => {
    await start('home', 'one')
    await expect(start('new', 'one', { key: 'cd'.repeat(32) })).rejects.toMatchObject({
      code: 'encryption_key_wrong',
    })
    expect(idIn('new')).toBe(null)
  })

  it.each([
    ['a version without ids has used', { diesBeforeId: true }],
    ['a start has left that died before the mark', { diesBeforeMark: true }],
  ])('takes a database that %s', async (_what, died) => {
    await start('home', 'one', died)
    await start('home', 'one')
    expect(idIn('home')).toBe('database 1')
    expect(await rowsOf('one')).toMatchObject({ database_id: 'database 1' })
  })

  it.each([
    ['half a mark', 'database'],
    ['nothing', ''],
  ])('is marked over what a death has left beside it: %s', async (_what, draft) => {
    writeFileSync(`${markOf('home')}.new`, draft)
    await start('home', 'one')
    expect(idIn('home')).toBe('database 1')
    expect(existsSync(`${markOf('home')}.new`)).toBe(false)
  })
})

it('leaves one id to a database that two engines are started on at once', async () => {
  await start('first', 'one', { diesBeforeId: true })
  await Promise.all(['a', 'b', 'c'].map(folder => start(folder, 'one')))
  const { database_id } = await rowsOf('one')
  expect(['a', 'b', 'c'].map(idIn)).toEqual([database_id, database_id, database_id])
})
