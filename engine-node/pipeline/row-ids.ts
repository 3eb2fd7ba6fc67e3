// Ids of message rows: UUIDs of version 7, so that messages of one millisecond still list in the order in which they came.
import { randomBytes } from 'node:crypto'
import { createRandomPool } from '../random-pool.ts'

/** What fits into the 12 bits behind the time. */
const MAX_COUNT = 0xfff

/** Gives ids that sort as text in the order in which they were made, also when the clock steps back. */
export function createRowIds(deps: {
  now: () => number
  random?: (bytes: number) => Uint8Array
}): () => string {
  const { now, random = createRandomPool(randomBytes) } = deps
  /** Milliseconds, and what counts within one and runs over into the next. */
  let time = 0
  let count = 0
  let prefix = ''
  return () => {
    const before = time
    time = Math.max(time, now())
    count = time > before ? 0 : count + 1
    if (count > MAX_COUNT) {
      time += 1
      count = 0
    }
    if (time !== before) {
      const hex = time.toString(16).padStart(12, '0')
      prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
    }
    const bytes = random(8)
    bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x80
    const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
    return `${prefix}${count.toString(16).padStart(3, '0')}-${hex.slice(0, 4)}-${hex.slice(4)}`
  }
}
