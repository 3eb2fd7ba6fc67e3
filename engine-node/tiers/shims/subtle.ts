// crypto.subtle, as far as the host of the isolate helps: digests, HMAC and AES-GCM. Keys stay in the isolate; the host sees them for
// one call.
import type { Ask } from './ask.ts'
import { GuestBuffer, toBytes } from './buffer.ts'
import { GuestDOMException } from './event-target.ts'

const fault = (name: string, message: string) => new GuestDOMException(message, name)
const unsupported = (what: string) => fault('NotSupportedError', `An isolate has no ${what}`)

/** As Node names them, with the bytes of a block, which is the length of a key that nobody gave one. */
const hashes = new Map([
  ['SHA-1', { name: 'sha1', block: 64 }],
  ['SHA-256', { name: 'sha256', block: 64 }],
  ['SHA-384', { name: 'sha384', block: 128 }],
  ['SHA-512', { name: 'sha512', block: 128 }],
])

type Usage = 'encrypt' | 'decrypt' | 'sign' | 'verify' | 'wrapKey' | 'unwrapKey'
type Parameters = Record<string, unknown>

const nameOf = (algorithm: unknown): string => {
  const name = typeof algorithm === 'string' ? algorithm : (Object(algorithm) as Parameters).name
  if (typeof name !== 'string') throw new TypeError('An algorithm must have a name')
  return name.toUpperCase()
}

function hashOf(algorithm: unknown) {
  const name = nameOf(algorithm)
  const hash = hashes.get(name)
  if (hash === undefined) throw unsupported(`algorithm ${name}`)
  return { ...hash, is: name }
}

/** A copy: what the plugin does to its bytes later is its own affair. */
function copyOf(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0))
  if (ArrayBuffer.isView(data)) return Uint8Array.from(toBytes(data))
  throw new TypeError('The data must be an ArrayBuffer or a view of one')
}

const base64 = (bytes: Uint8Array) => bytes.toBase64()
const bufferOf = (answer: unknown): ArrayBuffer => {
  const bytes = GuestBuffer.from(String(answer), 'base64')
  return Uint8Array.from(bytes).buffer
}

const secrets = new WeakMap<object, Uint8Array>()
const MAKING = Symbol('making')

export class GuestCryptoKey {
  readonly type = 'secret'
  readonly extractable: boolean
  readonly algorithm: Readonly<Parameters>
  readonly usages: readonly Usage[]

  constructor(
    making: symbol,
    secret: Uint8Array,
    about: Pick<GuestCryptoKey, 'extractable' | 'algorithm' | 'usages'>,
  ) {
    if (making !== MAKING) throw new TypeError('Illegal constructor')
    this.extractable = about.extractable
    this.algorithm = about.algorithm
    this.usages = about.usages
    secrets.set(this, secret)
  }
}

interface KeyKind {
  usages: readonly Usage[]
  /** What the key says of itself; throws for a secret that is none of this kind. */
  about(algorithm: Parameters, secret: Uint8Array): Parameters
  /** Bytes of a new one. */
  length(algorithm: Parameters): number
  /** Its name in a JSON Web Key. */
  alg(about: Parameters): string
}

const kinds = new Map<string, KeyKind>([
  [
    'HMAC',
    {
      usages: ['sign', 'verify'],
      about({ hash }, secret) {
        if (secret.length === 0) throw fault('DataError', 'Zero-length key is not supported')
        return { name: 'HMAC', hash: { name: hashOf(hash).is }, length: secret.length * 8 }
      },
      length: ({ hash, length }) =>
        length === undefined ? hashOf(hash).block : Math.ceil(Number(length) / 8),
      alg: ({ hash }) => `HS${String((hash as Parameters).name).slice(4)}`,
    },
  ],
  [
    'AES-GCM',
    {
      usages: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'],
      about(_algorithm, secret) {
        if (![16, 24, 32].includes(secret.length)) throw fault('DataError', 'Invalid key length')
        return { name: 'AES-GCM', length: secret.length * 8 }
      },
      length: ({ length }) => Number(length) / 8,
      alg: ({ length }) => `A${String(length)}GCM`,
    },
  ],
])

function kindOf(algorithm: unknown): { kind: KeyKind; name: string } {
  const name = nameOf(algorithm)
  const kind = kinds.get(name)
  if (kind === undefined) throw unsupported(`keys of ${name}`)
  return { kind, name }
}

function makeKey(
  secret: Uint8Array,
  algorithm: unknown,
  extractable: unknown,
  asked: unknown,
): GuestCryptoKey {
  const { kind } = kindOf(algorithm)
  const usages = [...new Set(Array.from(asked as Iterable<Usage>))]
  if (usages.some(usage => !kind.usages.includes(usage)))
    throw fault('SyntaxError', 'Unsupported key usage for this key')
  if (usages.length === 0) throw fault('SyntaxError', 'Usages cannot be empty when creating a key')
  const about = kind.about(Object(algorithm) as Parameters, secret)
  return new GuestCryptoKey(MAKING, secret, { extractable: Boolean(extractable), algorithm: about, usages })
}

/** The secret of a key that may be used so. */
function secretFor(key: unknown, name: string, usage: Usage): Uint8Array {
  const secret = secrets.get(Object(key))
  if (secret === undefined) throw new TypeError('The key must be a CryptoKey')
  const { algorithm, usages } = key as GuestCryptoKey
  if (algorithm.name !== name) throw fault('InvalidAccessError', 'Key algorithm mismatch')
  if (!usages.includes(usage)) throw fault('InvalidAccessError', `The key may not be used to ${usage}`)
  return secret
}

export function createSubtle(ask: Ask) {
  const hmac = (key: unknown, usage: Usage, data: unknown) => {
    const secret = secretFor(key, 'HMAC', usage)
    const { name } = hashOf((key as GuestCryptoKey).algorithm.hash)
    return String(ask('digest', name, base64(secret), base64(copyOf(data))))
  }

  function aesGcm(way: 'encrypt' | 'decrypt', algorithm: unknown, key: unknown, data: unknown): ArrayBuffer {
    const { iv, additionalData, tagLength = 128 } = Object(algorithm) as Parameters
    if (nameOf(algorithm) !== 'AES-GCM') throw unsupported(`${way}ion by ${nameOf(algorithm)}`)
    const secret = secretFor(key, 'AES-GCM', way)
    const extra = additionalData === undefined ? '' : base64(copyOf(additionalData))
    const args = [base64(secret), base64(copyOf(iv)), extra, Number(tagLength) / 8, base64(copyOf(data))]
    try {
      return bufferOf(ask('aesGcm', way === 'encrypt', ...args))
    } catch {
      // As Web Crypto has it: nothing tells why.
      throw fault('OperationError', 'The operation failed for an operation-specific reason')
    }
  }

  return {
    async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
      return bufferOf(ask('digest', hashOf(algorithm).name, null, base64(copyOf(data))))
    },
    async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
      if (nameOf(algorithm) !== 'HMAC') throw unsupported(`signatures of ${nameOf(algorithm)}`)
      return bufferOf(hmac(key, 'sign', data))
    },
    async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
      if (nameOf(algorithm) !== 'HMAC') throw unsupported(`signatures of ${nameOf(algorithm)}`)
      const given = copyOf(signature)
      const right = hmac(key, 'verify', data)
      return (
        given.length === GuestBuffer.byteLength(right, 'base64') &&
        ask('equal', right, base64(given)) === true
      )
    },
    encrypt: async (algorithm: unknown, key: unknown, data: unknown) =>
      aesGcm('encrypt', algorithm, key, data),
    decrypt: async (algorithm: unknown, key: unknown, data: unknown) =>
      aesGcm('decrypt', algorithm, key, data),
    async generateKey(algorithm: unknown, extractable: unknown, usages: unknown): Promise<GuestCryptoKey> {
      const length = kindOf(algorithm).kind.length(Object(algorithm) as Parameters)
      const secret = Uint8Array.from(GuestBuffer.from(String(ask('random', length)), 'base64'))
      return makeKey(secret, algorithm, extractable, usages)
    },
    async importKey(
      format: unknown,
      data: unknown,
      algorithm: unknown,
      extractable: unknown,
      usages: unknown,
    ): Promise<GuestCryptoKey> {
      if (format === 'raw') return makeKey(copyOf(data), algorithm, extractable, usages)
      if (format !== 'jwk') throw unsupported(`keys in the format ${String(format)}`)
      const { kty, k } = Object(data) as Parameters
      if (kty !== 'oct' || typeof k !== 'string') throw fault('DataError', 'Invalid JWK data')
      return makeKey(Uint8Array.from(GuestBuffer.from(k, 'base64url')), algorithm, extractable, usages)
    },
    async exportKey(format: unknown, key: unknown): Promise<ArrayBuffer | Parameters> {
      const secret = secrets.get(Object(key))
      if (secret === undefined) throw new TypeError('The key must be a CryptoKey')
      const { extractable, algorithm, usages } = key as GuestCryptoKey
      if (!extractable) throw fault('InvalidAccessError', 'key is not extractable')
      if (format === 'raw') return Uint8Array.from(secret).buffer
      if (format !== 'jwk') throw unsupported(`keys in the format ${String(format)}`)
      const k = GuestBuffer.from(secret).toString('base64url')
      return { kty: 'oct', k, key_ops: [...usages], ext: true, alg: kindOf(algorithm).kind.alg(algorithm) }
    },
  }
}
