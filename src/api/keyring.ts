// From the key that a request shows to its row. What the key may do is decided elsewhere (authorize.ts).
import { type ApiKeyRow, findApiKeyByHash } from '../db/api-keys.ts'
import type { Db } from '../db/db.ts'
import { MAX_KEY_LENGTH } from './api-key.ts'

/**
 * For how long a row is taken from memory. Revoking a key takes effect within it in every process, and at once in the one that
 * revoked; without it each request would cost a query.
 */
export const KEY_CACHE_MS = 1_000

/** Keys that are remembered at once; past it all are forgotten. */
const MAX_CACHED = 10_000

export type KeyVerdict = { valid: true; row: ApiKeyRow } | { valid: false; why: string }

const unknownKey: KeyVerdict = { valid: false, why: 'Invalid or missing API key' }

/** Whether a request shows a key at all, be it a wrong one. */
export const showsKey = (headers: Headers): boolean => presentedKey(headers) !== null

export interface Keyring {
  /**
   * Never throws for a bad key: that is an ordinary answer. Without `search` the database is asked only about keys that were good
   * when this process saw them last: any other is taken for a wrong one.
   */
  find(headers: Headers, options: { search: boolean }): Promise<KeyVerdict>
  forget(): void
}

/** X-API-Key wins over Authorization, even when it is wrong. */
function presentedKey(headers: Headers): string | null {
  const key = headers.get('x-api-key')
  if (key !== null) return key
  const authorization = headers.get('authorization')
  if (authorization === null || authorization.length > MAX_KEY_LENGTH + 'Bearer '.length) return null
  return /^Bearer ([\x21-\x7e]+)$/i.exec(authorization)?.[1] ?? null
}

/** Compares every character whatever the first difference: both are hex digests of one length. */
function isSameDigest(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index)
  return difference === 0
}

export function createKeyring(deps: {
  db: Db
  now(): number
  hashKey(key: string): string | Promise<string>
}): Keyring {
  const cache = new Map<string, { row: ApiKeyRow; readAt: number }>()
  /** Digests of keys that were found, so that who guesses at keys locks out no one who has one. */
  const known = new Set<string>()
  let generation = 0

  function cached(keyHash: string): ApiKeyRow | null {
    const entry = cache.get(keyHash)
    const age = entry === undefined ? 0 : deps.now() - entry.readAt
    return entry !== undefined && age >= 0 && age < KEY_CACHE_MS ? entry.row : null
  }

  async function read(keyHash: string): Promise<ApiKeyRow | null> {
    const [readAt, asked] = [deps.now(), generation]
    const row = await findApiKeyByHash(deps.db, keyHash)
    if (row === null || !isSameDigest(row.keyHash, keyHash)) {
      cache.delete(keyHash)
      known.delete(keyHash)
      return null
    }
    if (cache.size >= MAX_CACHED) cache.clear()
    if (known.size >= MAX_CACHED) known.clear()
    known.add(keyHash)
    // A row that was read while a key was being changed may be the old one.
    if (asked === generation) cache.set(keyHash, { row, readAt })
    return row
  }

  return {
    async find(headers, { search }) {
      const key = presentedKey(headers)
      if (key === null || key.length > MAX_KEY_LENGTH || !/^[\x21-\x7e]+$/.test(key)) return unknownKey
      const keyHash = await deps.hashKey(key)
      const row = cached(keyHash) ?? (search || known.has(keyHash) ? await read(keyHash) : null)
      if (row === null) return unknownKey
      if (!row.isActive) return { valid: false, why: 'API key is revoked' }
      if (row.expiresAt !== null && row.expiresAt <= deps.now())
        return { valid: false, why: 'API key has expired' }
      return { valid: true, row }
    },

    forget() {
      generation += 1
      cache.clear()
    },
  }
}
