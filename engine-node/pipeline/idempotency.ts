// A client's key leads to one message at most: the same request again gets the first answer, also after a restart, since the
// key is stored in the commit of the message (REST spec, section 0.6).
import type { Idempotency } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import {
  findIdempotencyKey,
  type IdempotencyKeyRow,
  insertIdempotencyKey,
  pruneIdempotencyKeys,
} from '../../src/db/idempotency-keys.ts'
import type { Clock } from '../clock.ts'
import type { WriteQueue } from '../store/write-queue.ts'

/** How long a key is kept. */
export const KEY_AGE_MS = 24 * 60 * 60_000

/** A send that takes longer hangs, and nobody can say what becomes of it. */
export const MAX_RUN_MS = 10 * 60_000

const PRUNE_EVERY_MS = 60 * 60_000

/** What a key stands for: the message that was accepted under it. */
export type Accepted = Pick<IdempotencyKeyRow, 'messageId' | 'waMessageId' | 'timestamp'>

export interface IdempotencyKeys extends Disposable {
  /**
   * Runs `send` unless the key has led to a message: then `accepted` is that one, and `isReplay`. `send` is to commit what
   * `keep` gives with the row of its message. Without a key it always runs. Rejects with `idempotency_key_in_progress`,
   * `idempotency_outcome_unknown` or `idempotency_key_reused`.
   */
  once(
    sessionId: SessionId,
    token: Idempotency | undefined,
    send: (keep: (accepted: Accepted) => Statement[]) => Promise<Accepted>,
  ): Promise<{ accepted: Accepted; isReplay: boolean }>
}

export function createIdempotencyKeys(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put'>
  clock: Clock
}): IdempotencyKeys {
  const { db, queue, clock } = deps
  const running = new Map<string, { hash: string; since: number }>()
  let undo = clock.after(0, prune)

  function prune() {
    queue.put([pruneIdempotencyKeys(clock.now() - KEY_AGE_MS)])
    undo = clock.after(PRUNE_EVERY_MS, prune)
  }

  function assertSame(hash: string, other: { hash: string }) {
    if (other.hash !== hash)
      throw new GatewayError(
        'idempotency_key_reused',
        'The Idempotency-Key was used for another request. Use a new key for each message',
      )
  }

  return {
    async once(sessionId, token, send) {
      if (token === undefined) return { accepted: await send(() => []), isReplay: false }
      const { key, hash } = token
      const name = `${sessionId} ${key}`
      const other = running.get(name)
      if (other) {
        assertSame(hash, other)
        throw clock.elapsed() - other.since > MAX_RUN_MS
          ? new GatewayError(
              'idempotency_outcome_unknown',
              'What became of the first request with this Idempotency-Key is not known',
            )
          : new GatewayError(
              'idempotency_key_in_progress',
              'The first request with this Idempotency-Key is still running',
            )
      }
      // Before anything is awaited: two requests of one moment must not both be the first.
      running.set(name, { hash, since: clock.elapsed() })
      try {
        const now = clock.now()
        const since = now - KEY_AGE_MS
        const before = await findIdempotencyKey(db, { sessionId, key, since })
        if (before === null) {
          const keep = (accepted: Accepted) =>
            insertIdempotencyKey({ ...accepted, sessionId, key, hash, createdAt: now }, since)
          return { accepted: await send(keep), isReplay: false }
        }
        assertSame(hash, before)
        return { accepted: before, isReplay: true }
      } finally {
        running.delete(name)
      }
    },
    [Symbol.dispose]: () => undo(),
  }
}
