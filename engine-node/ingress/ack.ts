// What the sender of a webhook hears once its delivery is safe: the route's own acknowledgement, or 202. Pure.
import {
  ackMediaTypes,
  type IngressAck,
  type IngressAnswer,
  isAckHeader,
} from '../../src/contract/ingress.ts'

const safeTypes: readonly string[] = ackMediaTypes

/** Plain text, which no browser runs. */
export const PLAIN = { 'content-type': 'text/plain; charset=utf-8' } as const

/** `timestamp` in seconds; `id` is the delivery's. */
export interface AckValues {
  rawBody: string
  timestamp: number
  id: string
}

/** The answer of a route. Values are put in once and not looked at again, so a body cannot smuggle a token in. */
export function renderAck(ack: IngressAck | null | undefined, values: AckValues): IngressAnswer {
  if (!ack) return { status: 202, headers: { ...PLAIN }, body: 'accepted' }
  const texts: Record<string, string> = {
    '{rawBody}': values.rawBody,
    '{timestamp}': String(values.timestamp),
    '{id}': values.id,
  }
  const headers: Record<string, string> = { ...PLAIN }
  for (const [header, value] of Object.entries(ack.headers)) {
    const name = header.toLowerCase()
    if (isAckHeader(name) && (name !== 'content-type' || isSafeType(value))) headers[name] = value
  }
  const bodyless = ack.status === 204 || ack.status === 205 || ack.status === 304
  const body = ack.body.replace(/\{rawBody\}|\{timestamp\}|\{id\}/g, token => texts[token] ?? '')
  return { status: ack.status, headers, body: bodyless ? '' : body }
}

function isSafeType(type: string): boolean {
  const [media = '', ...parameters] = type.toLowerCase().split(';')
  return (
    safeTypes.includes(media.trim()) &&
    parameters.every(parameter => /^\s*charset\s*=\s*"?utf-?8"?\s*$/.test(parameter))
  )
}
