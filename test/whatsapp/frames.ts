// Cuts the byte stream of a client into its opening and its length-prefixed frames. Knows no encryption.

const HEADER_LENGTH = 4
/** `ED`, version, then a three-byte length of routing information, before the header. */
const ROUTING_PREFIX_LENGTH = 7
const LENGTH_BYTES = 3

export interface FrameReader {
  /** The four bytes `WA`, version, dictionary, once they came; the handshake hash covers them. */
  readonly header: Buffer | undefined
  /** Takes bytes off the socket and gives back the frames they completed. */
  push(chunk: Buffer): Buffer[]
}

/** Makes the reader for one connection. It throws on a stream that is not WhatsApp's. */
export function createFrameReader(): FrameReader {
  let buffered: Buffer = Buffer.alloc(0)
  let header: Buffer | undefined

  function readHeader(): void {
    if (buffered.length < HEADER_LENGTH) return
    let start = 0
    if (buffered.toString('latin1', 0, 2) === 'ED') {
      if (buffered.length < ROUTING_PREFIX_LENGTH) return
      start = ROUTING_PREFIX_LENGTH + buffered.readUIntBE(4, LENGTH_BYTES)
    }
    if (buffered.length < start + HEADER_LENGTH) return
    const found = buffered.subarray(start, start + HEADER_LENGTH)
    if (found.toString('latin1', 0, 2) !== 'WA')
      throw new Error(`not a WhatsApp header: ${found.toString('hex')}`)
    header = found
    buffered = buffered.subarray(start + HEADER_LENGTH)
  }

  return {
    get header() {
      return header
    },
    push(chunk) {
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
      if (header === undefined) readHeader()
      if (header === undefined) return []
      const frames: Buffer[] = []
      while (buffered.length >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + buffered.readUIntBE(0, LENGTH_BYTES)
        if (buffered.length < end) break
        frames.push(buffered.subarray(LENGTH_BYTES, end))
        buffered = buffered.subarray(end)
      }
      return frames
    },
  }
}

/** Puts the length before a payload, which may come in parts. */
export function frame(...payload: Uint8Array[]): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES)
  const total = payload.reduce((sum, part) => sum + part.length, 0)
  length.writeUIntBE(total, 0, LENGTH_BYTES)
  return Buffer.concat([length, ...payload], LENGTH_BYTES + total)
}
