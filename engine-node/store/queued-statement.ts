// A statement on its way to a commit. Pure.
import type { SqlValue, Statement } from '../../src/db/db.ts'

/**
 * A statement that replaces an earlier one of the same `key` in the same commit: only the last state of a key is worth writing,
 * and making. A value may be a function for that, which is called when the statement is about to be written and must not throw.
 */
export interface QueuedStatement extends Omit<Statement, 'args'> {
  args: readonly (SqlValue | (() => SqlValue))[]
  key?: string
}

/** The statement as it is at this moment. */
export const made = ({ sql, args }: QueuedStatement): Statement => ({
  sql,
  args: args.map(value => (typeof value === 'function' ? value() : value)),
})

/** Where those stand that no later one of their key replaces, in order. */
export function lastOfEachKey(statements: readonly QueuedStatement[]): number[] {
  const last = new Map<string, number>()
  statements.forEach(({ key }, index) => {
    if (key !== undefined) last.set(key, index)
  })
  const kept: number[] = []
  statements.forEach(({ key }, index) => {
    if (key === undefined || last.get(key) === index) kept.push(index)
  })
  return kept
}
