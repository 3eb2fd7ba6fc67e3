// Who wrote what to whom, by message id: what a reaction, an edit or a vote refers to. Bounded.
import type { proto } from 'baileys'
import type { Account, Person } from './account.ts'
import type { GroupState } from './group-state.ts'

/** The newest are kept. */
const MEMORY = 20_000

export interface Entry {
  readonly id: string
  readonly author: Account
  /** The person or the group it was written to. */
  readonly chat: Person | GroupState
  /** By which kind of address the author and the person knew one another. */
  readonly addressing: 'pn' | 'lid'
  readonly message: proto.IMessage
}

export interface Ledger {
  enter(entry: Entry): void
  /** Throws when nobody wrote it. */
  find(id: string): Entry
}

/** Makes an empty ledger. */
export function createLedger(): Ledger {
  const entries = new Map<string, Entry>()
  return {
    enter(entry) {
      entries.set(entry.id, entry)
      if (entries.size > MEMORY) entries.delete(entries.keys().next().value ?? '')
    },
    find(id) {
      const found = entries.get(id)
      if (!found) throw new Error(`nobody wrote ${id}`)
      return found
    },
  }
}
