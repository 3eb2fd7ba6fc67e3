// What simulated people write: to every device of the other side that is a client under test, to the inboxes of those
// who are simulated too, and mirrored to the writer's own linked devices.
import type { proto } from 'baileys'
import { type Account, addressOf, type Directory, type Person } from './account.ts'
import { type Groups, isAdmin, participantAttrs } from './group-state.ts'
import { toReceived } from './inbox.ts'
import type { Ledger } from './ledger.ts'
import { freshId } from './nodes.ts'
import type { Letter, Post, Spoiled } from './post.ts'

export interface SendOptions {
  /** A person, or a group the writer is in. */
  readonly to: Person | { readonly jid: string }
  readonly id?: string
  /** By which of its two addresses the writer appears to a person; `pn` unless told. */
  readonly addressing?: 'pn' | 'lid'
  /** Leaves out the other address, so that the client has to ask for it. */
  readonly withoutAlt?: boolean
  /**
   * Damaged on the way: the client cannot decrypt it and asks for it again, and then it is whole. If it is so `always`,
   * the phone could not read it either.
   */
  readonly spoiled?: Spoiled
  /**
   * Linked devices are only told that there is a message, of this type; the phone alone can read it, as it is with
   * `view_once`. A client may ask the phone for it.
   */
  readonly withheld?: string
  /** Which device of the writer sends it; the phone unless told. */
  readonly device?: number
  /** When it was written, in seconds; now unless told. */
  readonly at?: number
}

export interface Outgoing {
  /** Resolves when it is sent or waits for the devices it is for. */
  send(sender: Account, message: proto.IMessage, options: SendOptions): Promise<{ readonly id: string }>
  /** Posts a status that these people see. */
  post(sender: Account, message: proto.IMessage, to: readonly Person[]): Promise<{ readonly id: string }>
}

/** The chat that every status is in. */
export const STATUS = 'status@broadcast'

interface Deps {
  readonly directory: Directory
  readonly groups: Groups
  readonly ledger: Ledger
  readonly post: Post
}

export const isGroup = <T extends { readonly jid: string }>(to: Person | T): to is T => 'jid' in to

/** Makes the way out. */
export function createOutgoing({ directory, groups, ledger, post }: Deps): Outgoing {
  /** Between simulated people nothing is gained by encrypting. */
  function tellSimulated(
    people: Iterable<Account>,
    sender: Account,
    letter: Letter,
    to: string,
    group?: string,
  ) {
    const { message, device = 0, attrs } = letter
    for (const person of people) {
      if (person === sender || person.companions.size > 0) continue
      person.inbox.add(toReceived({ id: attrs.id, from: sender.pn, device, to, group, message }))
    }
  }

  async function toPerson(sender: Account, message: proto.IMessage, person: Person, options: SendOptions) {
    const { id = freshId(), addressing = 'pn', withoutAlt, spoiled, withheld, device = 0, at } = options
    const other = addressing === 'lid' ? 'pn' : 'lid'
    const common = { id, notify: sender.name, t: at === undefined ? undefined : String(at) }
    const alt = withoutAlt
      ? {}
      : { [`sender_${other}`]: addressOf(sender, other, device), addressing_mode: addressing }
    const letter: Letter = {
      sender,
      device,
      message,
      attrs: { from: addressOf(sender, addressing, device), ...alt, ...common },
    }
    const account = directory.find(person.pn)
    if (!account) throw new Error(`${person.pn} is not on WhatsApp`)
    for (const each of account.companions.values()) await post.send(each, letter, { spoiled, withheld })
    tellSimulated([account], sender, letter, addressOf(person, addressing))
    if (spoiled !== 'always') ledger.enter({ id, author: sender, chat: person, addressing, message })
    const mirror: Letter = {
      ...letter,
      message: { deviceSentMessage: { destinationJid: addressOf(person, addressing), message } },
      attrs: {
        from: addressOf(sender, addressing, device),
        recipient: addressOf(person, addressing),
        [`recipient_${other}`]: addressOf(person, other),
        ...common,
      },
    }
    if (account !== sender) for (const own of sender.companions.values()) await post.send(own, mirror)
    return { id }
  }

  async function toGroup(sender: Account, message: proto.IMessage, jid: string, options: SendOptions) {
    const { id = freshId(), spoiled, device = 0, at } = options
    const group = groups.find(jid)
    if (!group?.members.has(sender)) throw new Error(`${sender.name} is not in this group`)
    if (group.announcement && !isAdmin(group, sender)) throw new Error('only admins write in this group')
    const letter: Letter = {
      sender,
      device,
      message,
      attrs: {
        from: jid,
        ...participantAttrs(group, sender, device),
        addressing_mode: group.mode,
        id,
        notify: sender.name,
        t: at === undefined ? undefined : String(at),
      },
    }
    const members = [...group.members.keys()]
    await post.sendToGroup(
      members.flatMap(({ companions }) => [...companions.values()]),
      letter,
      { spoiled },
    )
    tellSimulated(members, sender, letter, jid, jid)
    if (spoiled !== 'always')
      ledger.enter({ id, author: sender, chat: group, addressing: group.mode, message })
    return { id }
  }

  return {
    async post(sender, message, to) {
      const id = freshId()
      const attrs = {
        from: STATUS,
        participant: sender.pnJid,
        participant_lid: sender.lidJid,
        id,
        notify: sender.name,
      }
      const letter: Letter = { sender, message, attrs }
      const people = [...to.map(({ pn }) => directory.find(pn)).filter(each => each !== undefined), sender]
      await post.sendToGroup(
        people.flatMap(({ companions }) => [...companions.values()]),
        letter,
      )
      tellSimulated(people, sender, letter, STATUS)
      return { id }
    },
    send: (sender, message, options) =>
      isGroup(options.to)
        ? toGroup(sender, message, options.to.jid, options)
        : toPerson(sender, message, options.to, options),
  }
}
