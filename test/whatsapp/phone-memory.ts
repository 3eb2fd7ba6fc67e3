// The chats a phone remembers, in the words of a test.
import type { Person } from './account.ts'
import type { Content } from './drafts.ts'

/** How many messages a phone puts in one chunk unless told. */
const CHUNK = 1_000

export interface HistoryMessage {
  readonly id?: string
  readonly content: Content
  /** Who wrote it. */
  readonly from: Person
  /** In seconds. */
  readonly at: number
}

export interface HistoryChat {
  readonly with: Person | { readonly jid: string; readonly subject?: string }
  /** By which address the phone knows a person; `pn` unless told. */
  readonly addressing?: 'pn' | 'lid'
  readonly name?: string
  readonly unread?: number
  readonly archived?: boolean
  /** Oldest first. */
  readonly messages: readonly HistoryMessage[]
}

export interface PhoneMemory {
  chats: readonly HistoryChat[]
  /** What it knows but does not tell by itself: only a device that asks gets it. */
  older: readonly HistoryChat[]
  /** `inline` lies in the message, `file` on the media host, as phones do with all that is large. */
  via: 'inline' | 'file'
  chunk: number
}

/** The memory of a phone without any chats. */
export function createPhoneMemory(): PhoneMemory {
  return { chats: [], older: [], via: 'inline', chunk: CHUNK }
}
