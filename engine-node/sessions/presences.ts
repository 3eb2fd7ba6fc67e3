// Who is there and who types, as WhatsApp has shown it to one connection. Kept in memory only: it is worth nothing later.
import type { BaileysEventMap } from 'baileys'
import type { Presence } from '../../src/contract/directory.ts'
import { chatKind, toNeutral } from './jid.ts'
import { type AddressBook, bothIds, preferredId } from './people.ts'
import { secondsOf, wholeOf } from './told-numbers.ts'

export interface Presences {
  /** The chat as it is shown now; null when nothing is new. */
  hear(update: BaileysEventMap['presence.update']): Presence | null
  find(chatId: string): Presence | null
}

/** Chats and, in each, people that are remembered: a group may have a thousand members. */
const MAX_CHATS = 500
const MAX_PEOPLE = 200

export function createPresences(deps: { book: AddressBook; now: () => number }): Presences {
  const { book, now } = deps
  const known = new Map<string, Presence>()
  const idOf = (jid: string) => preferredId(bothIds(book, jid)) ?? toNeutral(jid)

  return {
    hear({ id, presences }) {
      const chatId = idOf(id)
      const before = known.get(chatId)
      const people = new Map((before?.participants ?? []).map(person => [person.id, person]))
      let groupOnlineCount = before?.groupOnlineCount
      let isNew = before === undefined
      for (const [jid, { lastKnownPresence: state, ...told }] of Object.entries(presences)) {
        const [lastSeen, online] = [secondsOf(told.lastSeen), wholeOf(told.groupOnlineCount)]
        if (online !== null) {
          isNew ||= groupOnlineCount !== online
          groupOnlineCount = online
        }
        // For a group its own count comes as if the group were somebody.
        if (chatKind(toNeutral(jid)) === 'group') continue
        const person = { id: idOf(jid), state, ...(lastSeen && { lastSeen }) }
        const last = people.get(person.id)
        isNew ||= last?.state !== person.state || last.lastSeen !== person.lastSeen
        people.delete(person.id)
        people.set(person.id, person)
      }
      if (!isNew) return null
      const presence: Presence = {
        chatId,
        participants: [...people.values()].slice(-MAX_PEOPLE),
        ...(groupOnlineCount !== undefined && { groupOnlineCount }),
        observedAt: new Date(now()).toISOString(),
      }
      known.delete(chatId)
      known.set(chatId, presence)
      for (const oldest of known.keys()) {
        if (known.size <= MAX_CHATS) break
        known.delete(oldest)
      }
      return presence
    },
    find: chatId => known.get(idOf(chatId)) ?? null,
  }
}
