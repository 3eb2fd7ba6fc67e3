// Which database a data folder belongs to: an id that the database has, and the folder knows. An empty database in the place of
// the one that was lost, or another one, does not start: it would be filled as if nothing had been there.
import { readFileSync } from 'node:fs'
import { inArray } from 'drizzle-orm'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import { meta } from '../../src/db/schema.ts'
import { CHECK_ROW } from './encryption-key.ts'
import { giveName, writeDraft } from './whole-file.ts'

/** The row that names a database. A copy of the database is the same one: that is what a backup is. */
const ID_ROW = 'database_id'

/**
 * To be asked before anything is written to a database that was opened. Rejects with `database_replaced` when the folder knows
 * another one than this. A folder without a mark takes what it finds: it is new, or older than these marks.
 */
export async function assertMarkedDatabase(deps: { db: Db; markFile: string }): Promise<void> {
  const { db, markFile } = deps
  const mark = readMark(markFile)
  if (mark === null) return
  const { id, isInUse } = await identityOf(db)
  // A backup from before databases had ids gets the one that it had since.
  if (id === mark || (id === null && isInUse)) return
  throw replaced(
    id === null
      ? 'is empty, and this data folder was used with one that is not'
      : 'is not the one that this data folder was used with',
    markFile,
  )
}

/**
 * Gives the database an id where it has none, and the folder its mark. To be called once the encryption key has proven to be the
 * one of this database. Several engines may do so at once: one id stays.
 */
export async function markDatabase(deps: {
  db: Db
  writer: Writer
  markFile: string
  newId: () => string
}): Promise<void> {
  const { db, writer, markFile, newId } = deps
  const mark = readMark(markFile)
  let { id } = await identityOf(db)
  if (id === null) {
    await writer.commit([
      {
        sql: 'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING',
        args: [ID_ROW, mark ?? newId()],
      },
    ])
    id = (await identityOf(db)).id
  }
  // The id is durable by now: a mark without it would refuse a database that nothing has happened to.
  if (id === null || id === mark) return
  const draft = `${markFile}.new`
  writeDraft(draft, `${id}\n`)
  giveName(draft, markFile)
}

async function identityOf(db: Db) {
  const rows = await db
    .select()
    .from(meta)
    .where(inArray(meta.key, [ID_ROW, CHECK_ROW]))
  const values = new Map(rows.map(({ key, value }) => [key, value]))
  return { id: values.get(ID_ROW) ?? null, isInUse: values.has(CHECK_ROW) }
}

function readMark(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim() || null
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

const replaced = (what: string, markFile: string) =>
  new GatewayError(
    'database_replaced',
    `Wharf does not start: the database ${what}. Its file was lost or replaced, or DATABASE_URL names another one. Restore it from your backup, or correct DATABASE_URL. To go on with this one on purpose, move ${markFile} away; where it is empty, encryption.key too, if there is one.`,
  )
