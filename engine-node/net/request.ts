// What may be asked of the guarded fetch. Requests of plugins come this way, so methods and headers are bounded here.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'

/** Ends of a connection, of a message and of a proxy: they are the guard's to set. Repeating one splits requests. */
const hostOnlyHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
])

/** Of the caller's headers these alone follow a redirect to another origin; the rest may be credentials. */
const headersForAnyOrigin: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'user-agent',
])

/** More would not fit into what common servers read. */
const MAX_HEADERS = 64
const MAX_HEADER_BYTES = 16 * 1024

/** Hops of a redirected download: a release asset of a code host needs two or three. */
export const MAX_REDIRECTS = 5

/** No request of the gateway runs longer, whoever asks for it. */
export const MAX_TIMEOUT_MS = 120_000

/** An answer without a sink is held in memory whole. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/** One with a sink is not; the largest document that WhatsApp takes is of 2 GB. */
const MAX_STREAM_BYTES = 2 * 1024 * 1024 * 1024

/**
 * Takes the body of a 2xx answer as it comes, decoded and counted; what it throws ends the request. It must read to the end.
 * An answer of another status never reaches it.
 */
export type Sink = (chunks: AsyncIterable<Uint8Array>) => Promise<void>

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** Names and values, whose texts are looked at as they are copied: a schema for each took longer than all the rest. */
type GivenHeaders = Readonly<Record<string, string>> | readonly (readonly [string, string])[]

const fields = {
  url: v.string('must be a string'),
  method: v.optional(v.picklist(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']), 'GET'),
  headers: v.optional(
    v.custom<GivenHeaders>(
      value => typeof value === 'object' && value !== null,
      'must be an object or a list',
    ),
    {},
  ),
  body: v.optional(v.union([v.string(), v.instance(Uint8Array)])),
  /** Where it may go: `any-public`, or a list in which an empty one means nowhere. */
  hosts: v.union([v.literal('any-public'), v.pipe(v.array(v.string()), v.readonly())]),
  httpsOnly: v.optional(v.boolean(), false),
  /** Redirects that are followed; with 0 a redirect is an error. */
  redirects: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_REDIRECTS)), 0),
  /** Ends the request, wherever it is: what has not been written by then never is. */
  signal: v.optional(v.instance(AbortSignal)),
  /** For everything from the lookup to the last byte. */
  timeoutMs: v.pipe(v.number(), v.minValue(1), v.maxValue(MAX_TIMEOUT_MS)),
  /** Of the body after decoding. */
  maxBytes: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_STREAM_BYTES)),
  sha256: v.optional(v.boolean(), false),
  /** For whom the connection may be kept until its next request; without it, and for a sink, it ends with this one. */
  keep: v.optional(v.string()),
  /** In place of a body in the answer. */
  sink: v.optional(v.custom<Sink>(value => typeof value === 'function', 'must be a function')),
}
export const FetchRequest = v.pipe(
  v.strictObject(fields),
  v.check(({ sink, keep }) => sink === undefined || keep === undefined, 'a sink ends its connection'),
  v.check(
    ({ sink, maxBytes }) => sink !== undefined || maxBytes <= MAX_BODY_BYTES,
    `maxBytes must be at most ${MAX_BODY_BYTES} without a sink`,
  ),
)
export type FetchRequest = v.InferInput<typeof FetchRequest>

export type ParsedRequest = Omit<v.InferOutput<typeof FetchRequest>, 'headers'> & { headers: Headers }
type Headers = Record<string, string>

/** Throws `invalid_input` naming what is wrong, before anything is looked up or sent. */
export function parseRequest(input: unknown): ParsedRequest {
  const parsed = v.safeParse(FetchRequest, input)
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw refused(`${v.getDotPath(issue) ?? 'request'} ${issue.message}`)
  }
  const request = parsed.output
  if (request.body !== undefined && (request.method === 'GET' || request.method === 'HEAD'))
    throw refused(`a ${request.method} request has no body`)
  return Object.assign(request, { headers: cleanHeaders(request.headers) })
}

function cleanHeaders(given: GivenHeaders): Headers {
  const pairs: readonly unknown[] = Array.isArray(given) ? given : Object.entries(given)
  const headers: Headers = {}
  let bytes = 0
  for (const pair of pairs) {
    if (!isPair(pair)) throw refused('a header is a pair of texts')
    const [written, value] = pair
    const name = written.toLowerCase()
    if (!headerName.test(name)) throw refused('a header has a name that is none')
    if (!headerValue.test(value)) throw refused(`the header ${name} holds characters that a header may not`)
    if (hostOnlyHeaders.has(name)) throw refused(`the header ${name} is set by the gateway alone`)
    if (Object.hasOwn(headers, name)) throw refused(`the header ${name} is there twice`)
    bytes += name.length + value.length
    headers[name] = value
  }
  if (pairs.length > MAX_HEADERS || bytes > MAX_HEADER_BYTES) throw refused('its headers are too large')
  // One that is asked for in an encoding of the caller's stays as it is.
  headers['accept-encoding'] ??= 'identity'
  return headers
}

const isPair = (value: unknown): value is [string, string] =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'string'

/** The headers for the next hop of a redirect. */
export function headersFor(headers: Headers, from: URL, to: URL): Headers {
  if (from.origin === to.origin) return headers
  return Object.fromEntries(Object.entries(headers).filter(([name]) => headersForAnyOrigin.has(name)))
}

const refused = (why: string) =>
  new GatewayError('invalid_input', `The request is refused: ${why}`, {
    certain: true,
    details: { stage: 'request' },
  })
