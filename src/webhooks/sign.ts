// Signatures of webhooks: OpenWA's header and those of Standard Webhooks, over the bytes that are sent. Who has something
// quicker than Web Crypto brings it.
import { SECRET_PREFIX } from '../contract/webhook.ts'

/** What one webhook signs with. During a rotation two secrets sign, so that a receiver may change over at its own hour. */
export interface Signer {
  /** Signature headers of one request; none for a webhook without a secret. `timestamp` in whole seconds. */
  sign(id: string, timestamp: number, body: Uint8Array): Signatures | Promise<Signatures>
}

type Signatures = Readonly<Record<string, string>>

/** HMAC-SHA-256 under one key, over the parts as if they were one; a text counts as its UTF-8. */
export type Mac = (parts: readonly (string | Uint8Array)[], as: 'hex' | 'base64') => string | Promise<string>
export type ImportMac = (key: Uint8Array<ArrayBuffer>) => Mac | Promise<Mac>

const encoder = new TextEncoder()

/** The key of Standard Webhooks: the base64 after `whsec_`; any other secret counts as raw bytes, as its libraries offer. */
function standardKey(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith(SECRET_PREFIX)) return encoder.encode(secret)
  return Uint8Array.from(atob(secret.slice(SECRET_PREFIX.length)), character => character.charCodeAt(0))
}

/** `secrets`: the current one first, then the one it replaces. OpenWA's header has room for the current one only. */
export async function createSigner(
  secrets: readonly string[],
  importMac: ImportMac = importWebMac,
): Promise<Signer> {
  const [current] = secrets
  if (current === undefined) return { sign: () => ({}) }
  const openwa = await importMac(encoder.encode(current))
  const standard = await Promise.all(secrets.map(secret => importMac(standardKey(secret))))

  return {
    sign(id, timestamp, body) {
      const prefix = `${id}.${timestamp}.`
      const macs = [openwa([body], 'hex'), ...standard.map(mac => mac([prefix, body], 'base64'))]
      return areTexts(macs) ? headersOf(macs) : Promise.all(macs).then(headersOf)
    },
  }
}

const areTexts = (macs: readonly unknown[]): macs is string[] => macs.every(mac => typeof mac === 'string')

const headersOf = ([plain, ...rest]: readonly string[]): Signatures => ({
  'X-OpenWA-Signature': `sha256=${plain}`,
  'webhook-signature': rest.map(mac => `v1,${mac}`).join(' '),
})

const importWebMac: ImportMac = async bytes => {
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return async (parts, as) => {
    const mac = await crypto.subtle.sign('HMAC', key, joined(parts))
    return as === 'hex' ? hex(mac) : base64(mac)
  }
}

function joined(parts: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const bytes = parts.map(part => (typeof part === 'string' ? encoder.encode(part) : part))
  const whole = new Uint8Array(bytes.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of bytes) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const hex = (buffer: ArrayBuffer) =>
  Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0')).join('')

const base64 = (buffer: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
