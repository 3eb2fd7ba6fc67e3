// Signatures of webhooks: OpenWA's header and those of Standard Webhooks, over the bytes that are sent. Web Crypto alone.
import { SECRET_PREFIX } from '../contract/webhook.ts'

/** What one webhook signs with. During a rotation two secrets sign, so that a receiver may change over at its own hour. */
export interface Signer {
  /** Signature headers of one request; none for a webhook without a secret. `timestamp` in whole seconds. */
  sign(id: string, timestamp: number, body: Uint8Array<ArrayBuffer>): Promise<Record<string, string>>
}

const encoder = new TextEncoder()

const importKey = (bytes: Uint8Array<ArrayBuffer>) =>
  crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])

/** The key of Standard Webhooks: the base64 after `whsec_`; any other secret counts as raw bytes, as its libraries offer. */
function standardKey(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith(SECRET_PREFIX)) return encoder.encode(secret)
  return Uint8Array.from(atob(secret.slice(SECRET_PREFIX.length)), character => character.charCodeAt(0))
}

/** `secrets`: the current one first, then the one it replaces. OpenWA's header has room for the current one only. */
export async function createSigner(secrets: readonly string[]): Promise<Signer> {
  const [current] = secrets
  if (current === undefined) return { sign: async () => ({}) }
  const openwa = await importKey(encoder.encode(current))
  const standard = await Promise.all(secrets.map(secret => importKey(standardKey(secret))))

  return {
    async sign(id, timestamp, body) {
      const prefix = encoder.encode(`${id}.${timestamp}.`)
      const signed = new Uint8Array(prefix.length + body.length)
      signed.set(prefix)
      signed.set(body, prefix.length)
      const [plain, ...rest] = await Promise.all([
        crypto.subtle.sign('HMAC', openwa, body),
        ...standard.map(key => crypto.subtle.sign('HMAC', key, signed)),
      ])
      return {
        'X-OpenWA-Signature': `sha256=${hex(plain)}`,
        'webhook-signature': rest.map(mac => `v1,${base64(mac)}`).join(' '),
      }
    },
  }
}

const hex = (buffer: ArrayBuffer) =>
  Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0')).join('')

const base64 = (buffer: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
