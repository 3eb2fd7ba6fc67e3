// The row of a message that the phone remembers: as old as the message is, and nothing that plugins have to hear of.
import type { NewMessageRow } from '../../src/db/messages.ts'
import { receivedRow } from '../pipeline/received-row.ts'
import type { Sealer } from '../store/sealer.ts'
import type { HistoryMessage } from './history.ts'

export const historyRow = (
  sessionId: string,
  remembered: HistoryMessage,
  { id, sealer }: { id: string; sealer: Sealer },
): NewMessageRow =>
  receivedRow(remembered, {
    id,
    sessionId,
    sealer,
    createdAt: remembered.message.timestamp * 1_000,
    untold: null,
    // Never pending: that would be sent again.
    ownStatus: remembered.status ?? 'sent',
  })
