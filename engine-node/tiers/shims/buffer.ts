// Buffer, as much of it as plugins use, over the language's own typed arrays: so its memory counts against the isolate.
import { defineNumbers } from './buffer-numbers.ts'
import { codecs, encodingOf, utf8Length } from './text-bytes.ts'

/** As Node's: nothing longer fits a typed array that a plugin could have. */
export const kMaxLength = 2 ** 32

type Bytes = Uint8Array<ArrayBufferLike>

function typeError(what: string): TypeError {
  return Object.assign(new TypeError(what), { code: 'ERR_INVALID_ARG_TYPE' })
}

function codecOf(name: unknown) {
  const encoding = encodingOf(name ?? 'utf8')
  if (encoding === undefined)
    throw Object.assign(new TypeError(`Unknown encoding: ${String(name)}`), { code: 'ERR_UNKNOWN_ENCODING' })
  return codecs[encoding]
}

/** The bytes of what may stand for bytes: text in an encoding, or any view. */
export function toBytes(value: unknown, encoding?: unknown): Bytes {
  if (typeof value === 'string') return codecOf(encoding).bytes(value)
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw typeError('The argument must be of type string or an instance of Buffer, TypedArray, or DataView')
}

const clamp = (value: unknown, fallback: number, length: number): number => {
  const index = value === undefined ? fallback : Math.trunc(Number(value)) || 0
  return Math.min(Math.max(index < 0 ? index + length : index, 0), length)
}

export class GuestBuffer extends Uint8Array {
  static readonly poolSize = 8_192

  static override from(value: unknown, second?: unknown, third?: unknown): GuestBuffer {
    if (typeof value === 'string') return GuestBuffer.#copyOf(codecOf(second).bytes(value))
    if (value instanceof ArrayBuffer)
      return new GuestBuffer(value, (second as number) ?? 0, third as number | undefined)
    if (typeof value !== 'object' || value === null)
      throw typeError(
        'The first argument must be of type string or an instance of Buffer, ArrayBuffer or Array',
      )
    const { type, data } = value as { type?: unknown; data?: unknown }
    if (type === 'Buffer' && Array.isArray(data)) return GuestBuffer.#copyOf(data)
    if ('length' in value || Symbol.iterator in value) return GuestBuffer.#copyOf(value as ArrayLike<number>)
    const primitive: unknown = value.valueOf()
    if (primitive !== value) return GuestBuffer.from(primitive, second)
    throw typeError(
      'The first argument must be of type string or an instance of Buffer, ArrayBuffer or Array',
    )
  }

  static #copyOf(values: ArrayLike<number>): GuestBuffer {
    const copy = new GuestBuffer(values.length)
    copy.set(values)
    return copy
  }

  static alloc(size: number, fill?: unknown, encoding?: unknown): GuestBuffer {
    if (typeof size !== 'number') throw typeError('The "size" argument must be of type number')
    const buffer = new GuestBuffer(size)
    return fill === undefined ? buffer : buffer.fill(fill as never, encoding as never)
  }

  static allocUnsafe = (size: number): GuestBuffer => GuestBuffer.alloc(size)
  static allocUnsafeSlow = (size: number): GuestBuffer => GuestBuffer.alloc(size)
  static isBuffer = (value: unknown): value is GuestBuffer => value instanceof GuestBuffer
  static isEncoding = (name: unknown): boolean => typeof name === 'string' && encodingOf(name) !== undefined

  static byteLength(value: unknown, encoding?: unknown): number {
    if (typeof value !== 'string') return toBytes(value).byteLength
    return encodingOf(encoding ?? 'utf8') === 'utf8'
      ? utf8Length(value)
      : codecOf(encoding).bytes(value).length
  }

  static concat(
    list: readonly Bytes[],
    total = list.reduce((sum, part) => sum + part.length, 0),
  ): GuestBuffer {
    const whole = new GuestBuffer(total)
    let at = 0
    for (const part of list) {
      if (at >= total) break
      whole.set(part.length > total - at ? part.subarray(0, total - at) : part, at)
      at += part.length
    }
    return whole
  }

  static compare(a: Bytes, b: Bytes): -1 | 0 | 1 {
    const length = Math.min(a.length, b.length)
    for (let index = 0; index < length; index += 1)
      if (a[index] !== b[index]) return a[index]! < b[index]! ? -1 : 1
    return a.length === b.length ? 0 : a.length < b.length ? -1 : 1
  }

  override toString(encoding?: unknown, start?: number, end?: number): string {
    const [from, to] = [Math.max(0, start ?? 0), Math.min(this.length, end ?? this.length)]
    const codec = codecOf(encoding)
    return from >= to ? '' : codec.text(new Uint8Array(this.buffer, this.byteOffset + from, to - from))
  }

  toJSON(): { type: 'Buffer'; data: number[] } {
    return { type: 'Buffer', data: Array.from(this) }
  }

  equals(other: Bytes): boolean {
    return GuestBuffer.compare(this, toBytes(other)) === 0
  }

  compare(other: Bytes, start = 0, end = other.length, ownStart = 0, ownEnd = this.length): -1 | 0 | 1 {
    return GuestBuffer.compare(this.subarray(ownStart, ownEnd), other.subarray(start, end))
  }

  copy(target: Bytes, targetStart = 0, start = 0, end = this.length): number {
    const count = Math.max(0, Math.min(end - start, target.length - targetStart, this.length - start))
    target.set(this.subarray(start, start + count), targetStart)
    return count
  }

  /** Shares memory, as Node's does and the typed array's own does not. */
  override slice(start?: number, end?: number): GuestBuffer {
    return this.subarray(start, end)
  }

  override subarray(start?: number, end?: number): GuestBuffer {
    const from = clamp(start, 0, this.length)
    const to = clamp(end, this.length, this.length)
    return new GuestBuffer(this.buffer, this.byteOffset + from, Math.max(0, to - from))
  }

  write(text: string, ...rest: unknown[]): number {
    const encoding = typeof rest.at(-1) === 'string' ? rest.pop() : 'utf8'
    const offset = Number(rest[0] ?? 0)
    const room = Math.min(Number(rest[1] ?? this.length), this.length - offset)
    let bytes = codecOf(encoding).bytes(text)
    // A character that does not fit as a whole is left out.
    if (bytes.length > room) {
      let cut = room
      if (encodingOf(encoding) === 'utf8') while (cut > 0 && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut -= 1
      bytes = bytes.subarray(0, cut)
    }
    this.set(bytes, offset)
    return bytes.length
  }

  override fill(value: never, ...rest: never[]): this {
    const encoding: unknown = typeof rest.at(-1) === 'string' ? rest.pop() : 'utf8'
    const start = Number(rest[0] ?? 0)
    const end = Number(rest[1] ?? this.length)
    if (typeof value === 'number' || typeof value === 'boolean') {
      super.fill(Number(value) & 0xff, start, end)
      return this
    }
    const pattern = toBytes(value, encoding)
    for (let index = start; index < end; index += 1)
      this[index] = pattern.length === 0 ? 0 : pattern[(index - start) % pattern.length]!
    return this
  }

  #search(value: unknown, from: number, encoding: unknown, step: 1 | -1): number {
    const sought = typeof value === 'number' ? Uint8Array.of(value & 0xff) : toBytes(value, encoding)
    const last = this.length - sought.length
    for (let at = step === 1 ? from : Math.min(from, last); at >= 0 && at <= last; at += step)
      if (sought.every((byte, index) => this[at + index] === byte)) return at
    return -1
  }

  override indexOf(value: unknown, from?: unknown, encoding?: unknown): number {
    if (typeof from === 'string') return this.#search(value, 0, from, 1)
    return this.#search(value, clamp(from, 0, this.length), encoding, 1)
  }

  override lastIndexOf(value: unknown, from?: unknown, encoding?: unknown): number {
    if (typeof from === 'string') return this.#search(value, this.length, from, -1)
    return this.#search(value, clamp(from, this.length, this.length), encoding, -1)
  }

  override includes(value: unknown, from?: unknown, encoding?: unknown): boolean {
    return this.indexOf(value, from, encoding) >= 0
  }

  swap16(): this {
    return this.#swap(2)
  }

  swap32(): this {
    return this.#swap(4)
  }

  swap64(): this {
    return this.#swap(8)
  }

  #swap(size: number): this {
    if (this.length % size !== 0) throw new RangeError(`Buffer size must be a multiple of ${size * 8}-bits`)
    for (let at = 0; at < this.length; at += size) super.subarray(at, at + size).reverse()
    return this
  }
}
defineNumbers(GuestBuffer.prototype)
