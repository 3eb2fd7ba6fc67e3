// Whether a webhook comes from who holds the instance's secret: a verdict on the raw bytes, before anything parses them.
// Pure but for what it is handed; which answer a stranger gets is the pipeline's business.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IngressSignature, SignatureScheme } from '../../src/contract/ingress.ts'

export interface SignedRequest {
  rawBody: Uint8Array
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>
  instanceId: string
  secret: string
  /** Epoch milliseconds. */
  now: number
  /** In seconds: for a route that states none, and the most that any may state. */
  tolerance: { fallback: number; max: number }
}

/** `why` is for the log: a stranger who learns which check failed has an oracle. */
export type SignatureVerdict = { ok: true } | { ok: false; why: string }

/**
 * Signatures of one header that are tried. Rotation needs two or three; each costs a comparison, so a header full of
 * them is made to cost time.
 */
export const MAX_SIGNATURES = 10

const OK: SignatureVerdict = { ok: true }
const no = (why: string): SignatureVerdict => ({ ok: false, why })

type Check = (spec: IngressSignature, request: SignedRequest) => SignatureVerdict

const schemes: Record<SignatureScheme, Check> = {
  none: () => OK,
  'shared-secret': checkSharedSecret,
  'hmac-sha256': checkHmac,
  'standard-webhooks': checkStandardWebhooks,
}

/** Judges a request by the scheme of its route. An instance without a secret accepts nothing. */
export function verifySignature(spec: IngressSignature, request: SignedRequest): SignatureVerdict {
  if (spec.scheme !== 'none' && request.secret === '') return no('the instance has no secret')
  return schemes[spec.scheme](spec, request)
}

/** The header whose value authenticates, in lower case; null where none does. */
export function credentialHeader(spec: IngressSignature): string | null {
  if (spec.scheme === 'standard-webhooks') return 'webhook-signature'
  return spec.header?.toLowerCase() ?? null
}

function checkSharedSecret(spec: IngressSignature, request: SignedRequest): SignatureVerdict {
  const stale = checkAge(spec, request)
  if (!stale.ok) return stale
  const given = headerOf(request, spec.header)
  if (!given) return no('the secret header is missing')
  return isEqualText(given, request.secret) ? OK : no('the secret is another')
}

function checkHmac(spec: IngressSignature, request: SignedRequest): SignatureVerdict {
  const stale = checkAge(spec, request)
  if (!stale.ok) return stale
  const given = headerOf(request, spec.header)
  if (!given) return no('the signature header is missing')
  if (!given.startsWith(spec.prefix)) return no('the signature lacks its prefix')
  const mac = decode(given.slice(spec.prefix.length), spec.encoding)
  if (mac === null) return no(`the signature is not ${spec.encoding}`)
  const values = {
    '{rawBody}': request.rawBody,
    '{timestamp}': headerOf(request, spec.timestampHeader) ?? '',
    '{id}': request.instanceId,
  }
  return isEqualMac(mac, hmac(request.secret, fill(spec.contentTemplate, values)))
    ? OK
    : no('the signature is another')
}

/** Content is `id.timestamp.body`, the key the base64 behind `whsec_`, the header a list of `v1,<base64>` (standardwebhooks.com). */
function checkStandardWebhooks(spec: IngressSignature, request: SignedRequest): SignatureVerdict {
  const id = headerOf(request, 'webhook-id')
  const timestamp = headerOf(request, 'webhook-timestamp')
  const given = headerOf(request, 'webhook-signature')
  if (!id || !timestamp || !given) return no('a webhook- header is missing')
  // Were a dot allowed here, the first part of a signed body could pass for the timestamp and the timestamp for the id.
  if (id.includes('.')) return no('the id holds a dot')
  const fresh = isFresh(timestamp, spec, request)
  if (!fresh.ok) return fresh
  const key = decode(request.secret.replace(/^v1,/, '').replace(/^whsec_/, ''), 'base64')
  if (key === null || key.length === 0) return no('the secret is not base64')
  const expected = hmac(key, [`${id}.${timestamp}.`, request.rawBody])
  for (const entry of given.split(' ', MAX_SIGNATURES)) {
    const mac = entry.startsWith('v1,') ? decode(entry.slice(3), 'base64') : null
    if (mac !== null && isEqualMac(mac, expected)) return OK
  }
  return no('no signature fits')
}

function checkAge(spec: IngressSignature, request: SignedRequest): SignatureVerdict {
  if (!spec.timestampHeader) return OK
  return isFresh(headerOf(request, spec.timestampHeader) ?? '', spec, request)
}

function isFresh(timestamp: string, spec: IngressSignature, request: SignedRequest): SignatureVerdict {
  if (!/^\d{1,12}$/.test(timestamp)) return no('the timestamp is not a whole number of seconds')
  const tolerance = Math.min(spec.toleranceSec ?? request.tolerance.fallback, request.tolerance.max)
  const age = Math.floor(request.now / 1000) - Number(timestamp)
  return Math.abs(age) <= tolerance ? OK : no('the timestamp is outside the tolerance')
}

const headerOf = (request: SignedRequest, name: string | null | undefined): string | undefined =>
  name && Object.hasOwn(request.headers, name.toLowerCase()) ? request.headers[name.toLowerCase()] : undefined

type Part = string | Uint8Array

/** The parts of a template with its tokens replaced; values are not looked at again, so a body may hold a token. */
function fill(template: string, values: Readonly<Record<string, Part>>): Part[] {
  return template
    .split(/(\{rawBody\}|\{timestamp\}|\{id\})/)
    .map(part => (Object.hasOwn(values, part) ? (values[part] ?? '') : part))
}

function hmac(key: Part, parts: readonly Part[]): Buffer {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

const patterns = {
  hex: /^(?:[0-9a-f]{2})+$/i,
  base64: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
} as const

/** Null for what is not exactly in this notation: Node would skip over what it does not know, and read the rest. */
function decode(text: string, notation: 'hex' | 'base64'): Buffer | null {
  if (text.length > 1_024 || !patterns[notation].test(text)) return null
  const bytes = Buffer.from(text, notation)
  return notation === 'hex' || bytes.toString('base64') === text ? bytes : null
}

const isEqualMac = (mac: Buffer, expected: Buffer) =>
  mac.length === expected.length && timingSafeEqual(mac, expected)

/** Whether two texts are equal, in a time that depends on neither. */
export function isEqualText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
