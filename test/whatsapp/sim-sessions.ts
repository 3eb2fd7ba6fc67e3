// The Signal sessions that a simulated device keeps with others, as libsignal loads and stores them. As on a phone, a message
// that cannot be read leaves no trace in them, and one that fits another session of the same person none in this one.
import { SessionRecord } from 'libsignal'

/** A person's sessions as libsignal writes them: the one in use, and those that messages may still come on. */
interface Sessions {
  readonly _sessions: Readonly<Record<string, { readonly indexInfo: { readonly used: number } }>>
}

/** What libsignal asks of a storage about sessions. */
export interface SessionShelf {
  loadSession(id: string): Promise<SessionRecord | undefined>
  storeSession(id: string, record: SessionRecord): Promise<void>
}

export interface SimSessions extends SessionShelf {
  hasOpen(id: string): boolean
  /**
   * One shelf per session with somebody, the last used first. libsignal by itself tries all of them on one record, where each
   * takes a ratchet step before it fails.
   */
  each(id: string): SessionShelf[]
  forget(id: string): void
}

/** Makes an empty set. */
export function createSimSessions(): SimSessions {
  const kept = new Map<string, Sessions>()
  // libsignal's types call the written form bytes; it is an object of plain values.
  const read = (sessions: Sessions) => SessionRecord.deserialize(sessions as unknown as Uint8Array)
  const write = (record: SessionRecord) => record.serialize() as unknown as Sessions

  const only = (name: string): SessionShelf => ({
    async loadSession(id) {
      const sessions = kept.get(id)
      const session = sessions?._sessions[name]
      return sessions && session && read({ ...sessions, _sessions: { [name]: session } })
    },
    async storeSession(id, record) {
      const stepped = write(record)
      kept.set(id, { ...stepped, _sessions: { ...kept.get(id)?._sessions, ...stepped._sessions } })
    },
  })

  return {
    async loadSession(id) {
      const sessions = kept.get(id)
      return sessions && read(sessions)
    },
    storeSession: async (id, record) => void kept.set(id, write(record)),
    hasOpen(id) {
      const sessions = kept.get(id)
      return sessions !== undefined && read(sessions).haveOpenSession()
    },
    each(id) {
      const sessions = kept.get(id)?._sessions ?? {}
      const usedAt = (name: string) => sessions[name]?.indexInfo.used ?? 0
      return Object.keys(sessions)
        .sort((a, b) => usedAt(b) - usedAt(a))
        .map(only)
    },
    forget: id => void kept.delete(id),
  }
}
