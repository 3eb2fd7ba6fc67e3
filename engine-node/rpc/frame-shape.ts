// Two questions about a frame: is its text cheap enough to be parsed, and is what came out of it one of the five kinds.
// The second is written by hand for speed; a test holds it equal to the schema `Frame`.
import type { Frame } from '../../src/contract/frames.ts'

/** Deepest nesting taken in: below what recursive readers such as JSON.stringify survive, above what any plugin sends (attack 37). */
export const MAX_DEPTH = 1_000

/** Most values in one frame: a million keys in 16 MB would keep the event loop for a third of a second (attack 37). */
export const MAX_VALUES = 200_000

const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92
const OPEN = new Set([91, 123])
const CLOSE = new Set([93, 125])

/** True when JSON text is neither too deep nor too numerous. Text shorter than either bound needs no look. */
export function isBounded(text: string): boolean {
  if (text.length < 2 * MAX_DEPTH) return true
  let depth = 0
  let values = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      at = closingQuote(text, at)
      if (at < 0) return true // JSON.parse will say what is wrong with it.
    } else if (char === COMMA) {
      values += 1
      if (values > MAX_VALUES) return false
    } else if (OPEN.has(char)) {
      depth += 1
      if (depth > MAX_DEPTH) return false
    } else if (CLOSE.has(char)) depth -= 1
  }
  return true
}

/** Jumps over a string with indexOf, so that megabytes of base64 cost next to nothing. */
function closingQuote(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1
    if (slashes % 2 === 0) return at
  }
  return -1
}

const isId = (id: unknown): boolean => Number.isSafeInteger(id) && (id as number) >= 1
const isShort = (text: unknown, max: number): boolean => typeof text === 'string' && text.length <= max

/** True for an object with no enumerable key but those named. */
function hasOnly(value: object, a: string, b: string, c: string, d: string): boolean {
  for (const key in value) if (key !== a && key !== b && key !== c && key !== d) return false
  return true
}

/** True for exactly what the schema `Frame` takes, for values that came out of JSON.parse. */
export function isFrame(value: unknown): value is Frame {
  if (typeof value !== 'object' || value === null) return false
  const frame = value as { t?: unknown; id?: unknown; method?: unknown; error?: unknown }
  switch (frame.t) {
    case 'call':
      return isId(frame.id) && isShort(frame.method, 64) && hasOnly(value, 't', 'id', 'method', 'params')
    case 'result':
      return isId(frame.id) && hasOnly(value, 't', 'id', 'value', 't')
    case 'error':
      return isId(frame.id) && isFrameError(frame.error) && hasOnly(value, 't', 'id', 'error', 't')
    case 'event':
      return isShort(frame.method, 64) && hasOnly(value, 't', 'method', 'params', 't')
    case 'cancel':
      return isId(frame.id) && hasOnly(value, 't', 'id', 't', 't')
    default:
      return false
  }
}

function isFrameError(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const error = value as { code?: unknown; message?: unknown }
  return (
    isShort(error.code, 64) &&
    isShort(error.message, 8_192) &&
    hasOnly(value, 'code', 'message', 'code', 'code')
  )
}
