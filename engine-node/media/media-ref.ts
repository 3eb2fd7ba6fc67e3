// A file that a message speaks of: where WhatsApp keeps it, what opens it, and what it must then be.
import type { MediaKind } from '../../src/contract/outgoing.ts'

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
}
