// How WhatsApp encrypts files: AES-256-CBC under keys stretched from the message's media key, with a code of ten bytes behind
// it. Streams both ways; no file is ever held whole.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  timingSafeEqual,
} from 'node:crypto'
import { GatewayError } from '../../src/contract/errors.ts'
import type { MediaKind } from '../../src/contract/outgoing.ts'

/** What a key is stretched for. A sticker counts as an image. */
const purposes: Readonly<Record<MediaKind, string>> = {
  image: 'WhatsApp Image Keys',
  video: 'WhatsApp Video Keys',
  audio: 'WhatsApp Audio Keys',
  document: 'WhatsApp Document Keys',
  sticker: 'WhatsApp Image Keys',
}

const CODE_BYTES = 10
const BLOCK_BYTES = 16

function keysOf(mediaKey: Uint8Array, kind: MediaKind) {
  const keys = Buffer.from(hkdfSync('sha256', mediaKey, Buffer.alloc(0), purposes[kind], 112))
  return { iv: keys.subarray(0, 16), cipherKey: keys.subarray(16, 48), macKey: keys.subarray(48, 80) }
}

export interface SealedDigests {
  /** Of the file. */
  sha256: Buffer
  /** Of what is uploaded. */
  encSha256: Buffer
  /** Of the file. */
  bytes: number
}

/** What is uploaded, chunk by chunk; the digests are the return value. */
export async function* sealMedia(
  chunks: AsyncIterable<Uint8Array>,
  mediaKey: Uint8Array,
  kind: MediaKind,
): AsyncGenerator<Buffer, SealedDigests> {
  const { iv, cipherKey, macKey } = keysOf(mediaKey, kind)
  const cipher = createCipheriv('aes-256-cbc', cipherKey, iv)
  const mac = createHmac('sha256', macKey).update(iv)
  const plain = createHash('sha256')
  const sealed = createHash('sha256')
  let bytes = 0
  const out = (part: Buffer) => {
    mac.update(part)
    sealed.update(part)
    return part
  }
  for await (const chunk of chunks) {
    bytes += chunk.byteLength
    plain.update(chunk)
    yield out(cipher.update(chunk))
  }
  yield out(cipher.final())
  const code = mac.digest().subarray(0, CODE_BYTES)
  sealed.update(code)
  yield code
  return { sha256: plain.digest(), encSha256: sealed.digest(), bytes }
}

/**
 * The file in what was downloaded. Throws `transport_failed` at the end of the stream when the file is not the one that the
 * message names: whatever was yielded until then counts for nothing.
 */
export async function* openMedia(
  chunks: AsyncIterable<Uint8Array>,
  ref: { mediaKey: Uint8Array; kind: MediaKind; sha256: Uint8Array },
): AsyncGenerator<Buffer> {
  const { iv, cipherKey, macKey } = keysOf(ref.mediaKey, ref.kind)
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, iv)
  const mac = createHmac('sha256', macKey).update(iv)
  const plain = createHash('sha256')
  /** The last ten bytes are the code; which ones are the last is known at the end. */
  let held: Buffer = Buffer.alloc(0)
  let length = 0
  const out = (part: Buffer) => {
    plain.update(part)
    return part
  }
  for await (const chunk of chunks) {
    const all = Buffer.concat([held, chunk])
    const body = all.subarray(0, Math.max(0, all.length - CODE_BYTES))
    held = all.subarray(body.length)
    length += body.length
    mac.update(body)
    if (body.length > 0) yield out(decipher.update(body))
  }
  // Judged before the padding is: what it says of a changed file is nobody's business.
  const code = mac.digest().subarray(0, CODE_BYTES)
  if (
    length === 0 ||
    length % BLOCK_BYTES !== 0 ||
    held.length !== CODE_BYTES ||
    !timingSafeEqual(held, code)
  )
    throw changed('its code does not fit')
  yield out(decipher.final())
  if (!timingSafeEqual(plain.digest(), fixed(ref.sha256)))
    throw changed('it is not the one that the message names')
}

/** A digest of another length fits nothing. */
const fixed = (digest: Uint8Array) => (digest.byteLength === 32 ? digest : Buffer.alloc(32))

const changed = (why: string) =>
  new GatewayError('transport_failed', `The file was changed on the way: ${why}`, {
    details: { stage: 'media' },
  })
