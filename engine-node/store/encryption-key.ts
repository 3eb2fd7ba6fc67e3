// Where the encryption key comes from: given by the operator, or made at first start and kept in a file that only its
// owner reads. It is never in the database, and a database that was written with another key refuses to start.
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { eq } from 'drizzle-orm'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import { meta } from '../../src/db/schema.ts'
import type { OpenDatabase } from './database.ts'
import { createSealer, ENCRYPTION_KEY_BYTES, type Sealer } from './sealer.ts'

/** The row that proves a key: this text, sealed. */
const CHECK_ROW = 'encryption_check'
const CHECK_TEXT = 'wharf'

/**
 * The sealer of this database. `given` is 64 hex characters from the settings, or null for the file. Rejects with
 * `encryption_key_wrong` when the database was written with another key or its key is gone: making a new one would
 * orphan every stored credential.
 */
export async function openSealer(deps: {
  db: OpenDatabase['db']
  writer: Writer
  keyFile: string
  given: string | null
}): Promise<Sealer> {
  const { db, writer, keyFile, given } = deps
  const check = await readCheck(db)
  const key = given ?? readKeyFile(keyFile) ?? (check === null ? makeKeyFile(keyFile) : null)
  if (key === null)
    throw wrong(
      `the key file ${keyFile} is gone, and the database holds secrets that only its key opens. Restore it from your backup`,
    )
  const sealer = createSealer(Buffer.from(key, 'hex'))
  if (check === null) {
    const value = Buffer.from(sealer.seal(Buffer.from(CHECK_TEXT), CHECK_ROW)).toString('base64')
    await writer.commit([{ sql: 'INSERT INTO meta (key, value) VALUES (?, ?)', args: [CHECK_ROW, value] }])
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

/** `wx`: never over a file that is there. */
function makeKeyFile(file: string): string {
  const key = randomBytes(ENCRYPTION_KEY_BYTES).toString('hex')
  writeFileSync(file, `${key}\n`, { mode: 0o600, flag: 'wx', flush: true })
  return key
}

const wrong = (text: string, cause?: unknown) =>
  new GatewayError('encryption_key_wrong', `Wharf does not start: ${text}.`, { cause })
