// The request that a receiver gets: body, headers, and what is left out of them (webhooks and events spec, section 2).

/** Largest body; above it media is taken out, and what is too large even then is never sent. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024

/** Largest media that travels inside an event, in bytes before base64. */
export const MAX_INLINE_MEDIA_BYTES = 1024 * 1024

export interface Envelope {
  event: string
  /** ISO-8601, of this try. */
  timestamp: string
  sessionId: string
  idempotencyKey: string
  deliveryId: string
}

/**
 * The body as text. `data` is JSON already and goes in as it is stored: parsing it on the way would round large integers.
 * JSON.stringify has written half surrogate pairs as escapes, so the text is the same in UTF-8 for every reader.
 */
export function bodyOf(envelope: Envelope, data: string): string {
  const { event, timestamp, sessionId, idempotencyKey, deliveryId } = envelope
  const head = JSON.stringify({ event, timestamp, sessionId, idempotencyKey, deliveryId })
  return `${head.slice(0, -1)},"data":${data}}`
}

/** JSON of an event's data. WhatsApp's 64-bit numbers become texts, since a double cannot hold them. */
export function toJson(data: unknown): string {
  try {
    return JSON.stringify(data)
  } catch {
    // A BigInt, nearly never: to look at each value takes three times as long. What fails for another reason fails again.
    return JSON.stringify(data, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
  }
}

/** The body that plugins have made of it, as JSON, under the names that the host has given it. */
export function withEnvelope(body: string, envelope: Envelope): string {
  const payload = JSON.parse(body) as Record<string, unknown>
  return toJson({ ...envelope, ...payload, ...envelope })
}

/** Headers that a webhook may not set: OpenWA's list, and the ends of the connection. Compared in lower case. */
const ownHeaders =
  /^(content-type|user-agent|x-openwa-.*|webhook-.*|host|connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade)$/

/** Everything but the signatures. `attempts` is how many tries came before; `timestamp` is in whole seconds. */
export function headersOf(
  envelope: Pick<Envelope, 'event' | 'idempotencyKey' | 'deliveryId'>,
  facts: { eventId: string; attempts: number; timestamp: number; custom: Readonly<Record<string, string>> },
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(facts.custom))
    if (!ownHeaders.test(name.toLowerCase())) headers[name] = value
  return Object.assign(headers, {
    'Content-Type': 'application/json',
    'User-Agent': 'OpenWA-Webhook/1.0.0',
    'X-OpenWA-Event': envelope.event,
    'X-OpenWA-Idempotency-Key': headerText(envelope.idempotencyKey),
    'X-OpenWA-Delivery-Id': envelope.deliveryId,
    'X-OpenWA-Retry-Count': String(facts.attempts),
    'webhook-id': facts.eventId,
    'webhook-timestamp': String(facts.timestamp),
  })
}

/** Ids come from WhatsApp: what a header may not hold must not keep the event from being sent. */
const headerText = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_024)

type Data = Readonly<Record<string, unknown>>

/** The data without media above `maxBytes` (0: without any), which is named but left out. Full media is fetched by its route. */
export function withoutLargeMedia<T>(data: T, maxBytes: number = MAX_INLINE_MEDIA_BYTES): T {
  const { media } = data as Data
  if (typeof media !== 'object' || media === null || !('data' in media)) return data
  const { data: base64, ...rest } = media as Data
  if (typeof base64 !== 'string') return data
  const sizeBytes =
    Math.floor((base64.length * 3) / 4) - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0)
  if (sizeBytes <= maxBytes) return data
  return { ...data, media: { ...rest, omitted: true, sizeBytes } }
}
