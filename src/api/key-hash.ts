// How a key is hashed before it is stored or looked up, with WebCrypto; Node has a faster way with the same answer.

const hex = (buffer: ArrayBuffer) =>
  Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0')).join('')

/** Hex SHA-256, or HMAC-SHA-256 under the pepper where there is one: a stolen database is then of no use by itself. */
export function createKeyHash(pepper: string | null): (key: string) => Promise<string> {
  const encoder = new TextEncoder()
  return async key => {
    if (pepper === null) return hex(await crypto.subtle.digest('SHA-256', encoder.encode(key)))
    const secret = await crypto.subtle.importKey(
      'raw',
      encoder.encode(pepper),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    )
    return hex(await crypto.subtle.sign('HMAC', secret, encoder.encode(key)))
  }
}
