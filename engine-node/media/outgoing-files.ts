// Files that a client sends, on their way to WhatsApp: into the store from wherever they are, then encrypted and uploaded.
// Streamed all the way; what is given as base64 is decoded piece by piece.
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GatewayError } from '../../src/contract/errors.ts'
import type { MediaKind } from '../../src/contract/outgoing.ts'
import type { Fault } from '../fault.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import { MAX_REDIRECTS } from '../net/request.ts'
import { IMAGE_HEAD_BYTES, imageSize } from './image-size.ts'
import type { MediaLook } from './media-ref.ts'
import type { SealedDigests } from './media-seal.ts'
import { sealMedia } from './media-seal.ts'
import type { MediaStore, StoredFile } from './media-store.ts'
import { mp4Look } from './mp4-look.ts'
import { OGG_TAIL_BYTES, oggSeconds } from './ogg-seconds.ts'

/** One of the first three is given. */
export interface FileSource {
  url?: string | undefined
  base64?: string | undefined
  /** Of a file in the store. */
  uploadId?: string | undefined
  mimetype?: string | undefined
  filename?: string | undefined
}

export interface StagedFile extends StoredFile {
  mimetype: string
  filename: string | null
}

/** What stands in the message of an uploaded file. */
export interface UploadedFile {
  kind: MediaKind
  mimetype: string
  filename: string | null
  bytes: number
  mediaKey: Uint8Array
  sha256: Uint8Array
  encSha256: Uint8Array
  directPath: string
  url: string | null
  /** Seconds. */
  uploadedAt: number
}

/** Puts an encrypted file on WhatsApp's media host; the session's business. */
export type Upload = (
  path: string,
  of: { kind: MediaKind; encSha256: Uint8Array },
) => Promise<{ directPath: string; url: string | null }>

export interface OutgoingFiles {
  /**
   * Takes a file into the store, through the proxy of the session that sends it. Rejects with `address_blocked`,
   * `download_failed`, `proxy_failed`, `body_too_large`, or `invalid_input` for one that is no such file.
   */
  stage(source: FileSource, kind: MediaKind, sessionId: string): Promise<StagedFile>
  /** A file that was given as base64 goes into the store first: plugins are asked about it, and not with all of it. */
  withoutBase64<S extends FileSource>(source: S): Promise<S>
  /** How it looks, and how long it plays, as far as its bytes say so. */
  lookOf(file: StagedFile, kind: MediaKind): Promise<MediaLook>
  upload(file: StagedFile, kind: MediaKind, upload: Upload): Promise<UploadedFile>
}

/** OpenWA's bound for a download, redirects and all. */
const TIMEOUT_MS = 60_000

/** Characters of base64 that are decoded at once: whole groups of four. */
const BASE64_PIECE = 64 * 1024

const fallbacks: Readonly<Record<MediaKind, string>> = {
  image: 'image/jpeg',
  video: 'video/mp4',
  audio: 'audio/ogg; codecs=opus',
  document: 'application/octet-stream',
  sticker: 'image/webp',
}

/** What WhatsApp shows only as what it is; a document may be anything. */
const families: Readonly<Record<MediaKind, RegExp>> = {
  image: /^image\//,
  video: /^video\//,
  audio: /^(audio\/|application\/ogg)/,
  document: /^/,
  sticker: /^image\//,
}

export function createOutgoingFiles(deps: {
  store: MediaStore
  /** How a session reaches what a client names. */
  fetchOf(sessionId: string): Promise<GuardedFetch>
  maxBytes: number
  now: () => number
  randomBytes: (length: number) => Uint8Array
  fault?: Fault | undefined
}): OutgoingFiles {
  const { store, fetchOf, maxBytes, now, randomBytes, fault } = deps

  async function download(
    url: string,
    sessionId: string,
  ): Promise<{ file: StoredFile; type: string | undefined; from: string }> {
    const kept: { file?: StoredFile } = {}
    try {
      const fetch = await fetchOf(sessionId)
      const answer = await fetch({
        url,
        hosts: 'any-public',
        redirects: MAX_REDIRECTS,
        timeoutMs: TIMEOUT_MS,
        maxBytes,
        async sink(chunks) {
          kept.file = await store.put(chunks, { maxBytes })
        },
      })
      if (kept.file) return { file: kept.file, type: answer.headers['content-type'], from: answer.url }
      throw new GatewayError('download_failed', `The server of the file answered ${answer.status}`)
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      if (cause.details.maxBytes !== undefined)
        throw new GatewayError('body_too_large', `The file is larger than ${maxBytes} bytes`, { cause })
      if (cause.code !== 'transport_failed') throw cause
      throw new GatewayError('download_failed', `The file could not be downloaded: ${cause.message}`, {
        cause,
      })
    }
  }

  /** Empty where the file ends before it, or is not there. */
  async function part(hash: string, from: number, length?: number): Promise<Buffer> {
    const found = await store.open(hash, { from, ...(length !== undefined && { length }) })
    const chunks: Buffer[] = []
    if (found) for await (const chunk of found.stream) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }

  async function uploaded(hash: string): Promise<StoredFile> {
    const found = await store.open(hash)
    if (found === null) throw new GatewayError('not_found', 'The uploaded file is not there any more')
    found.stream.destroy()
    return { hash, bytes: found.bytes }
  }

  return {
    async stage({ url, base64, uploadId, mimetype, filename }, kind, sessionId) {
      const { file, type, from } =
        url !== undefined
          ? await download(url, sessionId)
          : {
              file:
                uploadId !== undefined
                  ? await uploaded(uploadId)
                  : await store.put(decoded(base64 ?? ''), { maxBytes }),
              type: undefined,
              from: undefined,
            }
      if (file.bytes === 0) throw new GatewayError('invalid_input', 'The file is empty')
      const found = mimetype ?? (isTelling(type) ? type : fallbacks[kind])
      if (!families[kind].test(found.toLowerCase()))
        throw new GatewayError('invalid_input', `The file is of type ${found.slice(0, 100)}, and no ${kind}`)
      return { ...file, mimetype: found, filename: filename || (from === undefined ? null : nameIn(from)) }
    },
    async withoutBase64(source) {
      const { base64, ...rest } = source
      if (base64 === undefined) return source
      const { hash } = await store.put(decoded(base64), { maxBytes })
      return { ...rest, uploadId: hash } as typeof source
    },
    async lookOf({ hash, mimetype, bytes }, kind) {
      switch (kind) {
        case 'image':
        case 'sticker':
          return imageSize(await part(hash, 0, IMAGE_HEAD_BYTES)) ?? {}
        case 'video':
          return await mp4Look((from, length) => part(hash, from, length), bytes)
        case 'audio': {
          const seconds = /ogg/i.test(mimetype) ? oggSeconds(await part(hash, -OGG_TAIL_BYTES)) : null
          return seconds === null ? {} : { seconds }
        }
        case 'document':
          return {}
      }
    },
    async upload(file, kind, upload) {
      const stored = await store.open(file.hash)
      if (stored === null) throw new GatewayError('not_found', 'The file is not there any more')
      const mediaKey = randomBytes(32)
      return await store.temporary(async path => {
        const digests = await sealInto(path, stored.stream, mediaKey, kind)
        fault?.('media.sealed')
        const { directPath, url } = await upload(path, { kind, encSha256: digests.encSha256 })
        fault?.('media.uploaded')
        return {
          kind,
          mimetype: file.mimetype,
          filename: file.filename,
          mediaKey,
          ...digests,
          directPath,
          url,
          uploadedAt: Math.floor(now() / 1000),
        }
      })
    },
  }
}

async function sealInto(path: string, plain: Readable, mediaKey: Uint8Array, kind: MediaKind) {
  const done: { digests?: SealedDigests } = {}
  async function* sealed() {
    done.digests = yield* sealMedia(plain, mediaKey, kind)
  }
  await pipeline(Readable.from(sealed()), createWriteStream(path, { mode: 0o600, flags: 'wx' }))
  if (!done.digests) throw new TypeError('a file was sealed without a digest')
  return done.digests
}

async function* decoded(base64: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < base64.length; at += BASE64_PIECE)
    yield Buffer.from(base64.slice(at, at + BASE64_PIECE), 'base64')
}

/** A server that knows nothing better says octet-stream. */
const isTelling = (type: string | undefined): type is string =>
  type !== undefined &&
  /^[\w.+-]+\/[\w.+-]+/.test(type) &&
  !/^(application\/octet-stream|binary\/)/i.test(type)

/** The last part of the path, where it is a name. */
function nameIn(url: string): string | null {
  const last = new URL(url).pathname.split('/').at(-1) ?? ''
  let name = last
  try {
    name = decodeURIComponent(last)
  } catch {
    // A percent sign that means itself.
  }
  name = name.replace(/[\u0000-\u001f\u007f/\\]/g, '')
  return name === '' ? null : name.slice(0, 255)
}
