// What others do to messages: each change is recorded once, with its event, in the turn in which it came, and carried out on the
// row of its message.
import type { EventData } from '../../src/contract/events.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import {
  applyChange,
  applyEarlier,
  changedBefore,
  insertChange,
  type NewChange,
} from '../../src/db/message-changes.ts'
import { findByWaId, type NewMessageRow } from '../../src/db/messages.ts'
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
  /**
   * Where a message was changed before it came: the statements that carry that out, to be committed behind its row, and what to
   * do once they are. Null for nearly all messages. `isReplacing`: a row that stood in its place goes, and with it what was done.
   */
  before(row: NewMessageRow, isReplacing?: boolean): { statements: Statement[]; done(): void } | null
  /** Takes up which messages were changed before they came. To be called once, before any session runs. */
  restore(): Promise<void>
  /** Tells plugins what the row of a changed message now says. */
  tellChanged(of: { sessionId: string; chatIds: readonly string[]; targetId: string }): Promise<void>
}

/** Messages that were changed and are not here: most never come, as they are older than the link. */
const MAX_EARLY = 10_000

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
    case 'sealed-edit':
    case 'hide':
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
  news: Pick<MessageNews, 'tellPersisted' | 'tellDeleted'>
  tally: Pick<PollTally, 'count'>
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
}): Changes {
  const { db, queue, clock, log, record, news, tally, nextRowId } = deps
  /**
   * Names of messages that were changed, and of which it is not known that they are here: so that all others cost no statement.
   * A name is in from the moment at which its change is queued, since its message may be queued right behind.
   */
  const early = new Set<string>()
  const nameOf = (sessionId: string, waMessageId: string) => `${sessionId} ${waMessageId}`

  function expect(name: string) {
    early.add(name)
    for (const oldest of early) {
      if (early.size <= MAX_EARLY) break
      early.delete(oldest)
    }
  }

  const later = (told: Promise<void>) =>
    void told.catch(err => log.error({ err }, 'plugins could not be told of a changed message'))

  async function tellChanged(
    { sessionId, chatIds, targetId }: Parameters<Changes['tellChanged']>[0],
    isDeleted = false,
  ) {
    for (const chatId of chatIds) {
      const row = await findByWaId(db, { sessionId, chatId, waMessageId: targetId })
      if (row && isDeleted) news.tellDeleted(row)
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
        const name = nameOf(sessionId, targetId)
        expect(name)
        queue.put([insertChange(row), ...event, ...applyChange(row)], counts => {
          if (change.kind !== 'vote' && counts.at(-1) === 1) early.delete(name)
          if (counts[0] !== 1) return
          const of = { sessionId, chatIds, targetId }
          if (change.kind === 'vote') tally.count(of)
          else later(tellChanged(of, change.kind === 'hide'))
        })
      }
    },
    before({ id, sessionId, waMessageId: targetId, chatId, phoneId, lidId, type }, isReplacing = false) {
      if (!isReplacing && !early.has(nameOf(sessionId, targetId))) return null
      const chatIds = [...new Set([chatId, ...(chatId.endsWith('@g.us') ? [] : [phoneId, lidId])])].filter(
        each => each != null,
      )
      return {
        statements: applyEarlier([id]),
        done() {
          const of = { sessionId, chatIds, targetId }
          if (type === 'poll') tally.count(of)
          else later(tellChanged(of))
        },
      }
    },
    async restore() {
      for (const { sessionId, targetId } of (await changedBefore(db, MAX_EARLY)).toReversed())
        expect(nameOf(sessionId, targetId))
    },
  }
}
