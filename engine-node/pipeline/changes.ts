// What others do to messages: each change is recorded once, with its event, in the turn in which it came, and carried out on the
// row of its message.
import type { EventData } from '../../src/contract/events.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import { applyChange, insertChange, type NewChange } from '../../src/db/message-changes.ts'
import { findByWaId } from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { ReceivedChange } from '../sessions/incoming-change.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { MessageNews, Record } from './message-news.ts'
import type { PollTally } from './poll-tally.ts'

/** The facts of a change that its event tells, be it another's or our own. */
export type ChangeFacts = Pick<
  ReceivedChange,
  | 'waMessageId'
  | 'chatId'
  | 'senderId'
  | 'from'
  | 'to'
  | 'author'
  | 'isGroup'
  | 'fromMe'
  | 'targetId'
  | 'at'
  | 'change'
>

export interface Changes {
  change(sessionId: SessionId, changes: readonly ReceivedChange[]): void
  /** Tells plugins what the row of a changed message now says. */
  tellChanged(of: { sessionId: string; chatIds: readonly string[]; targetId: string }): Promise<void>
}

const CAPTIONED = new Set(['image', 'video', 'document'])

/** The statements of the event of a change, to follow the one that records it; none for what has no event. */
export function eventOf(
  record: Record,
  sessionId: string,
  facts: ChangeFacts,
  onlyIf: 'changed' | 'always',
): Statement[] {
  const { waMessageId, chatId, from, to, author, isGroup, fromMe, targetId, at, change } = facts
  const senderId = fromMe ? from : facts.senderId
  const when = { occurredAt: at, onlyIf }
  const timestamp = Math.floor(at / 1000)
  switch (change.kind) {
    case 'reaction': {
      const data = { messageId: targetId, chatId, reaction: change.emoji, senderId, timestamp }
      return record('message.reaction', sessionId, data, when)
    }
    case 'revoke': {
      const data: EventData<'message.revoked'> = {
        id: waMessageId,
        revokedId: targetId,
        chatId,
        from,
        to,
        type: 'revoked',
        body: '',
        timestamp,
      }
      return record('message.revoked', sessionId, data, when)
    }
    case 'edit': {
      const { body, type, mentionedIds } = change
      const data = {
        messageId: targetId,
        chatId,
        body,
        senderId,
        from,
        to,
        fromMe,
        isGroup,
        type,
        hasMedia: CAPTIONED.has(type),
        ...(author !== null && { author }),
        ...(mentionedIds.length > 0 && { mentionedIds }),
        timestamp,
      }
      return record('message.edited', sessionId, data, when)
    }
    case 'vote':
    case 'pin':
      return []
  }
}

/** What a change says, as its row has it. */
export function changeValue({ change, fromMe, from }: Pick<ChangeFacts, 'change' | 'fromMe' | 'from'>) {
  const { kind: _, ...value } = change
  return fromMe ? { ...value, me: from } : value
}

export function createChanges(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put'>
  clock: Clock
  log: Logger
  record: Record
  news: Pick<MessageNews, 'tellPersisted'>
  tally: Pick<PollTally, 'count'>
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
}): Changes {
  const { db, queue, clock, log, record, news, tally, nextRowId } = deps

  async function tellChanged({ sessionId, chatIds, targetId }: Parameters<Changes['tellChanged']>[0]) {
    for (const chatId of chatIds) {
      const row = await findByWaId(db, { sessionId, chatId, waMessageId: targetId })
      if (row) return news.tellPersisted(row)
    }
  }

  return {
    tellChanged,
    change(sessionId, changes) {
      for (const received of changes) {
        const { waMessageId, chatId, chatIds, senderId, sender, targetId, at, change } = received
        const row: NewChange = {
          id: nextRowId(),
          sessionId,
          waMessageId,
          chatId,
          chatIds,
          senderId,
          phoneId: sender.phoneId,
          lidId: sender.lidId,
          targetId,
          kind: change.kind,
          value: changeValue(received),
          at,
          createdAt: clock.now(),
        }
        const event = eventOf(record, sessionId, received, 'changed')
        queue.put([insertChange(row), ...event, ...applyChange(row)], counts => {
          if (counts[0] !== 1) return
          const of = { sessionId, chatIds, targetId }
          if (change.kind === 'vote') tally.count(of)
          else
            tellChanged(of).catch(err => log.error({ err }, 'plugins could not be told of a changed message'))
        })
      }
    },
  }
}
