// The bytes of a request: read under a cap, as JSON or as one uploaded file.
import { GatewayError } from '../contract/errors.ts'
import { parseStrictJson } from '../contract/strict-json.ts'
import type { RawRequest } from './route.ts'

/** Nesting that no request of this API comes near. */
const MAX_DEPTH = 32

/** What a multipart body holds besides its file: boundaries, headers, and a field or two. */
export const FORM_OVERHEAD_BYTES = 64 * 1024

/** Parts that a form may have. An upload has one; thousands of them are made to cost time. */
const MAX_PARTS = 16

const JSON_TYPE = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i
const FORM_TYPE = /^multipart\/form-data\s*;\s*boundary=(?:"([^"]{1,70})"|([\w'()+,./:=?-]{1,70}))\s*$/i

const tooLarge = (limit: number) =>
  new GatewayError('body_too_large', `The request body is larger than ${limit} bytes`)
const invalid = (message: string, cause?: unknown) =>
  new GatewayError('invalid_input', 'Validation failed', { details: { messages: [message] }, cause })

/** A compressed body could unfold to any size. */
function refuseEncoded(headers: Headers): void {
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    throw new GatewayError(
      'unsupported_media_type',
      `Content-Encoding ${encoding.slice(0, 40)} is not supported`,
    )
}

export interface BodyBounds {
  /** In bytes. */
  limit: number
  /** Hears of each piece of a body that did not say its length, before it is kept. Throws where there is no room for it. */
  grow(bytes: number): void
}

/** Never holds more than `limit` bytes. */
async function readBytes(request: Request, { limit, grow }: BodyBounds): Promise<Uint8Array> {
  refuseEncoded(request.headers)
  const declared = request.headers.get('content-length')
  if (declared !== null && !(Number(declared) <= limit)) throw tooLarge(limit)
  try {
    // The runtime reads no more than the length that was declared.
    if (declared !== null) return new Uint8Array(await request.arrayBuffer())
    return await readStream(request.body, { limit, grow })
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw invalid('body could not be read to its end', cause)
  }
}

async function readStream(
  body: ReadableStream<Uint8Array> | null,
  { limit, grow }: BodyBounds,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop cancels the stream.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(limit)
    grow(chunk.byteLength)
    chunks.push(chunk)
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  return bytes
}

/** Everything of a request that a signature may be over. Of a name that comes twice in the query the last value counts. */
export async function readRaw(request: Request, bounds: BodyBounds, clientIp: string): Promise<RawRequest> {
  return {
    method: request.method,
    headers: Object.fromEntries(request.headers),
    query: Object.fromEntries(new URL(request.url).searchParams),
    bytes: await readBytes(request, bounds),
    clientIp,
  }
}

/** The body as it comes; null where there is none. */
export function streamOf(request: Request): ReadableStream<Uint8Array> | null {
  refuseEncoded(request.headers)
  return request.body
}

/** The value of a JSON body; an empty body is an empty object, since clients send the content type either way. */
export async function readJson(request: Request, bounds: BodyBounds): Promise<unknown> {
  const type = request.headers.get('content-type')
  const bytes = await readBytes(request, bounds)
  if (bytes.byteLength === 0) return {}
  if (type === null || !JSON_TYPE.test(type))
    throw new GatewayError('unsupported_media_type', 'The request body must be application/json')
  const value = parseStrictJson(bytes, {
    maxDepth: MAX_DEPTH,
    refuse: (why, cause) =>
      new GatewayError('invalid_input', 'Validation failed', {
        details: { messages: [`body ${why}`] },
        cause,
      }),
  })
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw invalid('body must be a JSON object')
}

/** The file in `field` of a multipart body. Its name is not looked at. */
export async function readUpload(
  request: Request,
  { field, maxBytes, grow }: { field: string; maxBytes: number } & Pick<BodyBounds, 'grow'>,
): Promise<Uint8Array> {
  const type = request.headers.get('content-type') ?? ''
  const boundary = FORM_TYPE.exec(type)
  if (boundary === null)
    throw new GatewayError('unsupported_media_type', 'The request body must be multipart/form-data')
  const bytes = await readBytes(request, { limit: maxBytes + FORM_OVERHEAD_BYTES, grow })
  if (countParts(bytes, boundary[1] ?? boundary[2] ?? '') > MAX_PARTS)
    throw invalid(`body has more than ${MAX_PARTS} parts`)
  let form: FormData
  try {
    form = await new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: { 'content-type': type },
    }).formData()
  } catch (cause) {
    throw invalid('body is not valid multipart/form-data', cause)
  }
  const [file, ...more] = form.getAll(field)
  if (file === undefined || typeof file === 'string' || more.length > 0)
    throw invalid(`${field} must be one file`)
  if (file.size > maxBytes) throw tooLarge(maxBytes)
  return new Uint8Array(await file.arrayBuffer())
}

/** Occurrences of the boundary, counted no further than they matter. */
function countParts(bytes: Uint8Array, boundary: string): number {
  const mark = new TextEncoder().encode(`--${boundary}`)
  let parts = 0
  for (
    let at = bytes.indexOf(mark[0]!);
    at !== -1 && parts <= MAX_PARTS + 1;
    at = bytes.indexOf(mark[0]!, at + 1)
  )
    if (mark.every((byte, index) => bytes[at + index] === byte)) parts += 1
  return parts - 1
}
