// What goes to WhatsApp after it was accepted: the line of each connected session, what WhatsApp answers, and the news of it. A
// message is accepted once its row is durable; from then on it goes under its id, over every reconnect and restart, until
// WhatsApp has it or refuses it, or it is too old.
import { GatewayError } from '../../src/contract/errors.ts'
import type { MessageStatus } from '../../src/contract/message.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import { freeIdempotencyKey } from '../../src/db/idempotency-keys.ts'
import { failMessage, markAcked, updateMessageStatus } from '../../src/db/message-writes.ts'
import { findMessage, pendingMessages, unannouncedMessages } from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { Logger } from '../log.ts'
import type { Outbound as OutboundPort } from '../sessions/inbound-port.ts'
import type { Link } from '../sessions/link.ts'
import type { StatusUpdate } from '../sessions/receipts.ts'
import { openProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { EarlyReceipts } from './early-receipts.ts'
import { createLine, type Line, MAX_AGE_MS } from './line.ts'
import type { MessageNews, StateChange } from './message-news.ts'
import { type Outgoing, toOutgoing } from './outgoing-message.ts'
import type { Tell } from './tell.ts'

/** When the database could not be read at the start of a connection. */
const READ_AGAIN_MS = 5_000

/** Messages that are given up at a look; the next one takes more. */
const MAX_EXPIRED = 10_000

/** Acknowledged messages that are known as such without a look into the database, when their receipts come. */
const MAX_KNOWN = 10_000

export interface Outcome {
  status: MessageStatus
  error?: string
}

export interface Outbound extends OutboundPort {
  /**
   * To be called when the row is queued by `commitAhead`. Resolves when the socket has it or the connection is gone; rejects as
   * Line.add.
   */
  accept(outgoing: Outgoing): Promise<void>
  /** WhatsApp's answer to an accepted message, or its state as it is when none comes in time. */
  outcome(of: { sessionId: string; waMessageId: string; id: string }, withinMs: number): Promise<Outcome>
  /** Gives up what has become too old in sessions without a connection. */
  expire(): Promise<void>
  /** Tells of what was acknowledged in these sessions and not told before a crash. To be called before they run. */
  restore(isOurs: (sessionId: string) => boolean): Promise<void>
}

export function createOutbound(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put' | 'putLater' | 'after' | 'commit' | 'settled'>
  sealer: Sealer
  clock: Clock
  log: Logger
  news: MessageNews
  tell: Tell
  early: EarlyReceipts
  fault?: Fault | undefined
}): Outbound {
  const { db, queue, sealer, clock, log, news, tell, early, fault } = deps
  const lines = new Map<string, Line>()
  const waiters = new Map<string, Set<(outcome: Outcome) => void>>()
  const known = new Set<string>()
  const nameOf = (sessionId: string, waMessageId: string) => `${sessionId} ${waMessageId}`

  function answer({ sessionId, waMessageId, status, error }: StateChange) {
    for (const hear of waiters.get(nameOf(sessionId, waMessageId)) ?? [])
      hear({ status, ...(error !== undefined && { error }) })
  }

  function remember(name: string) {
    known.add(name)
    for (const oldest of known) {
      if (known.size <= MAX_KNOWN) break
      known.delete(oldest)
    }
  }

  /** The statements by which it is known as WhatsApp's, and what to do when they have changed something. */
  function announcement(outgoing: Outgoing) {
    const { id, sessionId, message } = outgoing
    const untold = news.untold(message)
    return {
      statements: [markAcked({ id, at: clock.now(), untold }), ...news.sent(sessionId, message)],
      done: (changes: readonly number[]) => {
        if (changes[0] === 1) tell({ id, sessionId, message, isMarked: untold !== null })
      },
    }
  }

  async function failed(outgoing: Outgoing, code: string, ...more: Statement[]): Promise<void> {
    const { id, sessionId, waMessageId, chatId, type, input } = outgoing
    const change: StateChange = { sessionId, waMessageId, chatId, status: 'failed', error: code }
    const [status, reason] = failMessage({ id, error: code })
    const changes = await queue.commit([
      status,
      ...news.acked(change),
      reason,
      ...news.failed(change),
      ...more,
    ])
    answer(change)
    if (changes[0] !== 1) return
    news.tellAcked(change)
    news.tellFailed(sessionId, { type, input, error: code })
  }

  /** Of one that is proven not sent, whoever tries again with the same key means another message. */
  const impossible = (outgoing: Outgoing, { code, certain }: GatewayError) =>
    failed(outgoing, code, ...(certain ? [freeIdempotencyKey(outgoing.id)] : []))

  const onError = (sessionId: string) => (err: unknown) =>
    log.error({ err, sessionId }, 'the state of a message could not be stored')

  function refuse(sessionId: string, { waMessageId, error = 'unknown' }: StatusUpdate) {
    const line = lines.get(sessionId)
    const outgoing = line?.find(waMessageId)
    if (!line || !outgoing || line.refused(waMessageId, error)) return
    // A failure of the database is told to everybody by the queue; the row then goes out once more and is refused again.
    failed(outgoing, error).catch(onError(sessionId))
  }

  function acknowledge(sessionId: string, { waMessageId, chat: chatId, status }: StatusUpdate) {
    const line = lines.get(sessionId)
    const outgoing = line?.find(waMessageId)
    const name = nameOf(sessionId, waMessageId)
    const of = { sessionId, waMessageId }
    if (status === 'sent') fault?.('outbound.after-ack')
    if (!outgoing && (!known.has(name) || early.has(of))) early.came(of, status)
    line?.acknowledged(waMessageId)
    const announced = outgoing && announcement(outgoing)
    const statements = announced?.statements ?? []
    const change: StateChange = { sessionId, waMessageId, chatId: outgoing?.chatId ?? chatId, status }
    // Who waits for the server's word has it now: it is durable there, and the row follows. Who comes in between hears it below.
    answer(change)
    queue.putLater(
      [...statements, updateMessageStatus({ sessionId, waMessageId, status }), ...news.acked(change)],
      changes => {
        announced?.done(changes)
        answer(change)
        if (changes[statements.length] === 1) {
          early.forget(of)
          news.tellAcked(change)
        }
        if (!outgoing && !known.has(name))
          void unannouncedMessages(db, { sessionId, waMessageId }).then(announce, onError(sessionId))
        remember(name)
      },
    )
  }

  function announce(rows: Parameters<typeof toOutgoing>[0][]) {
    for (const row of rows) {
      const { statements, done } = announcement(toOutgoing(row))
      queue.put(statements, done)
    }
  }

  async function protoOf({ id, waMessageId }: Outgoing): Promise<Uint8Array> {
    const row = await findMessage(db, id)
    const bytes = row && openProto(sealer, row)
    if (!bytes) throw new GatewayError('not_found', `Message ${waMessageId} is not there any more`)
    return bytes
  }

  async function load(sessionId: string, line: Line): Promise<void> {
    await queue.settled()
    const left = (await pendingMessages(db, { sessionId })).map(toOutgoing)
    if (lines.get(sessionId) !== line) return
    const oldest = clock.now() - MAX_AGE_MS
    for (const outgoing of left) if (outgoing.createdAt < oldest) await failed(outgoing, 'expired')
    line.open(left.filter(({ createdAt }) => createdAt >= oldest))
  }

  async function failAll(sessionId: string, reason: string): Promise<void> {
    await queue.settled()
    for (const row of await pendingMessages(db, { sessionId })) await failed(toOutgoing(row), reason)
  }

  function loadUntilDone(sessionId: string, line: Line) {
    load(sessionId, line).catch(err => {
      if (lines.get(sessionId) !== line) return
      log.error({ err, sessionId }, 'messages that wait to be sent could not be read')
      clock.after(READ_AGAIN_MS, () => lines.get(sessionId) === line && loadUntilDone(sessionId, line))
    })
  }

  function disconnected(sessionId: string) {
    lines.get(sessionId)?.close()
    lines.delete(sessionId)
  }

  return {
    connected(sessionId, link: Link) {
      disconnected(sessionId)
      const line = createLine({
        link,
        clock,
        protoOf,
        failed: impossible,
        expired: outgoing => failed(outgoing, 'expired').catch(onError(sessionId)),
        onWritten() {
          // The gate lets its frames go at the end of the turn, or at the commit; this comes right behind them.
          if (fault) setImmediate(() => queue.after(() => fault('outbound.after-write')))
        },
      })
      lines.set(sessionId, line)
      loadUntilDone(sessionId, line)
    },
    disconnected,
    ended(sessionId, reason) {
      // What could not be recorded waits for the next connection, or for its age.
      failAll(sessionId, reason).catch(onError(sessionId))
    },
    settle(sessionId, updates) {
      for (const update of updates) {
        if (update.status === 'failed') refuse(sessionId, update)
        else acknowledge(sessionId, update)
      }
    },
    accept: async outgoing => await lines.get(outgoing.sessionId)?.add(outgoing),
    async outcome({ sessionId, waMessageId, id }, withinMs) {
      const name = nameOf(sessionId, waMessageId)
      const heard = Promise.withResolvers<Outcome | null>()
      const hearing = waiters.get(name) ?? new Set()
      waiters.set(name, hearing.add(heard.resolve))
      const undo = clock.after(withinMs, () => heard.resolve(null))
      try {
        // While the line has it, it waits for its answer; else that may have come before anybody listened.
        if (!lines.get(sessionId)?.find(waMessageId)) {
          const before = await stateOf(id)
          if (before.status !== 'pending') return before
        }
        return (await heard.promise) ?? (await stateOf(id))
      } finally {
        undo()
        hearing.delete(heard.resolve)
        if (hearing.size === 0) waiters.delete(name)
      }
    },
    async expire() {
      for (const row of await pendingMessages(db, { before: clock.now() - MAX_AGE_MS, limit: MAX_EXPIRED }))
        if (!lines.has(row.sessionId)) await failed(toOutgoing(row), 'expired')
    },
    async restore(isOurs) {
      announce((await unannouncedMessages(db)).filter(({ sessionId }) => isOurs(sessionId)))
    },
  }

  async function stateOf(id: string): Promise<Outcome> {
    const row = await findMessage(db, id)
    if (!row) throw new GatewayError('not_found', 'The message is not there any more')
    return { status: row.status, ...(row.error !== null && { error: row.error }) }
  }
}
