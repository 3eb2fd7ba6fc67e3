// The key that a gateway starts with: generated when no admin key is usable, or the operator's own master key.
import { dropApiKey, findApiKey, findApiKeyByHash, hasUsableAdmin, insertApiKey } from '../db/api-keys.ts'
import type { Db, Writer } from '../db/db.ts'
import { keyPrefix, newKey, newUuid } from './api-key.ts'

/** The row of the master key, so that another one in the settings replaces it. */
const MASTER_KEY_ID = '00000000-0000-4000-8000-000000000001'

/**
 * To be called before the API opens. Gives the clear key when it has made one, to be shown once; null when an admin key is
 * there. A master key is valid for as long as the settings name it.
 */
export async function ensureFirstKey(deps: {
  db: Db
  writer: Writer
  now(): number
  randomBytes(length: number): Uint8Array
  hashKey(key: string): string | Promise<string>
  masterKey: string | null
  /** Called with a new key before its row is written: a crash between the two must not lock the operator out. */
  keep(key: string): void
}): Promise<string | null> {
  const { db, writer, masterKey } = deps
  const admin = { role: 'admin', createdAt: deps.now() } as const

  const stored = await findApiKey(db, MASTER_KEY_ID)
  const wantedHash = masterKey === null ? null : await deps.hashKey(masterKey)
  if (stored !== null && stored.keyHash !== wantedHash) await writer.commit([dropApiKey(db, MASTER_KEY_ID)])
  if (masterKey !== null && wantedHash !== null && (await findApiKeyByHash(db, wantedHash)) === null)
    await writer.commit([
      insertApiKey(db, {
        ...admin,
        id: MASTER_KEY_ID,
        name: 'Master key',
        // Not its first characters: they may be most of a secret that a person chose.
        keyPrefix: 'master',
        keyHash: wantedHash,
      }),
    ])
  if (await hasUsableAdmin(db, deps.now())) return null
  const key = newKey(deps.randomBytes)
  deps.keep(key)
  await writer.commit([
    insertApiKey(db, {
      ...admin,
      id: newUuid(deps.randomBytes),
      name: 'First admin key',
      keyPrefix: keyPrefix(key),
      keyHash: await deps.hashKey(key),
    }),
  ])
  return key
}
