// The file in a message, as a reference that can be fetched. Pure; fetching is engine-node/media's business.
import type { proto } from 'baileys'
import { isMediaType, MAX_MEDIA_TYPE } from '../../src/contract/media-type.ts'
import type { MediaKind } from '../../src/contract/outgoing.ts'
import type { MediaLook, MediaRef } from '../media/media-ref.ts'
import { bare } from './incoming-details.ts'
import { readProto } from './outgoing.ts'
import { wholeOf } from './told-numbers.ts'

type Content = proto.IMessage
type Named =
  | 'imageMessage'
  | 'videoMessage'
  | 'ptvMessage'
  | 'audioMessage'
  | 'documentMessage'
  | 'stickerMessage'

/** What each content's file is, and its type where the sender names none. */
const files: Readonly<Record<Named, { kind: MediaKind; mimetype: string }>> = {
  imageMessage: { kind: 'image', mimetype: 'image/jpeg' },
  videoMessage: { kind: 'video', mimetype: 'video/mp4' },
  ptvMessage: { kind: 'video', mimetype: 'video/mp4' },
  audioMessage: { kind: 'audio', mimetype: 'audio/ogg; codecs=opus' },
  documentMessage: { kind: 'document', mimetype: 'application/octet-stream' },
  stickerMessage: { kind: 'sticker', mimetype: 'image/webp' },
}

/** Longest name that is kept of what a stranger calls a file. */
const MAX_NAME = 255

/** Null for a message without a file, and for one that leaves out what it takes to open it. `content` is without wrappers. */
export function mediaOf(content: Content): MediaRef | null {
  const name = (Object.keys(files) as Named[]).find(key => content[key])
  const file = name && content[name]
  if (!name || !file?.mediaKey?.length || !file.fileSha256?.length) return null
  if (!file.directPath && !file.url) return null
  const { kind, mimetype } = files[name]
  const given = file.mimetype?.slice(0, MAX_MEDIA_TYPE) ?? ''
  return {
    kind,
    mimetype: isMediaType(given) ? given : mimetype,
    filename: filenameOf(content.documentMessage),
    bytes: wholeOf(file.fileLength),
    mediaKey: file.mediaKey,
    directPath: file.directPath ?? null,
    url: file.url ?? null,
    sha256: file.fileSha256,
    encSha256: file.fileEncSha256 ?? null,
    look: lookOf(file),
  }
}

/** Largest thumbnail and waveform that are kept: a stranger made them, and they stand in every event of the message. */
const MAX_THUMBNAIL_BYTES = 32 * 1024
const MAX_WAVEFORM_BYTES = 256

/** More pixels, seconds or pages than anything has are no figure. */
const MAX_FIGURE = 10_000_000

type File = NonNullable<Content[Named]>

/** Each field is one of some of the contents; a sender may leave out any. */
function lookOf(file: File): MediaLook {
  const said = file as { readonly [name: string]: unknown }
  const figure = (name: string) => {
    const value = said[name]
    return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MAX_FIGURE
      ? value
      : null
  }
  const bytes = (name: string, max: number) => {
    const value = said[name]
    return value instanceof Uint8Array && value.length > 0 && value.length <= max ? value : null
  }
  const [width, height] = [figure('width'), figure('height')]
  const [seconds, pages] = [figure('seconds'), figure('pageCount')]
  const jpeg = bytes('jpegThumbnail', MAX_THUMBNAIL_BYTES)
  const waveform = bytes('waveform', MAX_WAVEFORM_BYTES)
  return {
    ...(width !== null && height !== null && { width, height }),
    ...(seconds !== null && { seconds }),
    ...(pages !== null && { pages }),
    // Whoever shows it takes it for a JPEG, so it must begin as one.
    ...(jpeg?.[0] === 0xff && jpeg[1] === 0xd8 && { thumbnail: Buffer.from(jpeg).toString('base64') }),
    ...(waveform && { waveform: Buffer.from(waveform).toString('base64') }),
    ...(said.gifPlayback === true && { gif: true }),
  }
}

/** The file of a stored message, by its protobuf. */
export const mediaIn = (proto: Uint8Array): MediaRef | null => mediaOf(bare(readProto(proto).message) ?? {})

/** A name, and not a path: it is shown to people and offered for downloads. */
function filenameOf(document: proto.Message.IDocumentMessage | null | undefined): string | null {
  const given = document?.fileName || document?.title
  if (!given) return null
  const name = given.replace(/^.*[/\\]/, '').replace(/[\u0000-\u001f\u007f]/g, '')
  return name.slice(0, MAX_NAME) || null
}
