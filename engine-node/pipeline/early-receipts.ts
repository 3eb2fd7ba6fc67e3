// Receipts of own messages that are not here: of one that was typed on the phone a receipt may come before the message does.
// Remembered for as long as this process lives; WhatsApp promises no receipt, so a crash leaves what a clean run could have.
import type { MessageStatus } from '../../src/contract/message.ts'
import type { Statement } from '../../src/db/db.ts'
import { updateMessageStatus } from '../../src/db/message-writes.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import type { MessageNews } from './message-news.ts'

/** Messages with a receipt that are not here; most never come, as they are older than the link. */
const MAX_EARLY = 10_000

type Of = Pick<NewMessageRow, 'sessionId' | 'waMessageId'>

export interface EarlyReceipts {
  has(of: Of): boolean
  /** To be called when the receipt is queued: its message may be queued right behind. */
  came(of: Of, status: MessageStatus): void
  /** Its message was here after all. */
  forget(of: Of): void
  /** What came of a message before it: statements to be committed behind its row, the first of which changes it, and the news. */
  before(row: NewMessageRow): { statements: Statement[]; done(): void } | null
}

const order: readonly MessageStatus[] = ['pending', 'failed', 'sent', 'delivered', 'read', 'played']

export function createEarlyReceipts(deps: { news: Pick<MessageNews, 'acked' | 'tellAcked'> }): EarlyReceipts {
  const { news } = deps
  const statuses = new Map<string, MessageStatus>()
  const nameOf = ({ sessionId, waMessageId }: Of) => `${sessionId} ${waMessageId}`
  return {
    has: of => statuses.has(nameOf(of)),
    came(of, status) {
      const before = statuses.get(nameOf(of))
      if (before && order.indexOf(before) >= order.indexOf(status)) return
      statuses.set(nameOf(of), status)
      for (const oldest of statuses.keys()) {
        if (statuses.size <= MAX_EARLY) break
        statuses.delete(oldest)
      }
    },
    forget: of => void statuses.delete(nameOf(of)),
    before(row) {
      const status = row.direction === 'outgoing' ? statuses.get(nameOf(row)) : undefined
      if (status === undefined) return null
      const { sessionId, waMessageId, chatId } = row
      const change = { sessionId, waMessageId, chatId, status }
      return {
        statements: [updateMessageStatus(change), ...news.acked(change)],
        done() {
          statuses.delete(nameOf(row))
          news.tellAcked(change)
        },
      }
    },
  }
}
