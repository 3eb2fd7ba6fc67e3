// The hash of an API key on Node: the answer of src/api/key-hash.ts, without a turn of the event loop.
import { createHmac, hash } from 'node:crypto'

/** Hex SHA-256, or HMAC-SHA-256 under the pepper where there is one. */
export function createKeyHash(pepper: string | null): (key: string) => string {
  if (pepper === null) return key => hash('sha256', key, 'hex')
  return key => createHmac('sha256', pepper).update(key).digest('hex')
}
