// How often and when a key was last used: counted in memory and written together, not once per request.
import { addApiKeyUsage } from '../db/api-keys.ts'
import type { Db, Writer } from '../db/db.ts'

/** Time between two writes. What is counted since the last one is lost when a process is killed. */
const FLUSH_MS = 10_000

export interface KeyUsage {
  /** Counts one use; gives the write to be done in the background when one is due. */
  count(keyId: string): Promise<void> | null
  flush(): Promise<void>
}

export function createKeyUsage(deps: {
  db: Db
  writer: Writer
  now(): number
  onError(error: unknown): void
}): KeyUsage {
  let pending = new Map<string, { uses: number; lastUsedAt: number }>()
  let flushedAt = deps.now()

  async function flush(): Promise<void> {
    const batch = pending
    pending = new Map()
    flushedAt = deps.now()
    if (batch.size === 0) return
    const statements = [...batch].map(([id, { uses, lastUsedAt }]) =>
      addApiKeyUsage(deps.db, id, uses, lastUsedAt),
    )
    try {
      await deps.writer.commit(statements)
    } catch (error) {
      // Nobody waits for this write: the counts go into the next one.
      for (const [id, { uses, lastUsedAt }] of batch) add(id, uses, lastUsedAt)
      deps.onError(error)
    }
  }

  function add(id: string, uses: number, lastUsedAt: number): void {
    const known = pending.get(id)
    if (known === undefined) pending.set(id, { uses, lastUsedAt })
    else {
      known.uses += uses
      known.lastUsedAt = Math.max(known.lastUsedAt, lastUsedAt)
    }
  }

  return {
    count(keyId) {
      const now = deps.now()
      add(keyId, 1, now)
      return now - flushedAt >= FLUSH_MS ? flush() : null
    },
    flush,
  }
}
