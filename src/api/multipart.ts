// The one file of a multipart body, as a stream: never more of it is held than a piece of it and what stands before it.
import { GatewayError } from '../contract/errors.ts'

/** Fields and headers before the file; more is made to cost memory. */
const MAX_HEAD_BYTES = 64 * 1024

const FORM = /^multipart\/form-data\s*;\s*boundary=(?:"([^"\r\n]{1,70})"|([\w'()+,./:=?-]{1,70}))\s*$/i

/** The boundary of a multipart body; null for a body of any other type. */
export function boundaryOf(type: string | null): string | null {
  const found = FORM.exec(type ?? '')
  return found?.[1] ?? found?.[2] ?? null
}

const invalid = (why: string) =>
  new GatewayError('invalid_input', 'Validation failed', { details: { messages: [`body ${why}`] } })

const bytesOf = (text: string) => new TextEncoder().encode(text)

function join(one: Uint8Array, two: Uint8Array): Uint8Array {
  if (one.length === 0) return two
  const both = new Uint8Array(one.length + two.length)
  both.set(one)
  both.set(two, one.length)
  return both
}

/** Where `wanted` begins in `bytes`; -1 where it does not. */
function find(bytes: Uint8Array, wanted: Uint8Array, from = 0): number {
  for (let at = bytes.indexOf(wanted[0]!, from); at !== -1; at = bytes.indexOf(wanted[0]!, at + 1)) {
    let length = 1
    while (length < wanted.length && bytes[at + length] === wanted[length]) length += 1
    if (length === wanted.length) return at
  }
  return -1
}

/** The first file of a multipart body. What comes behind it is not read. Throws `invalid_input` for a body without one. */
export async function* firstFile(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<Uint8Array> {
  // The first boundary may stand at the very start, where no line comes before it.
  let held: Uint8Array = bytesOf('\r\n')
  const mark = bytesOf(`\r\n--${boundary}`)
  const blank = bytesOf('\r\n\r\n')
  const source = body[Symbol.asyncIterator]()
  const more = async () => {
    const { value, done } = await source.next()
    if (done) throw invalid('ends before its file does')
    held = join(held, value)
  }

  try {
    let head = 0
    for (;;) {
      const start = find(held, mark)
      const end = start === -1 ? -1 : find(held, blank, start)
      if (
        start !== -1 &&
        find(held.subarray(start + mark.length, start + mark.length + 2), bytesOf('--')) === 0
      )
        throw invalid('holds no file')
      if (end === -1) {
        if (held.length > MAX_HEAD_BYTES) throw invalid('has too much before its file')
        await more()
        continue
      }
      const lines = new TextDecoder().decode(held.subarray(start, end))
      held = held.subarray(end + blank.length)
      head += end
      if (head > MAX_HEAD_BYTES) throw invalid('has too much before its file')
      if (/^content-disposition:[^\n]*;\s*filename\*?=/im.test(lines)) break
      // A field: its value is passed over with the search for the next boundary, which an empty one begins with.
      held = join(bytesOf('\r\n'), held)
    }
    for (;;) {
      const end = find(held, mark)
      if (end !== -1) {
        if (end > 0) yield held.subarray(0, end)
        return
      }
      // All but what may be the beginning of the boundary.
      const sure = held.length - mark.length + 1
      if (sure > 0) {
        yield held.subarray(0, sure)
        held = held.subarray(sure)
      }
      await more()
    }
  } finally {
    await source.return?.()
  }
}
