// require('zlib') of an isolate: all at once, with a callback, and as streams. Of Brotli and Zstandard there is nothing.
import { Transform, type TransformCallback } from 'node:stream'
import { type CodecKind, type CodecOptions, createCodec } from './zlib-codec.ts'
import { codes, constants } from './zlib-constants.ts'

interface Options extends CodecOptions {
  flush?: number
  finishFlush?: number
  maxOutputLength?: number
  info?: boolean
}
interface StreamOptions extends Options {
  highWaterMark?: number
}
type Input = string | ArrayBufferView | ArrayBuffer
type Done = (error: unknown, result?: Buffer) => void

const { Z_FINISH, Z_NO_FLUSH, Z_FULL_FLUSH } = constants

/** Longest result, where the caller gives no bound: as long as a Buffer may be here. */
const MAX_OUTPUT = 2 ** 32 - 1

function bytesOf(input: Input): Uint8Array {
  if (typeof input === 'string') return Buffer.from(input)
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  if (input instanceof ArrayBuffer) return new Uint8Array(input)
  throw Object.assign(
    new TypeError(
      'The "buffer" argument must be of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer',
    ),
    { code: 'ERR_INVALID_ARG_TYPE' },
  )
}

function allAtOnce(kind: CodecKind, input: Input, options: Options = {}): Buffer {
  const codec = createCodec(kind, options)
  const max = options.maxOutputLength ?? MAX_OUTPUT
  const pieces: Uint8Array[] = []
  let length = 0
  for (const piece of codec.run(bytesOf(input), options.finishFlush ?? Z_FINISH)) {
    length += piece.length
    if (length > max)
      throw Object.assign(new RangeError(`Cannot create a Buffer larger than ${max} bytes`), {
        code: 'ERR_BUFFER_TOO_LARGE',
      })
    pieces.push(piece)
  }
  return Buffer.concat(pieces, length)
}

const sync = (kind: CodecKind) => (input: Input, options?: Options) => allAtOnce(kind, input, options)

const withCallback = (kind: CodecKind) => (input: Input, options: Options | Done, callback?: Done) => {
  const [given, done] = typeof options === 'function' ? [{}, options] : [options, callback]
  if (typeof done !== 'function')
    throw Object.assign(new TypeError('The "callback" argument must be of type function'), {
      code: 'ERR_INVALID_ARG_TYPE',
    })
  // What is wrong with the arguments is thrown at once, as Node does.
  const bytes = bytesOf(input)
  createCodec(kind, given)
  setImmediate(() => {
    try {
      done(null, allAtOnce(kind, bytes, given))
    } catch (error) {
      done(error)
    }
  })
}

/** Written to the stream, it asks for a flush at this place. */
const flushMarks = new WeakMap<object, number>()

const streamOf = (kind: CodecKind) =>
  class Zlib extends Transform {
    readonly #codec
    readonly #flush: number
    readonly #finish: number
    readonly #max: number
    #length = 0
    bytesWritten = 0

    constructor(options: StreamOptions = {}) {
      const { highWaterMark } = options
      super({ ...(highWaterMark !== undefined && { highWaterMark }) })
      this.#codec = createCodec(kind, options)
      this.#flush = options.flush ?? Z_NO_FLUSH
      this.#finish = options.finishFlush ?? Z_FINISH
      this.#max = options.maxOutputLength ?? Number.POSITIVE_INFINITY
    }

    #run(bytes: Uint8Array, flush: number, done: TransformCallback) {
      try {
        for (const piece of this.#codec.run(bytes, flush)) {
          this.#length += piece.length
          if (this.#length > this.#max)
            throw Object.assign(new RangeError(`Cannot create a Buffer larger than ${this.#max} bytes`), {
              code: 'ERR_BUFFER_TOO_LARGE',
            })
          this.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length))
        }
        this.bytesWritten += bytes.length
      } catch (error) {
        done(error as Error)
        return
      }
      done()
    }

    override _transform(chunk: Uint8Array, _encoding: string, done: TransformCallback) {
      this.#run(chunk, flushMarks.get(chunk) ?? this.#flush, done)
    }
    override _flush(done: TransformCallback) {
      this.#run(new Uint8Array(), this.#finish, done)
    }

    flush(kindOrDone?: number | (() => void), done: () => void = () => {}) {
      const [kind, then] =
        typeof kindOrDone === 'function' ? [Z_FULL_FLUSH, kindOrDone] : [kindOrDone ?? Z_FULL_FLUSH, done]
      if (this.writableEnded || this.writableFinished) {
        setImmediate(then)
        return
      }
      const mark = Buffer.alloc(0)
      flushMarks.set(mark, kind)
      this.write(mark, () => then())
    }
    reset() {
      this.#codec.reset()
    }
    close(done?: () => void) {
      if (done) this.once('close', done)
      this.destroy()
    }
  }

/** The checksum of gzip, as zlib.crc32 gives it. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})
export function crc32(data: Input, before = 0): number {
  let value = ~before
  for (const byte of bytesOf(data)) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return ~value >>> 0
}

/** A class may be called without `new` in Node; these functions are what bundles use. */
const creator =
  <T>(Class: new (options?: StreamOptions) => T) =>
  (options?: StreamOptions) =>
    new Class(options)

export { codes, constants }
export const deflateSync = sync('deflate')
export const inflateSync = sync('inflate')
export const gzipSync = sync('gzip')
export const gunzipSync = sync('gunzip')
export const deflateRawSync = sync('deflateRaw')
export const inflateRawSync = sync('inflateRaw')
export const unzipSync = sync('unzip')
export const deflate = withCallback('deflate')
export const inflate = withCallback('inflate')
export const gzip = withCallback('gzip')
export const gunzip = withCallback('gunzip')
export const deflateRaw = withCallback('deflateRaw')
export const inflateRaw = withCallback('inflateRaw')
export const unzip = withCallback('unzip')
export const Deflate = streamOf('deflate')
export const Inflate = streamOf('inflate')
export const Gzip = streamOf('gzip')
export const Gunzip = streamOf('gunzip')
export const DeflateRaw = streamOf('deflateRaw')
export const InflateRaw = streamOf('inflateRaw')
export const Unzip = streamOf('unzip')
export const createDeflate = creator(Deflate)
export const createInflate = creator(Inflate)
export const createGzip = creator(Gzip)
export const createGunzip = creator(Gunzip)
export const createDeflateRaw = creator(DeflateRaw)
export const createInflateRaw = creator(InflateRaw)
export const createUnzip = creator(Unzip)
