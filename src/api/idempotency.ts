// The Idempotency-Key of a send: read from its header, with a digest of what is asked for under it (REST spec, section 0.6).
// What a key has led to is known by the engine.
import type { Idempotency } from '../contract/engine.ts'
import { GatewayError } from '../contract/errors.ts'

export const IDEMPOTENCY_HEADER = 'idempotency-key'

/** Tells that the answer is the first one to the same key, once more. */
export const REPLAYED_HEADER = 'idempotent-replayed'

/** One header that comes twice is joined with a space, which is none of these. */
const KEY = /^[\x21-\x7e]{1,255}$/

/** Undefined without a key. Throws `idempotency_key_invalid`. `route` and `body` are what must be the same the next time. */
export async function readIdempotency(
  headers: Headers,
  route: string,
  body: unknown,
): Promise<Idempotency | undefined> {
  const key = headers.get(IDEMPOTENCY_HEADER)
  if (key === null) return undefined
  if (!KEY.test(key))
    throw new GatewayError(
      'idempotency_key_invalid',
      'Idempotency-Key must be given once, as 1 to 255 visible ASCII characters',
    )
  const text = new TextEncoder().encode(`${route}\n${canonical(body)}`)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text))
  return { key, hash: Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('') }
}

/** JSON in which the order of names says nothing. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join()}}`
}
