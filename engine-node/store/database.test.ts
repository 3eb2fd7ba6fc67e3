import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holdDataFolder } from './data-folder.ts'
import { openDatabase } from './database.ts'
import { openSealer } from './encryption-key.ts'
import { createWriteQueue } from './write-queue.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-store-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const url = () => `file:${join(folder, 'wharf.db')}`
const delay = async () => {}

async function openStore() {
  const database = await openDatabase({ url: url() })
  return { database, writer: createWriteQueue({ target: database.target, delay }) }
}

describe('database', () => {
  it('makes the tables, and opens again what it made', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { database, writer } = await openStore()
      await writer.commit([
        { sql: 'INSERT INTO meta (key, value) VALUES (?, ?)', args: [`round ${round}`, 'x'] },
      ])
      expect((await database.db.query.meta.findMany()).length).toBe(round + 1)
      await database[Symbol.asyncDispose]()
    }
  })

  it('writes with WAL and FULL, also after a reconnect', async () => {
    const { database } = await openStore()
    await database.target.reconnect()
    const ask = async (name: string) =>
      Object.values((await database.db.all<Record<string, unknown>>(`PRAGMA ${name}`))[0] ?? {})[0]
    expect(await ask('journal_mode')).toBe('wal')
    expect(await ask('synchronous')).toBe(2)
    expect(await ask('foreign_keys')).toBe(1)
    await database[Symbol.asyncDispose]()
  })

  it('refuses a database that a newer version has changed, and leaves it alone', async () => {
    const { database, writer } = await openStore()
    await writer.commit([
      {
        sql: 'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)',
        args: ['later', 9_999_999_999_999],
      },
    ])
    await database[Symbol.asyncDispose]()
    await expect(openDatabase({ url: url() })).rejects.toMatchObject({
      code: 'database_newer',
      message: expect.stringContaining('newer version'),
    })
  })

  it('keeps a copy before it changes the tables', async () => {
    const { database } = await openStore()
    await database[Symbol.asyncDispose]()
    const migrations = join(folder, 'migrations')
    cpSync(fileURLToPath(new URL('../../src/db/migrations', import.meta.url)), migrations, {
      recursive: true,
    })
    const journal = JSON.parse(readFileSync(join(migrations, 'meta/_journal.json'), 'utf8'))
    journal.entries.push({ ...journal.entries.at(-1), idx: 99, when: 9_999_999_999_999, tag: '0099_next' })
    writeFileSync(join(migrations, 'meta/_journal.json'), JSON.stringify(journal))
    writeFileSync(join(migrations, '0099_next.sql'), 'CREATE TABLE next (id text);')
    const upgraded = await openDatabase({ url: url(), migrations })
    await upgraded[Symbol.asyncDispose]()
    expect(readdirSync(folder)).toContain('wharf.db.before-0099_next')
  })

  it('refuses a file that is no database and does not touch it', async () => {
    writeFileSync(join(folder, 'wharf.db'), 'not a database, but somebody wants to keep it'.repeat(100))
    const before = readFileSync(join(folder, 'wharf.db'))
    await expect(openDatabase({ url: url() })).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(readFileSync(join(folder, 'wharf.db'))).toEqual(before)
  })
})

describe('encryption key', () => {
  const sealerOf = async (given: string | null) => {
    const { database, writer } = await openStore()
    try {
      return await openSealer({ db: database.db, writer, keyFile: join(folder, 'encryption.key'), given })
    } finally {
      await database[Symbol.asyncDispose]()
    }
  }

  it('is made once, for its owner alone, and serves again', async () => {
    const sealed = (await sealerOf(null)).seal(Buffer.from('x'), 'c')
    expect(statSync(join(folder, 'encryption.key')).mode & 0o777).toBe(0o600)
    expect(Buffer.from((await sealerOf(null)).open(sealed, 'c')).toString()).toBe('x')
  })

  it('refuses another key and a lost key file, and makes no new one', async () => {
    await sealerOf('ab'.repeat(32))
    await expect(sealerOf('cd'.repeat(32))).rejects.toMatchObject({ code: 'encryption_key_wrong' })
    await expect(sealerOf(null)).rejects.toMatchObject({
      code: 'encryption_key_wrong',
      message: expect.stringContaining('Restore it'),
    })
    expect(readdirSync(folder)).not.toContain('encryption.key')
    await expect(sealerOf('ab'.repeat(32))).resolves.toBeDefined()
  })

  it('refuses a key file that holds something else', async () => {
    writeFileSync(join(folder, 'encryption.key'), 'half a ke')
    await expect(sealerOf(null)).rejects.toMatchObject({ code: 'encryption_key_wrong' })
  })
})

describe('data folder', () => {
  it('is held by one gateway at a time', () => {
    const path = join(folder, 'data')
    const first = holdDataFolder(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(() => holdDataFolder(path)).toThrow(expect.objectContaining({ code: 'data_folder_in_use' }))
    first[Symbol.dispose]()
    holdDataFolder(path)[Symbol.dispose]()
  })
})
