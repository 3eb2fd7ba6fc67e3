// Frames as JSON text and back. Text from a guest is judged before and after it is parsed; nothing here throws but GatewayError.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Frame } from '../../src/contract/frames.ts'
import { isBounded, isFrame } from './frame-shape.ts'

// Taken before any plugin code runs in the guest, so that a patched JSON cannot stand in the way of its own answers.
const { parse, stringify } = JSON

/** Every way of writing the key `__proto__` in JSON has the name itself or an escaped underscore in it. */
const MAY_NAME_PROTO = /__proto__|\\u005f/i

/** Throws `frame_invalid` for what JSON cannot carry (BigInt, cycles, bottomless nesting). */
export function encodeFrame(frame: Frame): string {
  try {
    return stringify(frame)
  } catch (cause) {
    throw new GatewayError('frame_invalid', 'The value cannot be sent: it is not plain JSON data', { cause })
  }
}

/**
 * A frame from a guest. Own keys named `__proto__` are left out at every depth: assigned onto another object they would
 * change its prototype. Message texts may hold the word, so the frame itself is not refused for it.
 */
export function decodeFrame(text: string): Frame {
  if (!isBounded(text))
    throw new GatewayError('plugin_misbehaved', 'Sent a frame with too many or too deep values')
  const frame = parseJson(text)
  if (!isFrame(frame)) throw new GatewayError('plugin_misbehaved', 'Sent a frame of no known kind')
  return frame
}

/** A frame from the host, as the guest reads it: the host is trusted, so its shape is not judged again. */
export const decodeTrustedFrame = (text: string): Frame => parseJson(text) as Frame

function parseJson(text: string): unknown {
  try {
    return MAY_NAME_PROTO.test(text)
      ? parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value))
      : parse(text)
  } catch (cause) {
    throw new GatewayError('plugin_misbehaved', 'Sent a frame that is not JSON', { cause })
  }
}
