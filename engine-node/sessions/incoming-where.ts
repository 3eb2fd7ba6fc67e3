// In which chat a message came, who wrote it, and under which ids: the envelope of a message, read once for all kinds. Pure.
import type { WAMessage } from 'baileys'
import type { ChatKind } from '../../src/contract/message.ts'
import { chatKind, toNeutral } from './jid.ts'
import { type AddressBook, bothIds, type PersonIds, preferredId } from './people.ts'

/** Whose session it is, and what it knows of people. */
export interface Receiver {
  me: PersonIds
  book: AddressBook
}

export interface Where {
  chatId: string
  kind: ChatKind
  fromMe: boolean
  from: string
  to: string
  /** Who wrote it, where the chat is not one person's. */
  author: string | null
  /** Neutral id of the writer, empty for own messages: part of the identity of a message. */
  senderId: string
  /** Both ids of the person at the other end; in a group, of the author. */
  person: PersonIds
}

/** Null for an envelope without an id or a chat. */
export function whereOf(given: WAMessage, to: Receiver): Where | null {
  const { key } = given
  if (!key.id || !key.remoteJid) return null
  const fromMe = key.fromMe === true
  const remote = toNeutral(key.remoteJid)
  const kind = chatKind(remote)
  const isDirect = kind === 'individual'
  const person = isDirect
    ? bothIds(to.book, key.remoteJid, fromMe ? notMine(key.remoteJidAlt, to.me) : key.remoteJidAlt)
    : bothIds(to.book, key.participant ?? given.participant, key.participantAlt)
  const chatId = isDirect ? (preferredId(person) ?? remote) : remote
  const me = preferredId(to.me) ?? ''
  const author = isDirect ? null : fromMe ? me : preferredId(person)
  return {
    chatId,
    kind,
    fromMe,
    from: fromMe ? me : chatId,
    to: fromMe ? chatId : me,
    author,
    senderId: fromMe ? '' : (author ?? chatId),
    person: fromMe && !isDirect ? to.me : person,
  }
}

/** For own messages Baileys takes the other id from the sender, who is not the person at the other end. */
function notMine(jid: string | undefined, me: PersonIds): string | undefined {
  const id = jid && toNeutral(jid)
  return id === me.phoneId || id === me.lidId ? undefined : jid
}
