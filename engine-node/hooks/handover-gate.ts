// Which plugins hear of messages in a chat that a person has taken over: only those that keep it. Answered from memory, as
// it is asked for every plugin and message; the mappings are the truth, and are read at start.
import type { HandoverState } from '../../src/contract/conversation.ts'
import type { Db } from '../../src/db/db.ts'
import { handedOver, type MappingKey } from '../../src/db/mappings.ts'

export interface HandoverGate {
  /** Reads the mappings; until then every plugin hears of everything. */
  load(): Promise<void>
  /** A mapping is now in this state. To be called once that is durable. `ids`: of the person whose chat it is. */
  set(key: MappingKey, state: HandoverState, ids?: PersonIds): void
  /** These are the two ids of one person: what is kept under either is kept under both. */
  paired(sessionId: string, ids: PersonIds): void
  /** False where the chat is in `human` or `closed` for other plugins than this one. */
  mayHear(pluginId: string, sessionId: string, chatId: string): boolean
}

interface PersonIds {
  phoneId: string | null
  lidId: string | null
}

/** A chat that is kept: all its names, and its keepers as `plugin/instance`. */
interface Kept {
  chats: Set<string>
  keepers: Set<string>
}

const isLid = (chat: string) => chat.endsWith('@lid')

/** `isInstalled`: the mappings of a plugin end with it, and so must its hold on chats. */
export function createHandoverGate(deps: { db: Db; isInstalled(pluginId: string): boolean }): HandoverGate {
  /** By each name of the chat. */
  const kept = new Map<string, Kept>()
  const chatKey = (sessionId: string, chatId: string) => `${sessionId}/${chatId}`

  function set(
    { pluginId, instanceId, sessionId, chatId }: MappingKey,
    state: HandoverState,
    ids?: PersonIds,
  ) {
    const key = chatKey(sessionId, chatId)
    const chat = kept.get(key) ?? { chats: new Set([key]), keepers: new Set() }
    const keeper = `${pluginId}/${instanceId}`
    if (state === 'bot') chat.keepers.delete(keeper)
    else chat.keepers.add(keeper)
    for (const name of chat.chats) {
      if (chat.keepers.size === 0) kept.delete(name)
      else kept.set(name, chat)
    }
    if (ids) paired(sessionId, ids)
  }

  function paired(sessionId: string, { phoneId, lidId }: PersonIds) {
    if (phoneId === null || lidId === null) return
    const [phone, lid] = [chatKey(sessionId, phoneId), chatKey(sessionId, lidId)]
    const byLid = kept.get(lid)
    let byPhone = kept.get(phone)
    if (byPhone && byPhone !== byLid && [...byPhone.chats].some(isLid)) {
      // The number was somebody else's until now, and the chat stays with the person.
      byPhone.chats.delete(phone)
      kept.delete(phone)
      byPhone = undefined
    }
    const found = [byLid, byPhone].filter(each => each !== undefined)
    if (found.length === 0) return
    for (const { chats } of found) for (const name of chats) kept.delete(name)
    const keepers = new Set(found.flatMap(each => [...each.keepers]))
    const chat = { chats: new Set([phone, lid]), keepers }
    for (const name of chat.chats) kept.set(name, chat)
  }

  return {
    set,
    paired,
    async load() {
      for (const { handoverState, phoneId, lidId, ...key } of await handedOver(deps.db))
        set(key, handoverState, { phoneId, lidId })
    },
    mayHear(pluginId, sessionId, chatId) {
      const chat = kept.get(chatKey(sessionId, chatId))
      if (chat === undefined) return true
      // A plugin's id has no slash.
      const plugins = [...chat.keepers]
        .map(keeper => keeper.slice(0, keeper.indexOf('/')))
        .filter(deps.isInstalled)
      return plugins.length === 0 || plugins.includes(pluginId)
    },
  }
}
