// Encryption at rest: what is secret leaves this process for the database only sealed. Where the key comes from is
// encryption-key.ts's business.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { GatewayError } from '../../src/contract/errors.ts'
import { createRandomPool } from '../random-pool.ts'

export interface Sealer {
  /** `context` names the place the value belongs to; a value moved to another place does not open. */
  seal(plain: Uint8Array, context: string): Uint8Array
  /** Throws `credentials_unreadable` when the key, the context or a byte is wrong. */
  open(sealed: Uint8Array, context: string): Uint8Array
}

export const ENCRYPTION_KEY_BYTES = 32

const VERSION = 1
const SALT_BYTES = 16
const IV_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + SALT_BYTES + IV_BYTES

/** Values that share a salt: so few that random nonces cannot meet, and enough that deriving the key costs nothing. */
const VALUES_PER_SALT = 65_536

/**
 * AES-256-GCM under keys derived from random salts by HMAC-SHA-256. Random 12-byte nonces are safe for 2^32 values of one
 * key (NIST SP 800-38D, 8.3), which a busy gateway would reach within weeks; a salt serves a small part of that.
 */
export function createSealer(key: Uint8Array): Sealer {
  if (key.length !== ENCRYPTION_KEY_BYTES)
    throw new RangeError(`an encryption key has ${ENCRYPTION_KEY_BYTES} bytes`)
  const keyFor = (salt: Uint8Array) => createHmac('sha256', key).update(salt).digest()
  const random = createRandomPool(randomBytes)
  let sealing = { header: Buffer.alloc(0), key: Buffer.alloc(0), left: 0 }

  function nextKey() {
    if (sealing.left === 0) {
      const salt = randomBytes(SALT_BYTES)
      sealing = {
        header: Buffer.concat([Buffer.of(VERSION), salt]),
        key: keyFor(salt),
        left: VALUES_PER_SALT,
      }
    }
    sealing.left -= 1
    return sealing
  }

  return {
    seal(plain, context) {
      const { header, key } = nextKey()
      const iv = random(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
      const body = cipher.update(plain)
      cipher.final()
      const sealed = Buffer.allocUnsafe(HEADER_BYTES + body.length + TAG_BYTES)
      header.copy(sealed)
      sealed.set(iv, 1 + SALT_BYTES)
      body.copy(sealed, HEADER_BYTES)
      cipher.getAuthTag().copy(sealed, HEADER_BYTES + body.length)
      return sealed
    },
    open(sealed, context) {
      if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw unreadable(context)
      const decipher = createDecipheriv(
        'aes-256-gcm',
        keyFor(sealed.subarray(1, 1 + SALT_BYTES)),
        sealed.subarray(1 + SALT_BYTES, HEADER_BYTES),
      )
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
      try {
        const plain = decipher.update(sealed.subarray(HEADER_BYTES, sealed.length - TAG_BYTES))
        decipher.final()
        return plain
      } catch (cause) {
        throw unreadable(context, cause)
      }
    },
  }
}

const unreadable = (context: string, cause?: unknown) =>
  new GatewayError(
    'credentials_unreadable',
    'A stored secret cannot be read: it is damaged or the encryption key is another',
    {
      details: { context },
      cause,
    },
  )
