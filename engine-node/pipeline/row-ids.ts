// Ids of message rows: UUIDs of version 7, so that messages of one millisecond still list in the order in which they came.
import { randomBytes } from 'node:crypto'
import { createRandomPool } from '../random-pool.ts'

/** Gives ids that sort as text in the order in which they were made, also when the clock steps back. */
export function createRowIds(deps: {
  now: () => number
  random?: (bytes: number) => Uint8Array
}): () => string {
  const { now, random = createRandomPool(randomBytes) } = deps
  /** Milliseconds with 12 bits behind them, which count within one millisecond and run over into the next. */
  let last = 0n
  return () => {
    const time = BigInt(now()) << 12n
    last = time > last ? time : last + 1n
    const bytes = Buffer.alloc(16)
    bytes.writeUIntBE(Number(last >> 12n), 0, 6)
    bytes.writeUInt16BE(0x7000 | Number(last & 0xfffn), 6)
    bytes.set(random(8), 8)
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
}
