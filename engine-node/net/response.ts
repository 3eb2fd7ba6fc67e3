// Reading an answer within bounds: encodings undone, bytes counted as they come, hashed on the way.
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Sink } from './request.ts'

/** One encoding, not a stack of them: each layer multiplies what a small answer can blow up to. */
const decoders = {
  br: createBrotliDecompress,
  deflate: createInflate,
  gzip: createGunzip,
  'x-gzip': createGunzip,
} as const satisfies Record<string, () => NodeJS.ReadWriteStream>

/** What an encoding may add to a body that it does not make smaller. */
export const ENCODING_BYTES = 1_024

/** Headers as one text each, by lower-case name. */
export type ResponseHeaders = Readonly<Record<string, string>>

export function readHeaders(raw: Readonly<Record<string, string | string[] | undefined>>): ResponseHeaders {
  const headers: Record<string, string> = Object.create(null)
  for (const name of Object.keys(raw)) {
    const value = raw[name]
    if (value !== undefined) headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

const encodingOf = (headers: ResponseHeaders) =>
  (headers['content-encoding'] ?? 'identity').trim().toLowerCase()

/** True where the body is what came. */
export const isPlain = (headers: ResponseHeaders): boolean => encodingOf(headers) === 'identity'

/** The body of a plain answer that is in memory already. Throws `transport_failed` where it is too large. */
export function readPlain(
  body: Buffer,
  headers: ResponseHeaders,
  { maxBytes, sha256 }: { maxBytes: number; sha256: boolean },
): { bytes: Uint8Array; sha256: string | null } {
  if (Math.max(body.length, Number(headers['content-length'] ?? 0)) > maxBytes) throw tooLarge(maxBytes)
  return { bytes: body, sha256: sha256 ? createHash('sha256').update(body).digest('hex') : null }
}

/** The decoded body, empty where a sink takes it. Rejects with `transport_failed` as soon as one byte too many has come. */
export async function readBody(
  source: Readable,
  headers: ResponseHeaders,
  limits: { maxBytes: number; sha256: boolean; signal: AbortSignal; sink?: Sink | undefined },
): Promise<{ bytes: Uint8Array; sha256: string | null }> {
  const { maxBytes, signal } = limits
  const encoding = encodingOf(headers)
  if (encoding !== 'identity' && !Object.hasOwn(decoders, encoding))
    throw bad('The answer has an encoding that is not read: only one of gzip, deflate and br is')
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)

  const hash = limits.sha256 ? createHash('sha256') : null
  const chunks: Uint8Array[] = []
  let length = 0
  function count(chunk: Uint8Array) {
    length += chunk.length
    if (length > maxBytes) throw tooLarge(maxBytes)
    hash?.update(chunk)
  }
  async function* counted(source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      count(chunk)
      yield chunk
    }
  }
  const keep: Sink = async source => {
    for await (const chunk of source) chunks.push(chunk)
  }
  const collect = (source: AsyncIterable<Uint8Array>) => (limits.sink ?? keep)(counted(source))
  if (encoding === 'identity') await pipeline(source, collect, { signal })
  else {
    const decoder = decoders[encoding as keyof typeof decoders]()
    await pipeline(source, countRaw(maxBytes), decoder, collect, { signal })
  }
  return { bytes: Buffer.concat(chunks), sha256: hash?.digest('hex') ?? null }
}

/** Compressed bytes that decode to nothing would pass the count of decoded ones for ever. */
function countRaw(maxBytes: number) {
  return async function* (source: AsyncIterable<Uint8Array>) {
    let length = 0
    for await (const chunk of source) {
      length += chunk.length
      if (length > maxBytes + ENCODING_BYTES) throw tooLarge(maxBytes)
      yield chunk
    }
  }
}

/** `details.maxBytes` tells it from the other failures. */
export const tooLarge = (maxBytes: number) => bad(`The answer is larger than ${maxBytes} bytes`, { maxBytes })

const bad = (message: string, more: Record<string, unknown> = {}) =>
  new GatewayError('transport_failed', message, { certain: false, details: { stage: 'response', ...more } })
