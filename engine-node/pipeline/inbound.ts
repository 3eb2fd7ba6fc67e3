// What comes from WhatsApp: a message becomes a row with its event, and once that is durable its hooks run, in the order of its
// chat. What plugins have not heard to the end is known by the row, so a restart takes it up.
import * as v from 'valibot'
import type { SessionId } from '../../src/contract/ids.ts'
import { IncomingMessage } from '../../src/contract/message.ts'
import type { Db } from '../../src/db/db.ts'
import { dropTwin, dropUndecrypted, insertMessage } from '../../src/db/message-writes.ts'
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
import type { MessageNews } from './message-news.ts'
import { receivedRow } from './received-row.ts'
import type { Tell } from './tell.ts'

export interface Inbound extends InboundPort {
  /** Tells plugins what they have not heard of yet. To be called once, when they run and before any session does. */
  restore(): Promise<void>
}

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
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
  fault?: Fault | undefined
}): Inbound {
  const { db, queue, sealer, clock, log, news, tell, files, nextRowId, fault } = deps
  /** Messages that wait for a content, so that all others cost no statement to look for one. */
  const undecrypted = new Set<string>()
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
    const after = row.phoneId != null && row.lidId != null ? [dropTwin(row)] : []
    return {
      statements: [...before, insertMessage(row), ...after],
      isNew: (changes: readonly number[]) =>
        changes[before.length] === 1 && (after.length === 0 || changes[before.length + 1] !== 1),
    }
  }

  function store(row: NewMessageRow, { message, media }: ReceivedMessage) {
    const { statements, isNew } = insertion(row)
    // Queued here and not in the lane: the receipt of this message waits for all that is queued in this turn. As a put: what
    // the database refuses, or loses, then takes the connection with it, before the receipt could leave.
    const file = media ? files.expect(row, media) : []
    queue.put([...statements, ...news.stored(row, message), ...file], changes => {
      fault?.('inbound.after-commit')
      undecrypted.delete(nameOf(row.sessionId, row.waMessageId))
      if (!isNew(changes)) return
      if (media) files.arrived(row.id)
      tell({ id: row.id, sessionId: row.sessionId, message, isMarked: row.untold != null, row })
    })
    fault?.('inbound.before-commit')
    // The gate lets its frames go at the end of the turn, or at the commit; this comes right behind them.
    if (fault) setImmediate(() => queue.after(() => fault('inbound.after-receipt')))
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
        queue.put([insertMessage(row), dropTwin(row)])
        log.warn({ sessionId, waMessageId, reason }, 'a message could not be decrypted')
      }
    },
    change: deps.changes.change,
    async restore() {
      for (const { sessionId, waMessageId } of await undecryptedMessages(db))
        undecrypted.add(nameOf(sessionId, waMessageId))
      for (const { id, sessionId, untold } of await untoldMessages(db))
        tell({
          id,
          sessionId,
          message: v.parse(IncomingMessage, JSON.parse(untold ?? '')),
          isMarked: true,
        })
    },
  }
}
