// Bytes as they cross the engine port, which may be JSON over HTTP.

/** Arguments of one call: an archive at once would be more than an engine takes. */
const CHUNK = 8_192

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += CHUNK)
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  return btoa(binary)
}
