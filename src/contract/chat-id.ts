// What a neutral id says by itself: the kind of chat, and whose it is (REST spec 0.8).
import type { ChatKind } from './message.ts'

const kinds: Record<string, ChatKind> = {
  'c.us': 'individual',
  lid: 'individual',
  'g.us': 'group',
  newsletter: 'channel',
  broadcast: 'broadcast',
}

export const STATUS_CHAT = 'status@broadcast'

const serverOf = (id: string): string => id.slice(id.lastIndexOf('@') + 1).toLowerCase()

/** The kind of chat that a neutral id names. */
export function chatKind(id: string): ChatKind {
  return id === STATUS_CHAT ? 'status' : (kinds[serverOf(id)] ?? 'unknown')
}

export const isPhoneId = (id: string): boolean => id.endsWith('@c.us')
export const isLidId = (id: string): boolean => id.endsWith('@lid')

/** What stands before the `@`: the phone number, for a phone id. */
export const userOf = (id: string): string => id.slice(0, Math.max(0, id.lastIndexOf('@')))
