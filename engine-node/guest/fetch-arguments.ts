// Arguments of `net.fetch` on their way into a frame: bytes become base64, since JSON has no word for them.

type Bytes = Uint8Array & { toBase64(): string }

/** A view of any kind, or a buffer, as bytes; null for anything else. */
function bytesOf(body: unknown): Bytes | null {
  if (body instanceof ArrayBuffer) return new Uint8Array(body) as Bytes
  if (ArrayBuffer.isView(body))
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength) as unknown as Bytes
  return null
}

export function encodeFetchArguments([url, init, ...more]: unknown[]): unknown[] {
  const target = typeof url === 'object' && url !== null && 'href' in url ? String(url.href) : url
  if (typeof init !== 'object' || init === null || !('body' in init)) return [target, init, ...more]
  const bytes = bytesOf(init.body)
  return [target, bytes === null ? init : { ...init, body: { base64: bytes.toBase64() } }, ...more]
}
