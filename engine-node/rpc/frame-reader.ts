// Cuts a byte stream into length-prefixed texts. It never holds more than one frame, and decides by the prefix alone
// whether to hold that one.
import { GatewayError } from '../../src/contract/errors.ts'
import { MAX_FRAME_BYTES } from '../../src/contract/frame-size.ts'

const PREFIX_BYTES = 4

/** `accept` gets each whole text and answers whether to go on. Throws `plugin_misbehaved` for a length out of bounds. */
export function createFrameReader(accept: (text: string, bytes: number) => boolean) {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  let prefixFill = 0
  // One buffer for a frame in parts, of its full size from the start: a list of parts would let a guest that sends byte
  // by byte cost a hundred times what it sends.
  let body: Buffer | null = null
  let bodyFill = 0

  /** Finishes what an earlier chunk began; gives the position in the chunk where the next frame starts. */
  function complete(chunk: Buffer): number {
    let at = 0
    if (body === null) {
      at = chunk.copy(prefix, prefixFill)
      prefixFill += at
      if (prefixFill < PREFIX_BYTES) return at
      body = Buffer.allocUnsafeSlow(checkedLength(prefix, 0))
    }
    const taken = chunk.copy(body, bodyFill, at)
    bodyFill += taken
    if (bodyFill < body.length) return at + taken
    const whole = body
    body = null
    prefixFill = 0
    bodyFill = 0
    return accept(whole.toString('utf8'), whole.length) ? at + taken : chunk.length
  }

  return {
    take(chunk: Buffer): void {
      let at = prefixFill > 0 ? complete(chunk) : 0
      while (chunk.length - at >= PREFIX_BYTES) {
        const length = checkedLength(chunk, at)
        const end = at + PREFIX_BYTES + length
        if (end > chunk.length) break
        if (!accept(chunk.toString('utf8', at + PREFIX_BYTES, end), length)) return
        at = end
      }
      if (at < chunk.length) complete(chunk.subarray(at))
    },
  }
}

function checkedLength(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at)
  if (length > 0 && length <= MAX_FRAME_BYTES) return length
  throw new GatewayError('plugin_misbehaved', `Announced a frame of ${length} bytes`)
}
