// What the sessions need of whoever stores, answers and sends messages (engine-node/pipeline).
import type { SessionId } from '../../src/contract/ids.ts'
import type { ReceivedMessage, UndecryptedMessage } from './incoming.ts'
import type { ReceivedChange } from './incoming-change.ts'
import type { Link } from './link.ts'
import type { StatusUpdate } from './receipts.ts'

/** Where a session's messages go. Called in the turn in which they came; whatever they lead to is queued before it returns. */
export interface Inbound {
  receive(sessionId: SessionId, messages: readonly ReceivedMessage[]): void
  /** Messages that cannot be read yet. */
  miss(sessionId: SessionId, messages: readonly UndecryptedMessage[]): void
  /** What was done to messages. */
  change(sessionId: SessionId, changes: readonly ReceivedChange[]): void
}

/** Where what WhatsApp says of own messages goes, and the connection to send them by. */
export interface Outbound {
  settle(sessionId: SessionId, updates: readonly StatusUpdate[]): void
  /** The session is ready: what was accepted and not acknowledged goes out, then what is accepted from now on. */
  connected(sessionId: SessionId, link: Link): void
  /** No more by this link. What WhatsApp has not acknowledged waits for the next one. */
  disconnected(sessionId: SessionId): void
  /** There will be no other link until a person sees to it: what waits has failed, with this for its reason. */
  ended(sessionId: SessionId, reason: string): void
}
