// The two ways to write an address: Baileys' jids, and the neutral ids of the API (REST spec 0.8). Knows spelling only; who
// is behind an address is people.ts's business.

export { chatKind, isLidId, isPhoneId, STATUS_CHAT, userOf } from '../../src/contract/chat-id.ts'

/** Servers whose neutral name differs from WhatsApp's. Hosted devices belong to the same person as the others. */
const neutralServers: Record<string, string> = {
  's.whatsapp.net': 'c.us',
  hosted: 'c.us',
  'hosted.lid': 'lid',
}

/** Where what names a device begins in the text before the `@`: `1555…:3`, `1555…_1:3`. */
function personEnd(user: string): number {
  for (let at = 0; at < user.length; at += 1) if (user[at] === ':' || user[at] === '_') return at
  return user.length
}

/**
 * Any spelling of an address as the neutral one: what clients send (`+1555…@s.whatsapp.net`) and what Baileys gives
 * (`1555…:3@s.whatsapp.net`). A device suffix names a device and not another person, so it is dropped.
 */
export function toNeutral(id: string): string {
  // Several times for every message, so by hand and not by expressions.
  const at = id.lastIndexOf('@')
  const user = id.slice(0, at)
  const server = id.slice(at + 1).toLowerCase()
  const neutral = neutralServers[server] ?? server
  if (neutral !== 'c.us' && neutral !== 'lid') return `${user}@${neutral}`
  const person = user.slice(user.startsWith('+') ? 1 : 0, personEnd(user))
  return `${person}@${neutral}`
}

/** A neutral id as Baileys takes it. */
export function toJid(id: string): string {
  const neutral = toNeutral(id)
  return neutral.endsWith('@c.us') ? `${neutral.slice(0, -'c.us'.length)}s.whatsapp.net` : neutral
}
