// Takes files off the disk: those older than their time, the oldest beyond the room there is, and those that nothing refers to.
import type { Db } from '../../src/db/db.ts'
import { expireMedia, storedFiles } from '../../src/db/message-media.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { MediaStore } from './media-store.ts'

const EVERY_MS = 60 * 60_000

/** A file lies in the store before its message is stored; no commit takes this long. */
const ORPHAN_AFTER_MS = 60 * 60_000

export interface MediaRetention extends AsyncDisposable {
  /** Does it once, and from then on every hour. */
  start(): void
  /** Resolves when it is done. */
  sweep(): Promise<void>
}

export function createMediaRetention(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit'>
  store: Pick<MediaStore, 'list' | 'remove'>
  clock: Clock
  log: Logger
  /** 0 keeps files for ever; the room is for all files together. */
  limits: { maxAgeMs: number; maxBytes: number }
}): MediaRetention {
  const { db, queue, store, clock, log, limits } = deps
  let undoTimer = () => {}
  let last: Promise<void> = Promise.resolve()
  let isClosed = false

  async function sweep() {
    const now = clock.now()
    const files = await storedFiles(db)
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0)
    const gone = new Set<string>()
    for (const { hash, bytes, storedAt } of files) {
      const isOld = limits.maxAgeMs > 0 && storedAt < now - limits.maxAgeMs
      if (!isOld && total <= limits.maxBytes) break
      // The row first: a row without a file is a lie, a file without a row is swept next time.
      await queue.commit(expireMedia(hash))
      await store.remove(hash)
      gone.add(hash)
      total -= bytes
    }
    const known = new Set(files.map(({ hash }) => hash))
    for await (const { hash, storedAt } of store.list()) {
      if (known.has(hash) || storedAt > now - ORPHAN_AFTER_MS) continue
      await store.remove(hash)
      gone.add(hash)
    }
    if (gone.size > 0) log.info({ files: gone.size }, 'files of old messages were removed')
  }

  function run() {
    if (isClosed) return
    last = sweep().catch(err => log.error({ err }, 'old files could not be removed'))
    undoTimer = clock.after(EVERY_MS, run)
  }

  return {
    start: run,
    sweep,
    async [Symbol.asyncDispose]() {
      isClosed = true
      undoTimer()
      await last
    },
  }
}
