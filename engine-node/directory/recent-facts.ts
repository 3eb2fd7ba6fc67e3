// Remembers what was last said of people and chats, so that what every message says again costs no write. Only a cache: what
// it has forgotten is written once more, and changes nothing.
import type { ChatFact } from '../../src/db/directory/chats.ts'
import type { PersonFact } from '../../src/db/directory/people.ts'

/** Entries over all sessions: some megabytes. Beyond it the oldest goes. */
const MAX_ENTRIES = 20_000

export interface RecentFacts {
  /** True unless the same was the last that was said of each of the person's ids. */
  isNewPerson(sessionId: string, fact: PersonFact): boolean
  isNewChat(sessionId: string, fact: ChatFact): boolean
  forgetChat(sessionId: string, chatId: string): void
  clear(): void
}

export function createRecentFacts(max = MAX_ENTRIES): RecentFacts {
  const last = new Map<string, string>()

  function isNew(key: string, value: string): boolean {
    if (last.get(key) === value) return false
    last.delete(key)
    last.set(key, value)
    for (const oldest of last.keys()) {
      if (last.size <= max) break
      last.delete(oldest)
    }
    return true
  }

  return {
    isNewPerson(sessionId, { phoneId, lidId, ...names }) {
      const ids = [phoneId, lidId].filter(id => id !== null)
      const news = ids.flatMap(id =>
        Object.entries(names)
          .filter(([, value]) => value !== undefined)
          .map(([key, value]) => isNew(`${sessionId} ${id} ${key}`, JSON.stringify(value))),
      )
      if (phoneId !== null && lidId !== null)
        // Both ways, since either id may have been said to belong to somebody else in between.
        news.push(isNew(`${sessionId} ${phoneId} lid`, lidId), isNew(`${sessionId} ${lidId} phone`, phoneId))
      else news.push(...ids.map(id => isNew(`${sessionId} ${id}`, '')))
      return news.includes(true)
    },
    isNewChat: (sessionId, fact) => isNew(`${sessionId} chat ${fact.chatId}`, JSON.stringify(fact)),
    forgetChat: (sessionId, chatId) => void last.delete(`${sessionId} chat ${chatId}`),
    clear: () => last.clear(),
  }
}
