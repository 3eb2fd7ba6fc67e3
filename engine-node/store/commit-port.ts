// What passes between the write queue's thread and the one that commits. A statement's text crosses once and is a number from
// then on.
import type { SqlValue, Statement } from '../../src/db/db.ts'

/** Texts known to both sides; past that both forget all and begin anew. */
const MAX_TEXTS = 500

export interface CommitRequest {
  /** Texts that the other side has not seen, in the order of their numbers. */
  texts: string[]
  /** Whether the numbers begin at nought again with these texts. */
  anew: boolean
  runs: { text: number; args: SqlValue[] }[]
}

/** Of an error that crosses between threads only its message survives by itself. */
export interface CommitFailure {
  message: string
  code?: unknown
  statementIndex?: unknown
}

export type CommitReply = { changes: number[] } | { error: CommitFailure }

/** The side that asks. */
export function createPacker(): (statements: readonly Statement[]) => CommitRequest {
  const numbers = new Map<string, number>()
  return statements => {
    const anew = numbers.size > MAX_TEXTS
    if (anew) numbers.clear()
    const texts: string[] = []
    const runs = statements.map(({ sql, args }) => {
      let text = numbers.get(sql)
      if (text === undefined) {
        text = numbers.size
        numbers.set(sql, text)
        texts.push(sql)
      }
      return { text, args: args.map(portable) }
    })
    return { texts, anew, runs }
  }
}

/** The side that commits. */
export function createUnpacker(): (request: CommitRequest) => Statement[] {
  let texts: string[] = []
  return request => {
    if (request.anew) texts = []
    texts.push(...request.texts)
    return request.runs.map(({ text, args }) => {
      const sql = texts[text]
      if (sql === undefined) throw new Error(`statement ${text} has not been told`)
      return { sql, args }
    })
  }
}

/** A view is copied with all the memory that lies behind it, and small buffers share some kilobytes: only its own part goes. */
function portable(value: SqlValue): SqlValue {
  if (!(value instanceof Uint8Array)) return value
  return value.byteLength === value.buffer.byteLength && value.constructor === Uint8Array
    ? value
    : new Uint8Array(value)
}
