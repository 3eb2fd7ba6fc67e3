// Remembers what was last said of people and chats, so that what every message says again costs no write. Only a cache: what
// it has forgotten is written once more, and changes nothing.
import type { ChatFact } from '../../src/db/directory/chats.ts'
import type { PersonFact } from '../../src/db/directory/people.ts'

/** People's ids and chats over all sessions: some megabytes. Beyond it the oldest goes. */
const MAX_ENTRIES = 20_000

export interface RecentFacts {
  /** True unless the same was the last that was said of each of the person's ids. */
  isNewPerson(sessionId: string, fact: PersonFact): boolean
  isNewChat(sessionId: string, fact: ChatFact): boolean
  forgetChat(sessionId: string, chatId: string): void
  clear(): void
}

/** What was last said of an id, by what it is about. */
type Said = Record<string, unknown>

export function createRecentFacts(max = MAX_ENTRIES): RecentFacts {
  const last = new Map<string, Said>()

  /** Whether any of it is another than before; what it leaves undefined stays. */
  function isNew(name: string, facts: Said): boolean {
    const said = last.get(name)
    let isChanged = said === undefined
    const now: Said = said ?? {}
    for (const key in facts) {
      const value = facts[key]
      if (value === undefined || now[key] === value) continue
      now[key] = value
      isChanged = true
    }
    if (!isChanged) return false
    last.delete(name)
    last.set(name, now)
    for (const oldest of last.keys()) {
      if (last.size <= max) break
      last.delete(oldest)
    }
    return true
  }

  return {
    isNewPerson(sessionId, { phoneId, lidId, ...names }) {
      // Both are asked, as either id may have been said to belong to somebody else in between.
      const news = [
        phoneId !== null && isNew(`${sessionId} ${phoneId}`, { ...names, lidId: lidId ?? undefined }),
        lidId !== null && isNew(`${sessionId} ${lidId}`, { ...names, phoneId: phoneId ?? undefined }),
      ]
      return news.includes(true)
    },
    isNewChat: (sessionId, fact) => isNew(`${sessionId} chat ${fact.chatId}`, { fact: JSON.stringify(fact) }),
    forgetChat: (sessionId, chatId) => void last.delete(`${sessionId} chat ${chatId}`),
    clear: () => last.clear(),
  }
}
