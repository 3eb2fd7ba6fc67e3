// What comes from WhatsApp: a message becomes a row with its event, and once that is durable its hooks run, in the order of its
// chat. What plugins have not heard to the end is known by the row, so a restart takes it up.
import * as v from 'valibot'
import type { SessionId } from '../../src/contract/ids.ts'
import { IncomingMessage } from '../../src/contract/message.ts'
import type { Db } from '../../src/db/db.ts'
import { dropUndecrypted, insertToldMessage, markTold } from '../../src/db/message-writes.ts'
import { type NewMessageRow, undecryptedMessages, untoldMessages } from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { Logger } from '../log.ts'
import type { IncomingFiles } from '../media/incoming-files.ts'
import type { Inbound as InboundPort } from '../sessions/inbound-port.ts'
import type { ReceivedMessage, UndecryptedMessage } from '../sessions/incoming.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { Changes } from './changes.ts'
import type { EarlyReceipts } from './early-receipts.ts'
import type { MessageNews } from './message-news.ts'
import { receivedRow } from './received-row.ts'
import type { Tell } from './tell.ts'

/** What plugins are to be told of, as its row has it. */
const Untold = v.pipe(v.string(), v.parseJson(), IncomingMessage)

export interface Inbound extends InboundPort {
  /** Tells plugins what they have not heard of yet in these sessions. To be called when they run and before the sessions do. */
  restore(isOurs: (sessionId: string) => boolean): Promise<void>
}

/** Tries to store a message that the database refuses as such. */
const MAX_REFUSALS = 3

export function createInbound(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put' | 'after'>
  sealer: Sealer
  clock: Clock
  log: Logger
  news: MessageNews
  tell: Tell
  files: Pick<IncomingFiles, 'expect' | 'arrived'>
  changes: Changes
  early: EarlyReceipts
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
  fault?: Fault | undefined
}): Inbound {
  const { db, queue, sealer, clock, log, news, tell, files, nextRowId, fault } = deps
  /** Messages that wait for a content, so that all others cost no statement to look for one. */
  const undecrypted = new Set<string>()
  /** How often the database has refused a message. */
  const refusals = new Map<string, number>()
  const nameOf = (sessionId: string, waMessageId: string) => `${sessionId} ${waMessageId}`

  const rowOf = (sessionId: SessionId, received: ReceivedMessage): NewMessageRow =>
    receivedRow(received, {
      id: nextRowId(),
      sessionId,
      createdAt: clock.now(),
      untold: news.untold(received.message),
      ownStatus: 'sent',
      sealer,
    })

  const missedRow = (sessionId: SessionId, missed: UndecryptedMessage): NewMessageRow => ({
    id: nextRowId(),
    sessionId,
    waMessageId: missed.waMessageId,
    chatId: missed.chatId,
    senderId: missed.senderId,
    from: missed.from,
    to: missed.to,
    phoneId: missed.person.phoneId,
    lidId: missed.person.lidId,
    author: missed.author,
    body: null,
    type: missed.type,
    direction: missed.fromMe ? 'outgoing' : 'incoming',
    timestamp: missed.timestamp,
    metadata: { undecrypted: missed.reason },
    status: missed.fromMe ? 'sent' : 'delivered',
    undecryptedSince: clock.now(),
    createdAt: clock.now(),
  })

  /** The statements of a new row, and whether their changes say that it is new. */
  function insertion(row: NewMessageRow) {
    const before = undecrypted.has(nameOf(row.sessionId, row.waMessageId)) ? [dropUndecrypted(row)] : []
    return {
      statements: [...before, insertToldMessage(row)],
      isNew: (changes: readonly number[]) => changes[before.length] === 1,
    }
  }

  /**
   * What stands in the place of a message that the database does not take, after some tries: without it WhatsApp would deliver
   * the message again and again, and the connection would end each time. Null while another try is due.
   */
  function park(row: NewMessageRow, err: unknown) {
    const { sessionId, waMessageId, type: kind } = row
    const name = nameOf(sessionId, waMessageId)
    const tries = (refusals.get(name) ?? 0) + 1
    refusals.set(name, tries)
    if (tries < MAX_REFUSALS) return null
    refusals.delete(name)
    log.error(
      { err, sessionId, waMessageId, kind },
      'the database keeps refusing a message, and it is left without its content',
    )
    const metadata = { parked: { kind, reason: 'The database refused its content' } }
    const parked = {
      ...row,
      type: 'unknown',
      body: null,
      metadata,
      untold: null,
      mediaMimetype: null,
    } as const
    return insertion({ ...parked, error: 'content_refused' }).statements
  }

  function store(row: NewMessageRow, { message, media }: ReceivedMessage) {
    const { statements, isNew } = insertion(row)
    // A change may have been carried out on what stood in the place of this message.
    const isReplacing = undecrypted.has(nameOf(row.sessionId, row.waMessageId))
    const earlier = [deps.changes.before(row, isReplacing), deps.early.before(row)].filter(
      each => each !== null,
    )
    // Queued here and not in the lane: the receipt of this message waits for all that is queued in this turn. As a put: what
    // the database refuses, or loses, then takes the connection with it, before the receipt could leave.
    const file = media ? files.expect(row, media) : []
    const cause = [...statements, ...news.stored(row, message), ...file]
    const statementsOfAll = [...cause, ...earlier.flatMap(each => each.statements)]
    const written = (changes: readonly number[]) => {
      fault?.('inbound.after-commit')
      undecrypted.delete(nameOf(row.sessionId, row.waMessageId))
      refusals.delete(nameOf(row.sessionId, row.waMessageId))
      if (!isNew(changes)) return
      if (media) files.arrived(row.id)
      tell({ id: row.id, sessionId: row.sessionId, message, isMarked: row.untold != null, row })
      for (const each of earlier) each.done()
    }
    queue.put(statementsOfAll, written, error => park(row, error))
    fault?.('inbound.before-commit')
    // The gate lets its frames go at the end of the turn, or at the commit; this comes right behind them.
    if (fault) setImmediate(() => queue.after(() => fault('inbound.after-receipt')))
  }

  /** One message that cannot be told must not keep the gateway from its start, now and each time. */
  function forget(id: string, why: string) {
    log.error({ message: id, why }, 'a message cannot be told to plugins any more')
    queue.put([markTold([id])])
  }

  return {
    receive(sessionId, messages) {
      for (const received of messages) store(rowOf(sessionId, received), received)
    },
    miss(sessionId, messages) {
      for (const missed of messages) {
        const row = missedRow(sessionId, missed)
        const { waMessageId, reason } = missed
        undecrypted.add(nameOf(sessionId, waMessageId))
        queue.put([insertToldMessage(row)])
        log.warn({ sessionId, waMessageId, reason }, 'a message could not be decrypted')
      }
    },
    change: deps.changes.change,
    async restore(isOurs) {
      for (const { sessionId, waMessageId } of await undecryptedMessages(db))
        undecrypted.add(nameOf(sessionId, waMessageId))
      for (const { id, sessionId, untold } of await untoldMessages(db)) {
        if (!isOurs(sessionId)) continue
        const message = v.safeParse(Untold, untold)
        if (message.success) tell({ id, sessionId, message: message.output, isMarked: true })
        else forget(id, message.issues[0].message)
      }
    },
  }
}
