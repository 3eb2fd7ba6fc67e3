// What a verified request is: its text, its id against repeats, its conversation, and what of it a plugin may see. Pure.
import { createHash } from 'node:crypto'
import type { IngressRoute } from '../../src/contract/ingress.ts'
import { isBounded } from '../rpc/frame-shape.ts'
import { credentialHeader } from './signature.ts'

type Headers = Readonly<Record<string, string>>

/**
 * A longer id is stored as its hash: an id that a sender chooses must not fill the index. Hashes have their own form, so
 * that nobody writes one down as an id.
 */
const MAX_ID = 200

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

type BodyKind = 'json' | 'form'
const bodyTypes: Readonly<Record<string, BodyKind>> = {
  'application/json': 'json',
  'application/x-www-form-urlencoded': 'form',
}

/** What the body claims to be; null for a type that is not taken in, or none. */
export function bodyKind(headers: Headers): BodyKind | null {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';')
  const charset = parameters.map(charsetOf).find(Boolean)
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') return null
  const kind = type.trim()
  return Object.hasOwn(bodyTypes, kind) ? (bodyTypes[kind] ?? null) : null
}

/** Of a parameter as `charset="utf-8"`; undefined for any other. */
function charsetOf(parameter: string): string | undefined {
  const [name, value] = parameter.split('=', 2)
  return name?.trim() === 'charset' ? value?.trim().replace(/^"([^"]*)"$/, '$1') : undefined
}

/** True for a body that its headers say is compressed: it could unfold to any size. */
export const isEncoded = (headers: Headers): boolean =>
  (headers['content-encoding'] ?? 'identity').trim().toLowerCase() !== 'identity'

export interface Body {
  text: string
  /** The parsed value of a JSON body. */
  json: unknown
}

/** Null for what is not what its content type says: bytes that are no text, text that is no JSON or made to cost time, no form. */
export function readBody(rawBody: Uint8Array, kind: BodyKind | null): Body | null {
  if (rawBody.length === 0) return { text: '', json: undefined }
  try {
    const text = decoder.decode(rawBody)
    if (kind === 'json') return isBounded(text) ? { text, json: JSON.parse(text) as unknown } : null
    // No encoder of forms leaves a control character as it is, and each would grow sixfold on its way to the plugin.
    return /[\x00-\x08\x0b\x0c\x0e-\x1f]/.test(text) ? null : { text, json: undefined }
  } catch {
    return null
  }
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')

/** The id that a delivery keeps over its repeats: the sender's own where it gives one, else the hash of what it sent. */
export function deliveryId(route: IngressRoute, headers: Headers, rawBody: Uint8Array): string {
  if (route.dedupOn === 'body') return sha256(rawBody)
  const standard = route.signature.scheme === 'standard-webhooks'
  const name = route.dedupHeader ?? route.signature.dedupHeader ?? (standard ? 'webhook-id' : 'x-delivery')
  // Blank is no id: all blank ones would be one delivery.
  const id = headers[name.toLowerCase()]?.trim()
  if (!id) return sha256(rawBody)
  return id.length > MAX_ID ? `sha256:${sha256(id)}` : id
}

/** The conversation that decides the order; null for one lane per instance. */
export function conversationId(route: IngressRoute, headers: Headers, json: unknown): string | null {
  const { header, jsonPointer } = route.conversationId ?? {}
  const fromHeader = header ? headers[header.toLowerCase()]?.trim() : undefined
  const found = fromHeader || (jsonPointer ? pointedAt(json, jsonPointer) : undefined)
  if (typeof found !== 'string' && typeof found !== 'number' && typeof found !== 'boolean') return null
  const id = String(found)
  if (id === '') return null
  return id.length > MAX_ID ? `sha256:${sha256(id)}` : id
}

/** RFC 6901; own members only. */
function pointedAt(json: unknown, pointer: string): unknown {
  let value = json
  for (const segment of pointer.replace(/^\//, '').split('/')) {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** Headers that hold credentials whichever scheme a route has. */
const credentials: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'webhook-signature',
  'x-api-key',
  'x-hub-signature',
  'x-hub-signature-256',
  'x-signature',
  'x-signature-ed25519',
  'x-webhook-signature',
])

/** The headers as they are stored and handed on: names all there, values of credentials not. */
export function redactHeaders(route: IngressRoute, headers: Headers): Record<string, string> {
  const own = credentialHeader(route.signature)
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      name === own || credentials.has(name) ? '[redacted]' : value,
    ]),
  )
}
