// Baileys' notes of who was given this account's key of a group, kept so that a dropped list stays dropped.
//
// A member who cannot read asks for the message again, and Baileys drops the list of the group, so that the next send gives the
// key to all. But a send that is under way has read the list before, and writes it back at its end: the resend then finds that
// everybody has the key, goes without it, and cannot be read either, until the member stops asking.
import type { SignalDataSet, SignalDataTypeMap, SignalKeyStore } from 'baileys'

const TYPE = 'sender-key-memory'

type Lists = Record<string, SignalDataTypeMap[typeof TYPE] | null>

/**
 * The key store, in which each reader has a list of its own, since Baileys notes in it whom a send will reach before the send
 * succeeds. A list is written unless it was dropped since it was read; then all are given the key once more, and nobody too few.
 */
export function withSenderKeyMemory(keys: SignalKeyStore): SignalKeyStore {
  /** By group, how often its list was dropped. */
  const drops = new Map<string, number>()
  const dropsOf = (group: string) => drops.get(group) ?? 0
  /** At which of them a list was read. */
  const readAt = new WeakMap<object, number>()

  function written(lists: Lists): Lists {
    const kept: Lists = {}
    for (const [group, list] of Object.entries(lists)) {
      if (list === null) drops.set(group, dropsOf(group) + 1)
      else if (readAt.get(list) !== dropsOf(group)) continue
      kept[group] = list
    }
    return kept
  }

  return {
    ...keys,
    async get(type, ids) {
      const found = await keys.get(type, ids)
      if (type !== TYPE) return found
      const lists = found as Lists
      const read = ids.map(group => {
        // An empty one too: else nobody knows when it was read.
        const list = { ...lists[group] }
        readAt.set(list, dropsOf(group))
        return [group, list]
      })
      return Object.fromEntries(read) as typeof found
    },
    set(data: SignalDataSet) {
      const lists = data[TYPE]
      return keys.set(lists ? { ...data, [TYPE]: written(lists) } : data)
    },
  }
}
