// Remembers what each ciphertext said, since it can be decrypted only once: when WhatsApp delivers it again, after a crash
// or a lost receipt, the journal answers.
import { hash as digest } from 'node:crypto'
import type { BinaryNode, SocketConfig, WAMessage } from 'baileys'
import type { Db } from '../../src/db/db.ts'
import {
  insertJournalEntry,
  journalEntry,
  journalHashes,
  journalOrphans,
  pruneJournal,
  touchJournalEntry,
} from '../../src/db/decrypt-journal.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { packEntry, toWAMessage, unpackEntry } from './journal-entry.ts'

type MakeRepository = SocketConfig['makeSignalRepository']

export interface DecryptJournal {
  /** To be called with each stanza of a message before Baileys sees it: what is decrypted is kept with its attributes. */
  sees(stanza: BinaryNode): void
  /** What a crash kept from becoming messages, and other things that were decrypted, as Baileys would have told of them. */
  orphans(me: { id: string; lid: string }): Promise<WAMessage[]>
  /** The repository that Baileys decrypts with, with the journal before and behind it. */
  wrap(make: MakeRepository): MakeRepository
  /** The connection is open: what is beyond every redelivery is dropped, now and then again and again. */
  opened(): void
  /** WhatsApp has delivered all that it kept for this login. */
  caughtUp(): void
  /** Nothing is written from here on. */
  close(): void
}

/**
 * How long an entry stays while the connection is up. Its receipt left within seconds, and keep-alives since then have
 * shown that the connection carried it; an hour is beyond every doubt.
 */
const JOURNAL_AGE_MS = 60 * 60_000
const PRUNE_EVERY_MS = JOURNAL_AGE_MS / 4

/**
 * What is older than a connection is safe once that has got all that WhatsApp kept, and has had the time to read it: a receipt
 * that could not leave makes WhatsApp deliver again at the next login, however late that is, and what came again is young.
 */
const CAUGHT_UP_MS = 5 * 60_000

/** WhatsApp keeps what could not be delivered for 30 days, and unlinks a device that was away for 14. */
const MAX_AGE_MS = 35 * 24 * 60 * 60_000

/** Plaintexts kept in memory, for a redelivery on a short interruption; older ones are read back from the database. */
const MAX_RECENT = 256

/** Loads what is known of one session. */
export async function loadDecryptJournal(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put'>
  sealer: Sealer
  clock: Clock
  sessionId: string
  fault?: Fault | undefined
}): Promise<DecryptJournal> {
  const { db, queue, sealer, clock, sessionId, fault = () => {} } = deps
  const [loadedAt, loaded] = [clock.now(), clock.elapsed()]
  /** Even where the hour is set back: what is young must not look old. */
  const time = () => loadedAt + Math.round(clock.elapsed() - loaded)
  const timers = new Set<() => void>()
  const known = new Map((await journalHashes(db, sessionId)).map(({ hash, createdAt }) => [hash, createdAt]))
  const recent = new Map<string, Uint8Array>()
  /** By the very bytes that Baileys hands to decryption. */
  const stanzas = new WeakMap<Uint8Array, BinaryNode['attrs']>()
  const contextOf = (hash: string) => `${sessionId}/journal/${hash}`
  let isClosed = false

  function keep(hash: string, ciphertext: Uint8Array, plaintext: Uint8Array) {
    const now = time()
    known.set(hash, now)
    recent.set(hash, plaintext)
    for (const oldest of recent.keys()) {
      if (recent.size <= MAX_RECENT) break
      recent.delete(oldest)
    }
    const attrs = stanzas.get(ciphertext) ?? null
    const entrySealed = sealer.seal(packEntry({ attrs, plaintext }), contextOf(hash))
    const waMessageId = attrs?.id ?? ''
    queue.put([insertJournalEntry(sessionId, { hash, waMessageId, entrySealed, createdAt: now })])
    fault('inbound.after-decrypt')
  }

  async function remembered(hash: string): Promise<Uint8Array | null> {
    const createdAt = known.get(hash)
    if (createdAt === undefined) return null
    const kept = recent.get(hash)
    const sealed = kept ? null : await journalEntry(db, sessionId, { hash, createdAt })
    const plaintext = kept ?? (sealed && unpackEntry(sealer.open(sealed, contextOf(hash))).plaintext)
    if (!plaintext) return null
    const now = time()
    // As it is by now: it may have come once more while it was read.
    const key = { hash, createdAt: known.get(hash) ?? createdAt }
    // Last again in the map, which is in order of age.
    known.delete(hash)
    known.set(hash, now)
    if (!isClosed) queue.put([touchJournalEntry(sessionId, key, now)])
    return plaintext
  }

  function journalled<A>(decrypt: (arg: A) => Promise<Uint8Array>, ciphertextOf: (arg: A) => Uint8Array) {
    return async (arg: A): Promise<Uint8Array> => {
      const ciphertext = ciphertextOf(arg)
      const hash = digest('sha256', ciphertext, 'base64')
      const before = await remembered(hash)
      if (before) return before
      const plaintext = await decrypt(arg)
      // Queued behind the ratchet step of the same decryption and in the same turn, so both are in one commit.
      if (!isClosed) keep(hash, ciphertext, plaintext)
      return plaintext
    }
  }

  /** Drops what came before `before` and not again since. What of it was no message yet has become one by `orphans`. */
  function prune(before: number) {
    let count = 0
    for (const [hash, createdAt] of known) {
      if (createdAt >= before) break
      known.delete(hash)
      recent.delete(hash)
      count += 1
    }
    if (count > 0) queue.put([pruneJournal(sessionId, before)])
  }

  function later(ms: number, run: () => void) {
    if (isClosed) return
    const undo = clock.after(ms, () => {
      timers.delete(undo)
      run()
    })
    timers.add(undo)
  }

  function pruneByAge() {
    prune(time() - JOURNAL_AGE_MS)
    later(PRUNE_EVERY_MS, pruneByAge)
  }

  return {
    sees({ attrs, content }) {
      if (!Array.isArray(content)) return
      for (const part of content)
        if (part.tag === 'enc' && part.content instanceof Uint8Array) stanzas.set(part.content, attrs)
    },
    async orphans(me) {
      const found = await journalOrphans(db, sessionId)
      return found
        .map(({ hash, entrySealed }) =>
          toWAMessage(unpackEntry(sealer.open(entrySealed, contextOf(hash))), me),
        )
        .filter(message => message !== null)
    },
    wrap: make => (auth, logger, lookUp) => {
      const repository = make(auth, logger, lookUp)
      return {
        ...repository,
        decryptMessage: journalled(
          repository.decryptMessage.bind(repository),
          ({ ciphertext }) => ciphertext,
        ),
        decryptGroupMessage: journalled(repository.decryptGroupMessage.bind(repository), ({ msg }) => msg),
      }
    },
    opened() {
      prune(loadedAt - MAX_AGE_MS)
      later(JOURNAL_AGE_MS, pruneByAge)
    },
    caughtUp: () => later(CAUGHT_UP_MS, () => prune(loadedAt)),
    close() {
      isClosed = true
      for (const undo of timers) undo()
      timers.clear()
    },
  }
}
