// require('crypto'): digests, random bytes and signatures, all of them made by the host; what was fed in is collected here.
import type { Ask } from './ask.ts'
import { GuestBuffer, toBytes } from './buffer.ts'
import { createSubtle } from './subtle.ts'

/** Bytes asked for at once, as the powers allow. */
const RANDOM_PIECE = 65_536

/** Largest whole number that randomInt may span: 48 bits, as Node's. */
const MAX_SPAN = 2 ** 48 - 1

const finished = () =>
  Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' })

const encoded = (bytes: GuestBuffer, encoding: unknown): GuestBuffer | string =>
  encoding === undefined || encoding === 'buffer' ? bytes : bytes.toString(encoding)

const fromBase64 = (text: unknown): GuestBuffer => GuestBuffer.from(String(text), 'base64')
const toBase64 = (bytes: Uint8Array): string => bytes.toBase64()

/** Collects what is fed in until it is asked for its result, once. */
abstract class Collector {
  #parts: Uint8Array[] | null = []

  update(data: unknown, encoding?: unknown): this {
    if (this.#parts === null) throw finished()
    // A copy: the plugin may change its bytes before the digest.
    this.#parts.push(Uint8Array.from(toBytes(data, encoding)))
    return this
  }

  protected take(): string {
    if (this.#parts === null) throw finished()
    const all = GuestBuffer.concat(this.#parts)
    this.#parts = null
    return toBase64(all)
  }

  protected held(): readonly Uint8Array[] {
    return this.#parts ?? []
  }
}

export function createCrypto(ask: Ask) {
  class Digest extends Collector {
    readonly #algorithm: string
    readonly #key: string | null

    constructor(algorithm: string, key: string | null) {
      super()
      this.#algorithm = algorithm
      this.#key = key
      // Unknown names fail here, as in Node, and not at the end.
      ask('digest', algorithm, key, '')
    }

    digest(encoding?: unknown): GuestBuffer | string {
      return encoded(fromBase64(ask('digest', this.#algorithm, this.#key, this.take())), encoding)
    }

    copy(): Digest {
      const copy = new Digest(this.#algorithm, this.#key)
      for (const part of this.held()) copy.update(part)
      return copy
    }
  }

  class Sign extends Collector {
    readonly #algorithm: string

    constructor(algorithm: string) {
      super()
      this.#algorithm = algorithm
    }

    sign(key: unknown, encoding?: unknown): GuestBuffer | string {
      return encoded(fromBase64(ask('sign', this.#algorithm, keyOf(key), this.take())), encoding)
    }

    end(): this {
      return this
    }
  }

  function randomBytes(
    size: number,
    done?: (error: null, bytes: GuestBuffer) => void,
  ): GuestBuffer | undefined {
    const bytes = randomFillSync(GuestBuffer.alloc(size)) as GuestBuffer
    if (done === undefined) return bytes
    queueMicrotask(() => done(null, bytes))
    return undefined
  }

  function randomFillSync<T extends ArrayBufferView>(view: T): T {
    const bytes = toBytes(view)
    for (let at = 0; at < bytes.length; at += RANDOM_PIECE)
      bytes.set(fromBase64(ask('random', Math.min(RANDOM_PIECE, bytes.length - at))), at)
    return view
  }

  function randomInt(low: number, high?: number): number {
    const [from, to] = high === undefined ? [0, low] : [low, high]
    const span = to - from
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || span <= 0 || span > MAX_SPAN)
      throw Object.assign(new RangeError('The range of randomInt is out of range'), {
        code: 'ERR_OUT_OF_RANGE',
      })
    // Numbers above the last whole multiple would make small results likelier.
    const limit = 2 ** 48 - (2 ** 48 % span)
    for (;;) {
      const number = Number.parseInt(fromBase64(ask('random', 6)).toString('hex'), 16)
      if (number < limit) return from + (number % span)
    }
  }

  function randomUUID(): string {
    const bytes = fromBase64(ask('random', 16))
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }

  const webcrypto = {
    subtle: createSubtle(ask),
    randomUUID,
    getRandomValues<T extends ArrayBufferView>(view: T): T {
      if (view.byteLength > RANDOM_PIECE) throw new Error('The requested length exceeds 65,536 bytes')
      return randomFillSync(view)
    },
  }

  return {
    createHash: (algorithm: unknown) => new Digest(String(algorithm), null),
    createHmac: (algorithm: unknown, key: unknown) => new Digest(String(algorithm), toBase64(toBytes(key))),
    createSign: (algorithm: unknown) => new Sign(String(algorithm)),
    hash(algorithm: unknown, data: unknown, encoding: unknown = 'hex') {
      return new Digest(String(algorithm), null).update(data).digest(encoding)
    },
    randomBytes,
    randomFillSync,
    randomInt,
    randomUUID,
    getRandomValues: webcrypto.getRandomValues,
    timingSafeEqual(a: unknown, b: unknown): boolean {
      const [left, right] = [toBytes(a), toBytes(b)]
      if (left.length !== right.length)
        throw Object.assign(new RangeError('Input buffers must have the same byte length'), {
          code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
        })
      return ask('equal', toBase64(left), toBase64(right)) as boolean
    },
    webcrypto,
    subtle: webcrypto.subtle,
  }
}

/** A key as text or bytes in PEM, or with the options of a signature beside it. */
function keyOf(key: unknown): object {
  if (typeof key === 'string' || ArrayBuffer.isView(key)) return { key: GuestBuffer.from(key).toString() }
  const { key: inner, padding, saltLength, dsaEncoding } = Object(key) as Record<string, unknown>
  if (typeof inner !== 'string' && !ArrayBuffer.isView(inner))
    throw Object.assign(new TypeError('The key must be PEM text or its bytes'), {
      code: 'ERR_INVALID_ARG_TYPE',
    })
  return { key: GuestBuffer.from(inner).toString(), padding, saltLength, dsaEncoding }
}
