// Tells when events have become durable: it looks at what the write queue commits, so that nobody who records an event can
// forget to say so.
import { appendsEvent } from '../../src/db/events.ts'
import type { WriteTarget } from '../store/write-queue.ts'

export interface CommitWatch {
  /** The same target, watched. */
  watch(target: WriteTarget): WriteTarget
  /** Calls after each commit with events in it; the reader's own cursor says which. Returns the undo. */
  onEvents(listener: () => void): () => void
}

export function createCommitWatch(): CommitWatch {
  const listeners = new Set<() => void>()
  return {
    watch: target => ({
      async batch(statements) {
        const changes = await target.batch(statements)
        if (statements.some(appendsEvent)) for (const listener of [...listeners]) listener()
        return changes
      },
      reconnect: () => target.reconnect(),
    }),
    onEvents(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
