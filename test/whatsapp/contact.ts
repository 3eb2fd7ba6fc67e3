// A simulated contact, as a test speaks of one: writes, reads, loses its session, gets a new phone.
import type { proto } from 'baileys'
import type { Account, Directory, Person, ReceiptHabit } from './account.ts'
import { peerOf } from './companion.ts'
import { composeText, type Inbox, type Quoted, type Received } from './inbox.ts'
import { freshId, isLid } from './nodes.ts'
import type { Post } from './post.ts'
import { createSimDevice } from './sim-device.ts'

export interface Quote extends Quoted {
  /** Who wrote what is quoted. */
  readonly from: Person
}

export interface WriteOptions {
  /** The owner of the linked devices that get the message. */
  readonly to: Person
  readonly id?: string
  readonly quote?: Quote
  /** By which of its two addresses the contact appears; `pn` unless told. */
  readonly addressing?: 'pn' | 'lid'
  /** Leaves out the other address, so that the client has to ask for it. */
  readonly withoutAlt?: boolean
  /** Damaged on the way: the client cannot decrypt it and asks for it again, and then it is whole. */
  readonly spoiled?: boolean
}

export interface Contact extends Person {
  /** Sends a text, or any message, to all linked devices. Resolves when it is sent or waits for them. */
  write(content: string | proto.IMessage, options: WriteOptions): Promise<{ readonly id: string }>
  /** Waits for the message, then reports it as read. */
  reads(id: string): Promise<void>
  /** The first received message that is wanted and was not given before. */
  next(wanted?: (message: Received) => boolean, timeoutMs?: number): Promise<Received>
  readonly inbox: readonly Received[]
  /** Which receipts its phone sends by itself: `delivery` unless told. */
  receipts: ReceiptHabit
  /** Loses its session with somebody: what comes next cannot be decrypted and is asked for again. */
  forgets(person: Person): void
  /** A new phone: same number, another identity, no sessions. */
  reinstalls(): void
}

interface Deps {
  readonly account: Account
  readonly directory: Directory
  readonly post: Post
}

/** The part of an actor that is its inbox. */
export function reader({ all, take }: Inbox) {
  return {
    inbox: all,
    next: (wanted: (message: Received) => boolean = () => true, timeoutMs?: number) =>
      take(wanted, timeoutMs),
  }
}

/** A text or a message, with what it quotes. */
export function compose(content: string | proto.IMessage, quote?: Quote, addressing: 'pn' | 'lid' = 'pn') {
  if (typeof content !== 'string') return content
  if (!quote) return composeText(content)
  const { id, text, from } = quote
  return composeText(content, { id, text, participant: addressing === 'lid' ? from.lidJid : from.pnJid })
}

/** Gives an account its voice as a contact. */
export function createContact({ account, directory, post }: Deps): Contact {
  const { pn, lid, pnJid, lidJid, name, inbox } = account
  const devicesOf = (person: Person) => [...(directory.find(person.pn)?.companions.values() ?? [])]

  function addresses(addressing: 'pn' | 'lid', withoutAlt: boolean) {
    const [from, altName, alt] =
      addressing === 'lid' ? [lidJid, 'sender_pn', pnJid] : [pnJid, 'sender_lid', lidJid]
    return withoutAlt ? { from } : { from, [altName]: alt, addressing_mode: addressing }
  }

  return {
    pn,
    lid,
    pnJid,
    lidJid,
    name,
    async write(
      content,
      { to, id = freshId(), quote, addressing = 'pn', withoutAlt = false, spoiled = false },
    ) {
      const message = compose(content, quote, addressing)
      const attrs = { ...addresses(addressing, withoutAlt), id, type: 'text', notify: name }
      for (const device of devicesOf(to))
        await post.send(device, { sender: account, message, attrs }, { spoiled })
      return { id }
    },
    async reads(id) {
      const message = await inbox.find(each => each.id === id)
      const sender = directory.find(message.from)
      const addressing = isLid(message.to) ? 'lid' : 'pn'
      for (const device of sender?.companions.values() ?? []) {
        post.receipt(device, { by: account, addressing, id, type: 'read' })
      }
    },
    ...reader(inbox),
    get receipts() {
      return account.receipts
    },
    set receipts(habit) {
      account.receipts = habit
    },
    forgets(person) {
      for (const device of devicesOf(person)) account.device.forget(peerOf(device))
    },
    reinstalls() {
      account.device = createSimDevice()
    },
  }
}
