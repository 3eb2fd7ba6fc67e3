// How files are encrypted before they are uploaded, and the notes with which a phone tells where it put one again.
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** What a key is stretched for; a sticker counts as an image, a voice note as audio. */
export type MediaKind = 'Image' | 'Video' | 'Audio' | 'Document' | 'History' | 'App State'

const MAC_BYTES = 10
const GCM_TAG_BYTES = 16

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest()

const stretch = (key: Uint8Array, info: string, length: number) =>
  Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), info, length))

function keysOf(mediaKey: Uint8Array, kind: MediaKind) {
  const keys = stretch(mediaKey, `WhatsApp ${kind} Keys`, 112)
  return { iv: keys.subarray(0, 16), cipherKey: keys.subarray(16, 48), macKey: keys.subarray(48, 80) }
}

const authenticate = (macKey: Buffer, iv: Buffer, sealed: Uint8Array) =>
  createHmac('sha256', macKey).update(iv).update(sealed).digest().subarray(0, MAC_BYTES)

export interface SealedFile {
  readonly file: Buffer
  readonly mediaKey: Buffer
  readonly fileSha256: Buffer
  readonly fileEncSha256: Buffer
}

/** Encrypts a file under a new key, or the one that is given. */
export function sealMedia(
  plain: Uint8Array,
  kind: MediaKind,
  mediaKey: Buffer = randomBytes(32),
): SealedFile {
  const { iv, cipherKey, macKey } = keysOf(mediaKey, kind)
  const cipher = createCipheriv('aes-256-cbc', cipherKey, iv)
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  const file = Buffer.concat([sealed, authenticate(macKey, iv, sealed)])
  return { file, mediaKey, fileSha256: sha256(plain), fileEncSha256: sha256(file) }
}

/** Decrypts a file and checks it as a phone does. Throws when it was not sealed with this key. */
export function openMedia(file: Uint8Array, kind: MediaKind, mediaKey: Uint8Array): Buffer {
  const { iv, cipherKey, macKey } = keysOf(mediaKey, kind)
  const sealed = file.subarray(0, -MAC_BYTES)
  if (!authenticate(macKey, iv, sealed).equals(file.subarray(-MAC_BYTES))) {
    throw new Error('the file was changed on the way')
  }
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, iv)
  return Buffer.concat([decipher.update(sealed), decipher.final()])
}

const retryKey = (mediaKey: Uint8Array) => stretch(mediaKey, 'WhatsApp Media Retry Notification', 32)

/** Seals a note about one message, under a key that only those have who can read its file. */
export function sealRetryNote(note: Uint8Array, mediaKey: Uint8Array, id: string) {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', retryKey(mediaKey), iv).setAAD(Buffer.from(id))
  return { iv, sealed: Buffer.concat([cipher.update(note), cipher.final(), cipher.getAuthTag()]) }
}

/** Opens such a note; throws when it was sealed with another key or for another message. */
export function openRetryNote(sealed: Buffer, iv: Buffer, mediaKey: Uint8Array, id: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', retryKey(mediaKey), iv)
    .setAAD(Buffer.from(id))
    .setAuthTag(sealed.subarray(-GCM_TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(0, -GCM_TAG_BYTES)), decipher.final()])
}
