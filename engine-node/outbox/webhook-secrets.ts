// What of a webhook is secret: its signing secrets and the values of its headers, sealed together under the webhook's id.
import * as v from 'valibot'
import type { Sealer } from '../store/sealer.ts'

/** For how long a replaced secret signs beside its successor. */
export const ROTATION_MS = 24 * 60 * 60 * 1_000

const WebhookSecrets = v.strictObject({
  secret: v.nullable(v.string()),
  previous: v.nullable(v.strictObject({ secret: v.string(), until: v.number() })),
  headers: v.record(v.string(), v.string()),
})
export type WebhookSecrets = v.InferOutput<typeof WebhookSecrets>

const contextOf = (webhookId: string) => `webhook:${webhookId}`

export const sealSecrets = (sealer: Sealer, webhookId: string, secrets: WebhookSecrets): Uint8Array =>
  sealer.seal(new TextEncoder().encode(JSON.stringify(secrets)), contextOf(webhookId))

/** Throws `credentials_unreadable` when the seal does not open. */
export const openSecrets = (sealer: Sealer, webhookId: string, sealed: Uint8Array): WebhookSecrets =>
  v.parse(
    WebhookSecrets,
    JSON.parse(new TextDecoder().decode(sealer.open(new Uint8Array(sealed), contextOf(webhookId)))),
  )

/** The secrets that sign now, the current one first. */
export function signingSecrets({ secret, previous }: WebhookSecrets, now: number): string[] {
  if (secret === null) return []
  return previous !== null && previous.until > now ? [secret, previous.secret] : [secret]
}

/** After a change: an empty secret clears both, a new one starts a rotation, the same one changes nothing. */
export function withSecret(secrets: WebhookSecrets, secret: string, now: number): WebhookSecrets {
  if (secret === '') return { ...secrets, secret: null, previous: null }
  if (secret === secrets.secret) return secrets
  const previous = secrets.secret === null ? null : { secret: secrets.secret, until: now + ROTATION_MS }
  return { ...secrets, secret, previous }
}
