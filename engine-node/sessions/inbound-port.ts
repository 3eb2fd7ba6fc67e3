// What the sessions need of whoever stores and answers messages (engine-node/pipeline).
import type { SessionId } from '../../src/contract/ids.ts'
import type { ReceivedMessage } from './incoming.ts'
import type { StatusUpdate } from './receipts.ts'

/** Where a session's messages go. Called in the turn in which they came; whatever they lead to is queued before it returns. */
export interface Inbound {
  receive(sessionId: SessionId, messages: readonly ReceivedMessage[]): void
  settle(sessionId: SessionId, updates: readonly StatusUpdate[]): void
}
