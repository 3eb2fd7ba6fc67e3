// Which phone id and which lid belong to one person. The pairs are Baileys' own (key type `lid-mapping`); nothing is asked
// of WhatsApp here.
import { isLidId, isPhoneId, toNeutral, userOf } from './jid.ts'

/** Looks the other id of a person up; null where it is not known. Ids are neutral. */
export interface AddressBook {
  lidOf(phoneId: string): string | null
  phoneOf(lidId: string): string | null
}

/** Both ids of a person, as far as they are known. */
export interface PersonIds {
  phoneId: string | null
  lidId: string | null
}

/** Reads pairs as Baileys stores them: `<phone>` → lid, `<lid>_reverse` → phone, users only. */
export function createAddressBook(mapping: (key: string) => unknown): AddressBook {
  const look = (key: string, server: string) => {
    const user = mapping(key)
    return typeof user === 'string' && user !== '' ? toNeutral(`${user}@${server}`) : null
  }
  return {
    lidOf: phoneId => look(userOf(phoneId), 'lid'),
    phoneOf: lidId => look(`${userOf(lidId)}_reverse`, 'c.us'),
  }
}

/** Both ids from what an envelope says of a person: an address, and the other one where WhatsApp gave it along. */
export function bothIds(book: AddressBook, ...addresses: (string | null | undefined)[]): PersonIds {
  let phone: string | undefined
  let lid: string | undefined
  for (const address of addresses) {
    if (!address) continue
    const id = toNeutral(address)
    if (isPhoneId(id)) phone ??= id
    else if (isLidId(id)) lid ??= id
  }
  return {
    phoneId: phone ?? (lid === undefined ? null : book.phoneOf(lid)),
    lidId: lid ?? (phone === undefined ? null : book.lidOf(phone)),
  }
}

/** The id that stands for a person outside: the phone where it is known. */
export const preferredId = ({ phoneId, lidId }: PersonIds): string | null => phoneId ?? lidId
