// Text to bytes and back, in the encodings of Node's Buffer. Base64 and hex are the language's own; the rest is here.

export const encodings = ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'ascii', 'utf16le'] as const
export type Encoding = (typeof encodings)[number]

const aliases: Record<string, Encoding> = {
  'utf-8': 'utf8',
  binary: 'latin1',
  ucs2: 'utf16le',
  'ucs-2': 'utf16le',
  'utf-16le': 'utf16le',
}

/** The encoding of that name in any case, or undefined. */
export function encodingOf(name: unknown): Encoding | undefined {
  const lower = String(name).toLowerCase()
  return aliases[lower] ?? encodings.find(encoding => encoding === lower)
}

/** Arguments of one call to String.fromCharCode: more would not fit the stack. */
const PIECE = 8_192

const REPLACEMENT = 0xfffd

export function utf8Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3)
  let at = 0
  for (let index = 0; index < text.length; index += 1) {
    let code = text.charCodeAt(index)
    if (code >= 0xd800 && code <= 0xdfff) {
      const next = text.charCodeAt(index + 1)
      if (code <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (next & 0x3ff)
        index += 1
      } else code = REPLACEMENT
    }
    if (code < 0x80) bytes[at++] = code
    else {
      if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6)
      else {
        if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12)
        else {
          bytes[at++] = 0xf0 | (code >> 18)
          bytes[at++] = 0x80 | ((code >> 12) & 0x3f)
        }
        bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
      }
      bytes[at++] = 0x80 | (code & 0x3f)
    }
  }
  return bytes.slice(0, at)
}

/** Bytes that such text takes, without making them. */
export function utf8Length(text: string): number {
  let length = text.length
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 0x80) continue
    if (code < 0x800) length += 1
    else {
      length += 2
      const next = text.charCodeAt(index + 1)
      if (code >= 0xd800 && code <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) index += 1
    }
  }
  return length
}

/** What a lead byte asks for: how many bytes follow, and the bounds of the first of them. Null for a byte that leads nothing. */
function leadOf(byte: number): { more: number; from: number; to: number; bits: number } | null {
  if (byte >= 0xc2 && byte <= 0xdf) return { more: 1, from: 0x80, to: 0xbf, bits: byte & 0x1f }
  if (byte >= 0xe0 && byte <= 0xef)
    return { more: 2, from: byte === 0xe0 ? 0xa0 : 0x80, to: byte === 0xed ? 0x9f : 0xbf, bits: byte & 0x0f }
  if (byte >= 0xf0 && byte <= 0xf4)
    return { more: 3, from: byte === 0xf0 ? 0x90 : 0x80, to: byte === 0xf4 ? 0x8f : 0xbf, bits: byte & 0x07 }
  return null
}

/**
 * As the Encoding standard decodes: each broken sequence becomes one U+FFFD. `broken` hears of it first. With `partial`
 * a sequence that is cut off by the end stays out, and `rest` says how many bytes it has.
 */
export function utf8Text(
  bytes: Uint8Array,
  { partial = false, broken = () => {} }: { partial?: boolean; broken?: () => void } = {},
): { text: string; rest: number } {
  let text = ''
  let units: number[] = []
  const bad = () => {
    broken()
    units.push(REPLACEMENT)
  }
  for (let at = 0; at < bytes.length; ) {
    if (units.length > PIECE - 2) {
      text += String.fromCharCode(...units)
      units = []
    }
    const byte = bytes[at]!
    if (byte < 0x80) {
      units.push(byte)
      at += 1
      continue
    }
    const lead = leadOf(byte)
    let code = lead?.bits ?? 0
    let read = 1
    for (; lead !== null && read <= lead.more; read += 1) {
      const next = bytes[at + read]
      const [from, to] = read === 1 ? [lead.from, lead.to] : [0x80, 0xbf]
      if (next === undefined || next < from || next > to) break
      code = (code << 6) | (next & 0x3f)
    }
    if (lead !== null && read > lead.more) {
      if (code >= 0x10000) units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff))
      else units.push(code)
    } else if (partial && lead !== null && at + read === bytes.length)
      return { text: text + String.fromCharCode(...units), rest: read }
    else bad()
    at += read
  }
  return { text: text + String.fromCharCode(...units), rest: 0 }
}

function charText(bytes: Uint8Array, mask: number): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += PIECE)
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE).map(byte => byte & mask))
  return text
}

/** As Node reads base64: either alphabet, anything else skipped, the end at the first `=`. */
function base64Bytes(text: string): Uint8Array {
  const clean = text
    .replace(/=[\s\S]*$/, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/[^A-Za-z0-9+/]/g, '')
  return Uint8Array.fromBase64(clean.length % 4 === 1 ? clean.slice(0, -1) : clean)
}

function utf16Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2)
  for (let index = 0; index < text.length; index += 1) {
    bytes[2 * index] = text.charCodeAt(index) & 0xff
    bytes[2 * index + 1] = text.charCodeAt(index) >> 8
  }
  return bytes
}

function utf16Text(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at + 1 < bytes.length; at += 2)
    text += String.fromCharCode(bytes[at]! | (bytes[at + 1]! << 8))
  return text
}

function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index)
  return bytes
}

/** One row for each encoding. */
export const codecs: Record<Encoding, { bytes(text: string): Uint8Array; text(bytes: Uint8Array): string }> =
  {
    utf8: { bytes: utf8Bytes, text: bytes => utf8Text(bytes).text },
    hex: {
      bytes: text => Uint8Array.fromHex(/^(?:[0-9a-f]{2})*/i.exec(text)?.[0] ?? ''),
      text: bytes => bytes.toHex(),
    },
    base64: { bytes: base64Bytes, text: bytes => bytes.toBase64() },
    base64url: {
      bytes: base64Bytes,
      text: bytes => bytes.toBase64({ alphabet: 'base64url', omitPadding: true }),
    },
    latin1: { bytes: latin1Bytes, text: bytes => charText(bytes, 0xff) },
    ascii: { bytes: latin1Bytes, text: bytes => charText(bytes, 0x7f) },
    utf16le: { bytes: utf16Bytes, text: utf16Text },
  }
