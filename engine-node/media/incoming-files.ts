// Files that came with messages, on their way into the store: fetched when the message is durable, tried again in the background
// for days, asked for again of the phone where WhatsApp has dropped them. What is left is in the database, so a restart goes on.
import type { MessageMedia } from '../../src/contract/message.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import {
  type DueMedia as Due,
  dueMedia,
  dueRemote,
  findMedia,
  giveUpMedia,
  insertMedia,
  type MediaRow,
  nextMediaDue,
  retryMedia,
  storeMedia,
  wantMedia,
} from '../../src/db/message-media.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { Logger } from '../log.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { DownloadVerdict, MediaDownload } from './media-download.ts'
import type { MediaRef } from './media-ref.ts'
import type { MediaStore } from './media-store.ts'

/** Downloads at once: each holds a connection and a file that grows. */
const MAX_AT_ONCE = 4

/** Waits between tries: half a minute, doubled up to six hours, for some two days in all. */
const FIRST_WAIT_MS = 30_000
const LONGEST_WAIT_MS = 6 * 60 * 60_000
const MAX_ATTEMPTS = 16

/** How long hooks wait for a file: after that they are told that it is omitted (plugin contract, section 7). */
const READY_WITHIN_MS = 10_000

/** When the database could not be read or written. */
const PAUSE_MS = 30_000

/** What the phone answers to a request to upload a file again. */
export type ReuploadVerdict =
  | { outcome: 'uploaded'; directPath: string; url: string | null }
  | { outcome: 'lost' | 'failed'; why: string }

export interface IncomingFiles extends AsyncDisposable {
  /** To be committed right behind the message. */
  expect(row: NewMessageRow, ref: MediaRef): Statement[]
  /** The same for an old message: its file comes when somebody asks for it, or in the background where that is set. */
  expectOld(row: NewMessageRow, ref: MediaRef): Statement[]
  /** The message is durable and new: begins to fetch its file. */
  arrived(messageId: string): void
  /** Resolves when the file is there, or when it does not come in time: then it is omitted. With its bytes where they are few. */
  ready(messageId: string, said: MessageMedia): Promise<MessageMedia>
  /** Somebody asks for the file of an old message: resolves when it is here or will not come, or when it takes too long. */
  want(media: MediaRow): Promise<MediaRow | null>
  /** Takes up what was left. To be called once, at the start. */
  restore(): void
}

export function createIncomingFiles(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit'>
  clock: Clock
  log: Logger
  store: Pick<MediaStore, 'open'>
  download: MediaDownload
  /** The file that a stored message speaks of, and the protobuf to ask the phone by; null where that is gone. */
  read(row: Due): { ref: MediaRef; proto: Uint8Array } | null
  reupload(sessionId: string, proto: Uint8Array): Promise<ReuploadVerdict>
  /** [0, 1), for the jitter of tries. */
  random: () => number
  /** Largest file that hooks get as base64. */
  maxInlineBytes: number
  /** Files of old messages are fetched in the background where these are not older; 0 for none. */
  backgroundMs: number
  fault?: Fault | undefined
}): IncomingFiles {
  const { db, queue, clock, log, store, download, read, reupload, random, maxInlineBytes, backgroundMs } =
    deps
  const waiters = new Map<string, Set<() => void>>()
  const running = new Set<string>()
  /** Of old messages, which somebody waits for. */
  const wanted = new Set<string>()
  const oldSince = () => (backgroundMs === 0 ? null : clock.now() - backgroundMs)
  let undoTimer: (() => void) | null = null
  let isClosed = false
  let isLooking = false
  let isAsked = false
  let isPaused = false

  /** Begins what is due, as far as there is room, and sets the timer for the rest. One look at a time. */
  async function look(): Promise<void> {
    if (isClosed || isPaused) return
    if (isLooking) {
      isAsked = true
      return
    }
    isLooking = true
    undoTimer?.()
    undoTimer = null
    try {
      do {
        isAsked = false
        await begin()
      } while (isAsked && !isClosed)
    } catch (err) {
      pause(err)
    } finally {
      isLooking = false
    }
  }

  /** The database does not answer, or does not take what became of a file: trying on would fetch the same one for ever. */
  function pause(err: unknown) {
    if (isClosed) return
    log.error({ err }, 'files of messages wait for the database')
    undoTimer?.()
    isPaused = true
    undoTimer = clock.after(PAUSE_MS, () => {
      isPaused = false
      void look()
    })
  }

  async function begin() {
    const room = MAX_AT_ONCE - running.size
    if (room <= 0) return
    // One moment for all of it: what becomes due while a query runs is the next.
    const now = clock.now()
    const due = await dueMedia(db, now, MAX_AT_ONCE + room)
    for (const row of due.filter(({ messageId }) => !running.has(messageId)).slice(0, room)) start(row)
    if (due.length > room || isClosed) return
    const since = oldSince()
    // One at a time, and only when nothing that somebody waits for is under way.
    const old = since !== null && running.size === 0 ? await dueRemote(db, { since, until: now }) : null
    if (old) return start(old)
    const next = await nextMediaDue(db, { now, remoteSince: since })
    if (next !== null) undoTimer = clock.after(Math.max(0, next - clock.now()), () => void look())
  }

  function start(row: Due) {
    running.add(row.messageId)
    void fetchOne(row)
      .catch(pause)
      .finally(() => {
        running.delete(row.messageId)
        void look()
      })
  }

  async function fetchOne(row: Due): Promise<void> {
    const { messageId } = row
    const verdict = await verdictOn(row)
    if (verdict.outcome !== 'stored') log.info({ messageId, why: verdict.why }, 'a file did not come')
    const { statements, isOver } = settle(row, verdict)
    await queue.commit(statements)
    deps.fault?.('media.after-commit')
    if (isOver) wake(messageId)
  }

  async function verdictOn(row: Due): Promise<DownloadVerdict> {
    try {
      const found = read(row)
      if (found === null) return { outcome: 'refused', why: 'its message does not say where it is' }
      return await tryBoth(row, found)
    } catch (err) {
      // A full disk, or a row that does not open: it is tried again like any other, and holds up none.
      log.error({ err, messageId: row.messageId }, 'a file could not be taken in')
      return { outcome: 'failed', why: 'it could not be taken in' }
    }
  }

  /** Where WhatsApp has it no more the phone may, and uploads it under another path. */
  async function tryBoth(
    { sessionId }: Due,
    { ref, proto }: { ref: MediaRef; proto: Uint8Array },
  ): Promise<DownloadVerdict> {
    const first = await download(sessionId, ref)
    if (first.outcome !== 'gone') return first
    const again = await reupload(sessionId, proto)
    if (again.outcome === 'uploaded')
      return await download(sessionId, { ...ref, directPath: again.directPath, url: again.url ?? ref.url })
    return { outcome: again.outcome === 'lost' ? 'gone' : 'failed', why: again.why }
  }

  /** What to write down, and whether that is the last word. */
  function settle(
    { messageId, attempts }: MediaRow,
    verdict: DownloadVerdict,
  ): { statements: Statement[]; isOver: boolean } {
    const over = (...statements: Statement[]) => ({ statements, isOver: true })
    if (verdict.outcome === 'stored')
      return over(...storeMedia({ messageId, ...verdict.file, at: clock.now() }))
    const { outcome, why: error } = verdict
    if (outcome === 'refused') return over(giveUpMedia({ messageId, state: 'refused', error }))
    if (outcome === 'gone' || attempts + 1 >= MAX_ATTEMPTS)
      return over(giveUpMedia({ messageId, state: 'lost', error }))
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts)
    const nextAt = clock.now() + wait * (0.5 + random() / 2)
    return { statements: [retryMedia({ messageId, error, nextAt })], isOver: false }
  }

  function wake(messageId: string) {
    wanted.delete(messageId)
    for (const hear of waiters.get(messageId) ?? []) hear()
    waiters.delete(messageId)
  }

  async function settled(messageId: string): Promise<MediaRow | null> {
    const before = await findMedia(db, messageId)
    if (before?.state !== 'waiting') return before
    const { promise, resolve } = Promise.withResolvers<void>()
    const hearing = waiters.get(messageId) ?? new Set()
    waiters.set(messageId, hearing.add(resolve))
    const undo = clock.after(READY_WITHIN_MS, resolve)
    // It may have come between the look and the wait.
    const between = await findMedia(db, messageId)
    if (between?.state === 'waiting') await promise
    undo()
    hearing.delete(resolve)
    if (hearing.size === 0) waiters.delete(messageId)
    return await findMedia(db, messageId)
  }

  return {
    expect: (row, ref) => [insertMedia(row, ref)],
    expectOld: (row, ref) => [insertMedia(row, { ...ref, isRemote: true })],
    arrived: () => void look(),
    async ready(messageId, said) {
      const row = await settled(messageId)
      const { omitted: _, ...rest } = said
      if (row?.state !== 'stored' || row.hash === null) return said
      const sizeBytes = row.bytes ?? 0
      const file = sizeBytes <= maxInlineBytes ? await store.open(row.hash) : null
      if (file === null) return { ...rest, omitted: true, sizeBytes }
      const chunks: Buffer[] = []
      for await (const chunk of file.stream) chunks.push(chunk as Buffer)
      return { ...rest, data: Buffer.concat(chunks).toString('base64'), sizeBytes }
    },
    async want({ messageId, state }) {
      if (state === 'remote') {
        await queue.commit([wantMedia({ messageId, at: clock.now() })])
        wanted.add(messageId)
        void look()
      }
      return wanted.has(messageId) ? await settled(messageId) : await findMedia(db, messageId)
    },
    restore: () => void look(),
    async [Symbol.asyncDispose]() {
      // What is being fetched is let go: it is in the database, and half a file is no file.
      isClosed = true
      undoTimer?.()
      for (const messageId of waiters.keys()) wake(messageId)
    },
  }
}
