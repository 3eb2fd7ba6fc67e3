// Encryption at rest: what is secret leaves this process for the database only sealed. Where the key comes from is
// encryption-key.ts's business.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { GatewayError } from '../../src/contract/errors.ts'

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

/**
 * AES-256-GCM under a key of its own for each value: HMAC-SHA-256 of a random salt. Random 12-byte nonces alone would
 * be safe for 2^32 values of one key (NIST SP 800-38D, 8.3), which a busy gateway reaches within weeks.
 */
export function createSealer(key: Uint8Array): Sealer {
  if (key.length !== ENCRYPTION_KEY_BYTES)
    throw new RangeError(`an encryption key has ${ENCRYPTION_KEY_BYTES} bytes`)
  const keyFor = (salt: Uint8Array) => createHmac('sha256', key).update(salt).digest()

  return {
    seal(plain, context) {
      const random = randomBytes(SALT_BYTES + IV_BYTES)
      const cipher = createCipheriv(
        'aes-256-gcm',
        keyFor(random.subarray(0, SALT_BYTES)),
        random.subarray(SALT_BYTES),
      ).setAAD(Buffer.from(context))
      const body = cipher.update(plain)
      cipher.final()
      return Buffer.concat([Buffer.of(VERSION), random, body, cipher.getAuthTag()])
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
