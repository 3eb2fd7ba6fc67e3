// A file that a message speaks of: where WhatsApp keeps it, what opens it, and what it must then be.
import type { MessageMedia } from '../../src/contract/message.ts'
import type { MediaKind } from '../../src/contract/outgoing.ts'

/** What a message says of how its file looks and sounds, under the names of the contract. */
export type MediaLook = Pick<
  MessageMedia,
  'width' | 'height' | 'seconds' | 'pages' | 'thumbnail' | 'waveform' | 'gif'
>

export interface MediaRef {
  kind: MediaKind
  mimetype: string
  filename: string | null
  /** What the sender says of its length; null where nothing is said. */
  bytes: number | null
  mediaKey: Uint8Array
  /** Path on WhatsApp's media host; the host is the one of `url`, if that is WhatsApp's. */
  directPath: string | null
  url: string | null
  /** SHA-256 of the file, and of what lies on the host. */
  sha256: Uint8Array
  encSha256: Uint8Array | null
  look: MediaLook
}
