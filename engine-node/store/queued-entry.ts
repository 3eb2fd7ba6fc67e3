// What was queued in one call, and which of it goes into one commit.
import type { Changes } from '../../src/db/db.ts'
import type { QueuedStatement } from './queued-statement.ts'
import { refusedPosition } from './write-fault.ts'

export interface Entry {
  statements: readonly QueuedStatement[]
  sequence: number
  /** The turn of the event loop in which it was queued. */
  turn: number
  resolve?: (changes: Changes) => void
  reject?: (error: unknown) => void
  instead?: ((error: unknown) => readonly QueuedStatement[] | null) | undefined
  /** Its loss is everybody's to know. */
  isRelied: boolean
}

/**
 * Statements in one commit: bounds how long one transaction holds the lock and the event loop. What was queued in one turn of
 * the loop stays together even so: a ratchet step without the plaintext that it gave would be a lost message.
 */
const MAX_GROUP = 2_000

/** Takes the entries of the next commit off the queue. */
export function takeGroup(entries: Entry[]): Entry[] {
  let size = 0
  let count = 0
  for (const entry of entries) {
    size += entry.statements.length
    if (count > 0 && size > MAX_GROUP && entry.turn !== entries[count - 1]?.turn) break
    count += 1
  }
  return entries.splice(0, count)
}

/** The entry whose statement the database has refused; -1 where it does not say. */
export function refusedAmong(group: readonly Entry[], thrown: unknown): number {
  let left = refusedPosition(thrown)
  if (left === -1) return -1
  return group.findIndex(({ statements }) => {
    left -= statements.length
    return left < 0
  })
}
