// A simulated contact, as a test speaks of one: writes, reads, loses its session, gets a new phone.
import { type Account, type Directory, type Person, type ReceiptHabit, simulatedDevice } from './account.ts'
import type { Call, CallOptions, Calls } from './calls.ts'
import { peerOf } from './companion.ts'
import type { DeviceNotices } from './device-notices.ts'
import type { Group } from './group.ts'
import type { Groups } from './group-state.ts'
import type { Inbox, Received } from './inbox.ts'
import type { MediaHost } from './media-host.ts'
import { isLid } from './nodes.ts'
import type { Post } from './post.ts'
import type { Presence, Presences, ShowOptions } from './presences.ts'
import { createSimDevice } from './sim-device.ts'
import type { Voice } from './voice.ts'

export interface Contact extends Person, Voice {
  /** Waits for the message, then reports it as read. */
  reads(id: string): Promise<void>
  /** Waits for the voice note, then reports it as played. */
  plays(id: string): Promise<void>
  /** The first received message that is wanted and was not given before. */
  next(wanted?: (message: Received) => boolean, timeoutMs?: number): Promise<Received>
  readonly inbox: readonly Received[]
  /** Shown on the profile; undefined takes it away. */
  picture: Uint8Array | undefined
  about: string
  /** Which receipts its phone sends by itself: `delivery` unless told. */
  receipts: ReceiptHabit
  /**
   * Loses its session with somebody, or their key for one group: what comes next cannot be decrypted and is asked for
   * again.
   */
  forgets(person: Person, options?: { readonly group?: Group; readonly device?: number }): void
  /** Links another device of the contact's own; each reads for itself what is sent to all. Gives its number. */
  links(): number
  unlinks(device: number): void
  /** Shows a person or a group that the contact is there, types, or has stopped. */
  shows(presence: Presence, options: ShowOptions): void
  /** Calls a person. */
  calls(person: Person, options?: CallOptions): Call
  /** A new phone: same number, another identity, no sessions. */
  reinstalls(): void
}

interface Deps {
  readonly account: Account
  readonly directory: Directory
  readonly groups: Groups
  readonly voice: Voice
  readonly notices: DeviceNotices
  readonly presences: Presences
  readonly calls: Calls
  readonly mediaHost: Pick<MediaHost, 'publish' | 'read'>
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

/** Gives an account its voice as a contact. */
export function createContact(deps: Deps): Contact {
  const { account, directory, groups, voice, notices, presences, calls, mediaHost, post } = deps
  const { pn, lid, pnJid, lidJid, name, inbox } = account
  const devicesOf = (person: Person) => [...(directory.find(person.pn)?.companions.values() ?? [])]

  async function reports(id: string, type: 'read' | 'played') {
    const message = await inbox.find(each => each.id === id)
    const sender = directory.find(message.from)
    const group = groups.find(message.group)
    const addressing = group ? group.mode : isLid(message.to) ? 'lid' : 'pn'
    for (const device of sender?.companions.values() ?? []) {
      post.receipt(device, { by: account, addressing, group: group?.jid, id, type })
    }
  }

  const contact: Contact = {
    pn,
    lid,
    pnJid,
    lidJid,
    name,
    ...voice,
    reads: id => reports(id, 'read'),
    plays: id => reports(id, 'played'),
    ...reader(inbox),
    get receipts() {
      return account.receipts
    },
    set receipts(habit) {
      account.receipts = habit
    },
    get picture() {
      return account.picture === undefined ? undefined : mediaHost.read(account.picture)
    },
    set picture(picture) {
      account.picture = picture && mediaHost.publish(Buffer.from(picture))
    },
    get about() {
      return account.about
    },
    set about(about) {
      account.about = about
    },
    forgets(person, { group, device = 0 } = {}) {
      const simulated = simulatedDevice(account, device)
      for (const peer of devicesOf(person).map(peerOf)) {
        if (group) simulated?.senderKeys.forget(group.jid, peer)
        else simulated?.forget(peer)
      }
    },
    links() {
      const device = account.nextCompanionId++
      account.simulated.set(device, createSimDevice())
      notices.tell(account, 'add', device)
      return device
    },
    unlinks(device) {
      account.simulated.delete(device)
      notices.tell(account, 'remove', device)
    },
    shows: (presence, options) => presences.show(account, presence, options),
    calls: (person, options) => calls.ring(account, person, options),
    reinstalls() {
      for (const device of account.simulated.keys()) contact.unlinks(device)
      account.device = createSimDevice()
    },
  }
  return contact
}
