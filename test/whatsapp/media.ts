// Files in messages: puts what a simulated phone sends on the media host, opens what a client uploaded, and lets files
// be lost.
import type { proto } from 'baileys'
import type { DownloadFault, MediaHost, Transfer, UploadFault } from './media-host.ts'
import { type MediaKind, openMedia, sealMedia } from './media-seal.ts'
import { unwrap } from './message-kind.ts'
import { seconds } from './nodes.ts'
import type { Recorder } from './recorder.ts'

/** What a message has to say so that its file is found and read. */
export interface MediaFields {
  url: string
  directPath: string
  mediaKey: Buffer
  mediaKeyTimestamp: number
  fileLength: number
  fileSha256: Buffer
  fileEncSha256: Buffer
}

/** A path as the message gives it, or the message, or the part of it about the file. */
export type FileOf = string | proto.IMessage | { readonly directPath?: string | null }

export interface Media {
  /** `host:port` */
  readonly host: string
  /** The certificate to trust, as PEM: for NODE_EXTRA_CA_CERTS, an https.Agent, an undici Agent. */
  readonly ca: string
  /** Encrypts a file and puts it where clients find it. */
  put(bytes: Uint8Array, kind?: MediaKind): MediaFields
  /** What a client has to download to read the file in this message, decrypted and checked. Throws if it cannot be. */
  open(message: proto.IMessage): Buffer
  /** The server has it no more; 410 unless told, some answer 404. The phone that sent it may still have it. */
  drop(file: FileOf, status?: number): void
  /** Lets downloads of a file go wrong, until told undefined. */
  fault(file: FileOf, fault: DownloadFault | undefined): void
  /** Lets all uploads go wrong, until told undefined. */
  failUploads(fault: UploadFault | undefined): void
  readonly transfers: Recorder<Transfer>
  /** Connections that were made to the host, whatever for. */
  readonly connections: number
}

const kinds = {
  imageMessage: 'Image',
  stickerMessage: 'Image',
  videoMessage: 'Video',
  audioMessage: 'Audio',
  documentMessage: 'Document',
} as const satisfies Partial<Record<keyof proto.IMessage, MediaKind>>

/** The part of a message that is about its file, and the kind of the file. */
export function fileIn(message: proto.IMessage) {
  const inner = unwrap(message)
  for (const [field, kind] of Object.entries(kinds)) {
    const file = inner[field as keyof typeof kinds]
    if (file) return { file, kind }
  }
  return undefined
}

function pathOf(file: FileOf): string {
  const path =
    typeof file === 'string'
      ? file
      : 'directPath' in file
        ? file.directPath
        : fileIn(file as proto.IMessage)?.file.directPath
  if (!path) throw new Error('this message has no file')
  return path
}

/** Gives the media host its keys. */
export function createMedia(host: MediaHost): Media {
  const media: Media = {
    host: host.host,
    ca: host.ca,
    put(bytes, kind = 'Image') {
      const { file, ...sealed } = sealMedia(bytes, kind)
      const directPath = host.store(file)
      const url = `https://${host.host}${directPath}`
      return { url, directPath, ...sealed, mediaKeyTimestamp: seconds(), fileLength: bytes.length }
    },
    open(message) {
      const { file, kind } = fileIn(message) ?? {}
      const stored = host.read(file?.directPath ?? '')
      if (!file?.mediaKey || !kind || !stored) throw new Error('the file of this message is not here')
      return openMedia(stored, kind, file.mediaKey)
    },
    drop: (file, status = 410) => media.fault(file, { status }),
    fault: (file, fault) => host.fault(pathOf(file), fault),
    failUploads(fault) {
      host.uploadFault = fault
    },
    transfers: host.transfers,
    get connections() {
      return host.connections
    },
  }
  return media
}
