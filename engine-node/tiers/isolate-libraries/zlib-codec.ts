// One stream of compressed data, in or out, on pako: a port of zlib itself, so that bytes and errors are the same. It runs in the
// isolate, on the isolate's memory and time: a bomb bursts there.
import {
  type Z_FlushMode,
  ZStream,
  zlibDeflate,
  zlibDeflateInit2,
  zlibDeflateReset,
  zlibDeflateSetDictionary,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
  zlibInflateSetDictionary,
} from 'pako'
import { codes, constants } from './zlib-constants.ts'

export type CodecKind = 'deflate' | 'deflateRaw' | 'gzip' | 'inflate' | 'inflateRaw' | 'gunzip' | 'unzip'

export interface CodecOptions {
  level?: number
  windowBits?: number
  memLevel?: number
  strategy?: number
  dictionary?: ArrayBufferView
  chunkSize?: number
}

export interface Codec {
  /** What comes out of these bytes, piece by piece. Throws what zlib says, with its code. */
  run(bytes: Uint8Array, flush: number): Generator<Uint8Array<ArrayBuffer>>
  reset(): void
}

interface Row {
  packs: boolean
  /** `windowBits` as zlib wants it, where it also says what is around the data. */
  bits(windowBits: number): number
}

const rows: Record<CodecKind, Row> = {
  deflate: { packs: true, bits: bits => bits },
  deflateRaw: { packs: true, bits: bits => -bits },
  gzip: { packs: true, bits: bits => bits + 16 },
  inflate: { packs: false, bits: bits => bits },
  inflateRaw: { packs: false, bits: bits => -bits },
  gunzip: { packs: false, bits: bits => bits + 16 },
  unzip: { packs: false, bits: bits => bits + 32 },
}

export const MIN_CHUNK = 64
const DEFAULT_CHUNK = 16 * 1024

const {
  Z_OK,
  Z_STREAM_END,
  Z_NEED_DICT,
  Z_BUF_ERROR,
  Z_FINISH,
  Z_DEFLATED,
  Z_DEFAULT_WINDOWBITS,
  Z_DEFAULT_MEMLEVEL,
} = constants

/** With the code and number that Node gives it. */
function fault(status: number, message: string): Error {
  const code = Object.entries(codes).find(([, number]) => number === status)?.[0] ?? 'Z_BUF_ERROR'
  return Object.assign(new Error(message), { code, errno: status })
}

const inRange = (name: string, value: number | undefined, min: number, max: number, usual: number) => {
  const number = value ?? usual
  if (typeof number === 'number' && number >= min && number <= max) return number
  throw Object.assign(
    new RangeError(
      `The value of "options.${name}" is out of range. It must be >= ${min} and <= ${max}. Received ${String(number)}`,
    ),
    { code: 'ERR_OUT_OF_RANGE' },
  )
}

export function createCodec(kind: CodecKind, options: CodecOptions = {}): Codec {
  const { packs, bits } = rows[kind]
  // Zero means what the data says, and there is none to say it where data is made.
  const asked = inRange('windowBits', options.windowBits, packs ? 8 : 0, 15, Z_DEFAULT_WINDOWBITS)
  const windowBits = bits(packs ? Math.max(asked, 9) : asked || Z_DEFAULT_WINDOWBITS)
  const level = inRange('level', options.level, -1, 9, -1)
  const memLevel = inRange('memLevel', options.memLevel, 1, 9, Z_DEFAULT_MEMLEVEL)
  const strategy = inRange('strategy', options.strategy, 0, 4, 0)
  const chunkSize = inRange(
    'chunkSize',
    options.chunkSize,
    MIN_CHUNK,
    Number.POSITIVE_INFINITY,
    DEFAULT_CHUNK,
  )
  const view = options.dictionary
  const dictionary = view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  const stream = new ZStream()
  let isGzip = kind === 'gunzip'
  let isEmpty = true
  start()

  function start() {
    const status = packs
      ? zlibDeflateInit2(stream, level, Z_DEFLATED, windowBits, memLevel, strategy as never)
      : zlibInflateInit2(stream, windowBits)
    if (status !== Z_OK) throw fault(status, 'Init error')
    prime()
  }

  /** Where the data does not say that it needs a dictionary, it must be there first. */
  function prime() {
    if (dictionary === undefined || (!packs && kind !== 'inflateRaw')) return
    const status = (packs ? zlibDeflateSetDictionary : zlibInflateSetDictionary)(stream, dictionary)
    if (status !== Z_OK) throw fault(status, 'Failed to set dictionary')
  }

  function step(flush: number): number {
    if (packs) return zlibDeflate(stream, flush as Z_FlushMode)
    let status: number = zlibInflate(stream, flush as Z_FlushMode)
    if (status === Z_NEED_DICT && dictionary !== undefined) {
      if (zlibInflateSetDictionary(stream, dictionary) !== Z_OK) throw fault(Z_NEED_DICT, 'Bad dictionary')
      status = zlibInflate(stream, flush as Z_FlushMode)
    }
    return status
  }

  /** A gzip file may be several, one after the other; zeros behind it are padding. */
  const isAnotherMember = (status: number) =>
    status === Z_STREAM_END && isGzip && stream.avail_in > 0 && stream.input[stream.next_in] !== 0

  function judge(status: number, flush: number) {
    if (status === Z_STREAM_END) return
    if (status === Z_OK || status === Z_BUF_ERROR) {
      if (stream.avail_out !== 0 && flush === Z_FINISH) throw fault(Z_BUF_ERROR, 'unexpected end of file')
      return
    }
    if (status === Z_NEED_DICT) throw fault(status, 'Missing dictionary')
    throw fault(status, stream.msg || 'Zlib error')
  }

  return {
    *run(bytes, flush) {
      if (isEmpty && kind === 'unzip' && bytes.length > 0) isGzip = bytes[0] === 0x1f
      if (bytes.length > 0) isEmpty = false
      stream.input = bytes
      stream.next_in = 0
      stream.avail_in = bytes.length
      let status: number = Z_OK
      do {
        stream.output = new Uint8Array(chunkSize)
        stream.next_out = 0
        stream.avail_out = chunkSize
        status = step(flush)
        while (isAnotherMember(status)) {
          zlibInflateReset(stream)
          status = step(flush)
        }
        judge(status, flush)
        if (stream.next_out > 0) yield stream.output.subarray(0, stream.next_out)
        // A full piece may mean that there is more.
      } while (stream.avail_out === 0 && status !== Z_STREAM_END)
    },
    reset() {
      if (packs) zlibDeflateReset(stream)
      else zlibInflateReset(stream)
      isEmpty = true
      prime()
    },
  }
}
