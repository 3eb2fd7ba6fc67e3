// The two ways to write an address: Baileys' jids, and the neutral ids of the API (REST spec 0.8). Knows spelling only; who
// is behind an address is people.ts's business.

export { chatKind, isLidId, isPhoneId, STATUS_CHAT, userOf } from '../../src/contract/chat-id.ts'

/** Servers whose neutral name differs from WhatsApp's. Hosted devices belong to the same person as the others. */
const neutralServers: Record<string, string> = {
  's.whatsapp.net': 'c.us',
  hosted: 'c.us',
  'hosted.lid': 'lid',
}

function split(id: string): { user: string; server: string } {
  const at = id.lastIndexOf('@')
  return { user: id.slice(0, at), server: id.slice(at + 1).toLowerCase() }
}

/**
 * Any spelling of an address as the neutral one: what clients send (`+1555…@s.whatsapp.net`) and what Baileys gives
 * (`1555…:3@s.whatsapp.net`). A device suffix names a device and not another person, so it is dropped.
 */
export function toNeutral(id: string): string {
  const { user, server } = split(id)
  const neutral = neutralServers[server] ?? server
  const person =
    neutral === 'c.us' || neutral === 'lid' ? (user.replace(/^\+/, '').split(/[_:]/, 1)[0] ?? '') : user
  return `${person}@${neutral}`
}

/** A neutral id as Baileys takes it. */
export function toJid(id: string): string {
  const { user, server } = split(toNeutral(id))
  return `${user}@${server === 'c.us' ? 's.whatsapp.net' : server}`
}
