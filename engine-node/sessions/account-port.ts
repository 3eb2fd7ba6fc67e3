// What a connection needs of whoever keeps people, chats and groups, and records what happened to them.
import type { EventData, EventName } from '../../src/contract/events.ts'
import type { KnownGroup } from '../directory/directory.ts'
import type { AccountFact } from '../directory/facts.ts'

/** An event with its data. */
export type AccountNews = { [N in EventName]: { event: N; data: EventData<N> } }[EventName]

export interface AccountPort {
  /** Called in the turn in which WhatsApp said it; whatever it leads to is queued before it returns. */
  hear(sessionId: string, facts: readonly AccountFact[]): void
  /** Puts an event into the log. Plugins are not called. */
  tell(sessionId: string, news: AccountNews): void
  /** A group with all its members; null where not all is known. */
  group(sessionId: string, groupId: string): Promise<KnownGroup | null>
}
