// Puts each session's claim before its writes: a statement that names a session which this engine has claimed is committed
// with the guard of that claim, so that the database refuses it once another engine runs the session. It looks at the
// statements, as nobody who writes for a session can forget to ask for it then.
import { GatewayError } from '../../src/contract/errors.ts'
import { guardLease, isStaleClaim } from '../../src/db/leases.ts'
import type { QueuedStatement } from '../store/queued-statement.ts'
import type { WriteQueue } from '../store/write-queue.ts'

export interface Fence {
  /** For everybody who writes for sessions. A refused commit rejects with `session_elsewhere`. */
  readonly queue: WriteQueue
  /** From now on the session's writes need this claim. */
  raise(sessionId: string, fence: number): void
  /** The session is gone. */
  forget(sessionId: string): void
}

/** Of a session's id, a UUID: longer texts would be hashed whole for each look. */
const ID_LENGTH = 36

export function createFence(queue: WriteQueue): Fence {
  const guards = new Map<string, QueuedStatement>()

  function guardsOf(statements: readonly QueuedStatement[]): readonly QueuedStatement[] {
    if (guards.size === 0) return []
    const found: QueuedStatement[] = []
    for (const { args } of statements)
      for (const arg of args) {
        const guard = typeof arg === 'string' && arg.length === ID_LENGTH ? guards.get(arg) : undefined
        if (guard && !found.includes(guard)) found.push(guard)
      }
    return found
  }

  const guarded =
    (commit: WriteQueue['commitAhead']): WriteQueue['commitAhead'] =>
    async (statements, written) => {
      const before = guardsOf(statements)
      if (before.length === 0) return await commit(statements, written)
      try {
        return (await commit([...before, ...statements], written)).slice(before.length)
      } catch (error) {
        // Without its cause: to whoever looks for a refused row this one must not look like it.
        throw isStaleClaim(error)
          ? new GatewayError('session_elsewhere', 'Another engine has taken over this session')
          : error
      }
    }

  return {
    queue: {
      ...queue,
      commit: guarded(queue.commit),
      commitAhead: guarded(queue.commitAhead),
      put(statements, written, instead) {
        const before = guardsOf(statements)
        if (before.length === 0) queue.put(statements, written, instead)
        else
          queue.put(
            [...before, ...statements],
            written && (changes => written(changes.slice(before.length))),
            instead &&
              (error => {
                const other = instead(error)
                return other && [...before, ...other]
              }),
          )
      },
      putLater(statements, written) {
        const before = guardsOf(statements)
        queue.putLater(
          before.length === 0 ? statements : [...before, ...statements],
          written && (changes => written(changes.slice(before.length))),
        )
      },
    },
    raise(sessionId, fence) {
      // By its key it runs once in a commit, however many writes of the session gather in it.
      guards.set(sessionId, { ...guardLease(sessionId, fence), key: `lease/${sessionId}/${fence}` })
    },
    forget: sessionId => void guards.delete(sessionId),
  }
}
