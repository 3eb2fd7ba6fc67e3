// Where the encryption key comes from: given by the operator, or made at first start and kept in a file that only its
// owner reads. It is never in the database, and a database that was written with another key refuses to start.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { eq } from 'drizzle-orm'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import { meta } from '../../src/db/schema.ts'
import type { OpenDatabase } from './database.ts'
import { createSealer, ENCRYPTION_KEY_BYTES, type Sealer } from './sealer.ts'
import { giveName, writeDraft } from './whole-file.ts'

/** The row that proves a key: CHECK_TEXT, sealed. A database without it was never used. */
export const CHECK_ROW = 'encryption_check'
const CHECK_TEXT = 'wharf'

/**
 * The sealer of this database. `given` is 64 hex characters from the settings, or null for the file. Rejects with
 * `encryption_key_wrong` when the database was written with another key or its key is gone: making a new one would
 * orphan every stored credential. Likewise when the key is there and its database is not: an empty one in its place would
 * pass for the lost one.
 */
export async function openSealer(deps: {
  db: OpenDatabase['db']
  writer: Writer
  keyFile: string
  given: string | null
}): Promise<Sealer> {
  const { db, writer, keyFile, given } = deps
  const check = await readCheck(db)
  const kept = given === null ? readKeyFile(keyFile) : null
  if (check === null && kept !== null)
    throw wrong(
      `the data folder holds ${keyFile}, and the database is empty: its file was lost or replaced, or DATABASE_URL names another one. Restore it from your backup. To begin with an empty database on purpose, move the key file away, or give its content as ENCRYPTION_KEY`,
    )
  const made = `${keyFile}.new`
  const key =
    given ?? kept ?? (check === null ? makeKeyFile(made) : existsSync(made) ? readKeyFile(made) : null)
  if (key === null)
    throw wrong(
      `the key file ${keyFile} is gone, and the database holds secrets that only its key opens. Restore it from your backup`,
    )
  const sealer = createSealer(Buffer.from(key, 'hex'))
  if (check === null) {
    const value = Buffer.from(sealer.seal(Buffer.from(CHECK_TEXT), CHECK_ROW)).toString('base64')
    await writer.commit([{ sql: 'INSERT INTO meta (key, value) VALUES (?, ?)', args: [CHECK_ROW, value] }])
    if (given === null) giveName(made, keyFile)
    return sealer
  }
  try {
    sealer.open(Buffer.from(check, 'base64'), CHECK_ROW)
  } catch (cause) {
    const source = given === null ? `the key in ${keyFile}` : 'the key in ENCRYPTION_KEY'
    throw wrong(
      `${source} is not the one that this database was written with. Give the right one; nothing was changed`,
      cause,
    )
  }
  // Whoever made it died before it got its name.
  if (given === null && kept === null) giveName(made, keyFile)
  return sealer
}

async function readCheck(db: Db): Promise<string | null> {
  const rows = await db.select().from(meta).where(eq(meta.key, CHECK_ROW))
  return rows[0]?.value ?? null
}

function readKeyFile(file: string): string | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw wrong(`the key file ${file} cannot be read`, error)
  }
  if (!isKey(text))
    throw wrong(`the key file ${file} does not hold ${ENCRYPTION_KEY_BYTES * 2} hex characters`)
  return text
}

/** True for the text form of a key. */
export const isKey = (text: string): boolean =>
  new RegExp(`^[0-9a-f]{${ENCRYPTION_KEY_BYTES * 2}}$`, 'i').test(text)

/**
 * Under a name that says that no database is written with it yet: a death before the row that proves it leaves this file, and the
 * next start makes it anew.
 */
function makeKeyFile(file: string): string {
  const key = randomBytes(ENCRYPTION_KEY_BYTES).toString('hex')
  writeDraft(file, `${key}\n`)
  return key
}

const wrong = (text: string, cause?: unknown) =>
  new GatewayError('encryption_key_wrong', `Wharf does not start: ${text}.`, { cause })
