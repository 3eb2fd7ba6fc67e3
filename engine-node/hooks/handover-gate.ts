// Which plugins hear of messages in a chat that a person has taken over: only those that keep it. Answered from memory, as
// it is asked for every plugin and message; the mappings are the truth, and are read at start.
import type { HandoverState } from '../../src/contract/conversation.ts'
import type { Db } from '../../src/db/db.ts'
import { handedOver, type MappingKey } from '../../src/db/mappings.ts'

export interface HandoverGate {
  /** Reads the mappings; until then every plugin hears of everything. */
  load(): Promise<void>
  /** A mapping is now in this state. To be called once that is durable. */
  set(key: MappingKey, state: HandoverState): void
  /** False where the chat is in `human` or `closed` for other plugins than this one. */
  mayHear(pluginId: string, sessionId: string, chatId: string): boolean
}

/** `isInstalled`: the mappings of a plugin end with it, and so must its hold on chats. */
export function createHandoverGate(deps: { db: Db; isInstalled(pluginId: string): boolean }): HandoverGate {
  /** Of each chat that is kept: its keepers, as `plugin/instance`. */
  const keepers = new Map<string, Set<string>>()
  const chatKey = (sessionId: string, chatId: string) => `${sessionId}/${chatId}`

  function set({ pluginId, instanceId, sessionId, chatId }: MappingKey, state: HandoverState) {
    const key = chatKey(sessionId, chatId)
    const held = keepers.get(key) ?? new Set<string>()
    const keeper = `${pluginId}/${instanceId}`
    if (state === 'bot') held.delete(keeper)
    else held.add(keeper)
    if (held.size === 0) keepers.delete(key)
    else keepers.set(key, held)
  }

  return {
    set,
    async load() {
      for (const mapping of await handedOver(deps.db)) set(mapping, mapping.handoverState)
    },
    mayHear(pluginId, sessionId, chatId) {
      const held = keepers.get(chatKey(sessionId, chatId))
      if (held === undefined) return true
      // A plugin's id has no slash.
      const plugins = [...held].map(keeper => keeper.slice(0, keeper.indexOf('/'))).filter(deps.isInstalled)
      return plugins.length === 0 || plugins.includes(pluginId)
    },
  }
}
