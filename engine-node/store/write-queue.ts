// The one ordered queue through which every write of this process passes: what gathers while a commit runs goes out as the
// next commit. It knows statements and order; what they mean is others' business.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Changes, Statement, Writer } from '../../src/db/db.ts'
import { createDurableWaiters } from './durable-waiters.ts'
import { type Entry, refusedAmong, takeGroup } from './queued-entry.ts'
import { lastOfEachKey, made, type QueuedStatement } from './queued-statement.ts'
import { causeOf, faultOf, Unwritten } from './write-fault.ts'

export interface WriteQueue extends Writer, AsyncDisposable {
  /** How many entries are queued and not durable. */
  backlog(): number
  commit(statements: readonly QueuedStatement[]): Promise<Changes>
  /**
   * A commit that others rely on before it is durable, since what they do waits in `after`: where it is refused, nothing that
   * waits goes, as with a `put`. `written` is called before anything is let go.
   */
  commitAhead(statements: readonly QueuedStatement[], written?: () => void): Promise<Changes>
  /**
   * Queues statements in order, as one unit, without waiting. `written` hears their changes, before anything that waits in
   * `after` is let go; a failure is told to the `onFailure` listeners, and nothing that waits goes then. What the database
   * refuses as such may be refused for ever: where there is something to write `instead`, that is written in its place.
   */
  put(
    statements: readonly QueuedStatement[],
    written?: (changes: Changes) => void,
    instead?: (error: unknown) => readonly QueuedStatement[] | null,
  ): void
  /**
   * Like `put`, for what nobody waits for: it goes with the next commit, or after PATIENCE_MS by itself. A sync of the disk for it
   * alone would be one that the next message has to wait for.
   */
  putLater(statements: readonly QueuedStatement[], written?: (changes: Changes) => void): void
  /**
   * Calls `ready` once everything queued before this call is durable (at once when nothing waits), and never if it
   * cannot be written. Returns the undo.
   */
  after(ready: () => void): () => void
  /** Resolves when everything queued before is durable; rejects with the failure that dropped it. */
  settled(): Promise<void>
  /**
   * Tells of writes that will never be durable. Whoever keeps state in memory ahead of the database must drop it and
   * read again. Returns the undo.
   */
  onFailure(listener: (error: GatewayError) => void): () => void
}

/** What the queue needs of a database. `reconnect` must leave the connection with the settings it had. */
export interface WriteTarget {
  batch(statements: Statement[]): Promise<Changes>
  reconnect(): Promise<void>
}

/** Refused entries that are left out of one group one after the other, each at the price of writing the rest again. */
const MAX_REFUSALS = 32

/** How often a busy database is tried again, and how long between: about ten seconds in all, then callers hear 503. */
const BUSY_RETRIES = 40
const BUSY_DELAY_MS = 250

/** How long what nobody waits for stays in memory alone: about what a client takes to send its next message. */
export const PATIENCE_MS = 5

export function createWriteQueue(deps: {
  target: WriteTarget
  /** Resolves after so many milliseconds. */
  delay: (ms: number) => Promise<unknown>
}): WriteQueue {
  const { target, delay } = deps
  const listeners = new Set<(error: GatewayError) => void>()
  const waiters = createDurableWaiters()
  let entries: Entry[] = []
  let queued = 0
  let durable = 0
  /** The last entry that somebody waits for. */
  let wanted = 0
  let isPatient = false
  let pumping = false
  let pumped: Promise<void> = Promise.resolve()
  let closing = false
  let turn = 0
  let isTurnOpen = false

  function enqueue(entry: Omit<Entry, 'sequence' | 'turn'>, mayWait = false) {
    queued += 1
    entries.push({ ...entry, sequence: queued, turn })
    if (!isTurnOpen) {
      isTurnOpen = true
      setImmediate(() => {
        isTurnOpen = false
        turn += 1
      })
    }
    if (mayWait) waitABit()
    else hurry()
  }

  /** Begins to write all that is queued by now. */
  function hurry() {
    wanted = queued
    if (pumping || entries.length === 0) return
    pumping = true
    pumped = pump()
  }

  function waitABit() {
    if (isPatient || pumping) return
    isPatient = true
    void delay(PATIENCE_MS).then(() => {
      isPatient = false
      hurry()
    })
  }

  async function pump() {
    while (entries[0] && entries[0].sequence <= wanted) {
      // One turn of the loop lets the rest of a burst join, at the price of no wall-clock wait when idle.
      await nextTurn()
      await writeGroup(takeGroup(entries))
    }
    pumping = false
    if (entries.length > 0) waitABit()
  }

  /**
   * A refused statement must not take the commits of others with it: its entry is left out, or replaced, and the rest goes as
   * the one transaction that it is. A ratchet step never loses what was queued in its turn that way.
   */
  async function writeGroup(group: readonly Entry[]) {
    let rest = [...group]
    for (let refusals = 0; rest.length > 0; refusals += 1) {
      try {
        settle(rest, await write(rest.flatMap(entry => entry.statements)))
        break
      } catch (thrown) {
        const cause = causeOf(thrown)
        if (faultOf(cause) !== 'statement') return failAll(rest, cause)
        const position = refusals < MAX_REFUSALS ? refusedAmong(rest, thrown) : -1
        if (position === -1) return await writeOneByOne(rest)
        rest = rest.flatMap((entry, at) => (at === position ? refuse(entry, cause) : [entry]))
      }
    }
    // Where the last of them was refused.
    durable = Math.max(durable, group.at(-1)?.sequence ?? 0)
    waiters.release(durable)
  }

  /** What goes in the place of an entry that the database refuses: something else, or nothing. */
  function refuse(entry: Entry, error: unknown): Entry[] {
    const { sequence, turn } = entry
    const other = entry.instead?.(error) ?? null
    if (other !== null) return [{ sequence, turn, statements: other, isRelied: true }]
    entry.reject?.(error)
    if (entry.isRelied) announce(unwritable(error), durable)
    return []
  }

  /** Commits as one transaction; resolves with the changes of each statement given, in order. */
  async function write(statements: readonly QueuedStatement[]): Promise<Changes> {
    const kept = lastOfEachKey(statements)
    const changes: Changes = statements.map(() => 0)
    if (kept.length === 0) return changes
    const batch = kept.map(index => made(statements[index] as QueuedStatement))
    try {
      const written = await tryWhileBusy(batch)
      for (let at = 0; at < kept.length; at += 1) changes[kept[at] as number] = written[at] ?? 0
      return changes
    } catch (error) {
      throw new Unwritten(error, kept)
    }
  }

  async function tryWhileBusy(batch: Statement[]): Promise<Changes> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await target.batch(batch)
      } catch (error) {
        if (faultOf(error) !== 'busy' || attempt >= BUSY_RETRIES) throw error
        await delay(BUSY_DELAY_MS)
        await target.reconnect()
      }
    }
  }

  function settle(group: readonly Entry[], changes: Changes) {
    let offset = 0
    for (const entry of group) {
      entry.resolve?.(changes.slice(offset, offset + entry.statements.length))
      offset += entry.statements.length
      durable = entry.sequence
    }
    waiters.release(durable)
  }

  /** For what the database refuses without saying which statement it is, as it may at the commit itself. */
  async function writeOneByOne(group: readonly Entry[]) {
    const left = [...group]
    for (let entry = left.shift(); entry; entry = left.shift()) {
      try {
        settle([entry], await write(entry.statements))
      } catch (thrown) {
        const cause = causeOf(thrown)
        if (faultOf(cause) !== 'statement') return failAll([entry, ...left], cause)
        const others = refuse(entry, cause)
        left.unshift(...others)
        if (others.length > 0) continue
        durable = entry.sequence
        waiters.release(durable)
      }
    }
  }

  function failAll(group: readonly Entry[], cause: unknown) {
    const error = unwritable(cause)
    const lost = [...group, ...entries]
    entries = []
    announce(error, queued)
    for (const entry of lost) entry.reject?.(error)
  }

  /** `sequence` is the last entry that is settled now, be it by its loss. */
  function announce(error: GatewayError, sequence: number) {
    durable = sequence
    waiters.drop(error)
    for (const listener of [...listeners]) listener(error)
  }

  const unwritable = (cause: unknown) =>
    new GatewayError(
      'storage_unavailable',
      'The database does not take writes. Check the disk space and the permissions of the data folder, or the database server',
      { cause },
    )

  /** A caller that waits gets its own refusal; a put has no caller. */
  function commit(statements: readonly QueuedStatement[], isRelied: boolean, written = () => {}) {
    if (closing) return Promise.reject(unwritable(new Error('the write queue is closed')))
    return new Promise<Changes>((done, reject) => {
      const resolve = (changes: Changes) => {
        written()
        done(changes)
      }
      enqueue({ statements, resolve, reject, isRelied })
    })
  }

  return {
    backlog: () => queued - durable,
    commit: statements => commit(statements, false),
    commitAhead: (statements, written) => commit(statements, true, written),
    put(statements, written, instead) {
      if (closing) announce(unwritable(new Error('the write queue is closed')), durable)
      else if (statements.length > 0)
        enqueue({ statements, instead, isRelied: true, ...(written && { resolve: written }) })
    },
    putLater(statements, written) {
      if (closing) announce(unwritable(new Error('the write queue is closed')), durable)
      else if (statements.length > 0)
        enqueue({ statements, isRelied: true, ...(written && { resolve: written }) }, true)
    },
    after(ready) {
      if (queued === durable) {
        ready()
        return () => {}
      }
      hurry()
      return waiters.add(queued, ready)
    },
    settled() {
      if (queued === durable) return Promise.resolve()
      hurry()
      return new Promise((ready, fail) => waiters.add(queued, ready, fail))
    },
    onFailure(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async [Symbol.asyncDispose]() {
      closing = true
      hurry()
      await pumped
    },
  }
}
