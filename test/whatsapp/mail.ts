// A message of a linked device, read: to whom it goes, which ciphertext is for which device, and whether it may go.
import type { BinaryNode } from 'baileys'
import { type Account, addressOf, type Directory, linkedIds } from './account.ts'
import type { Companion } from './companion.ts'
import { type GroupState, type Groups, isAdmin } from './group-state.ts'
import { child, children, isLid, readJid } from './nodes.ts'
import type { Receipt } from './post.ts'

/** What a group answers to who may not write in it. */
const FORBIDDEN = 403

/** What all who get a message have in common. */
export interface Mail {
  readonly sender: Companion
  readonly stanza: BinaryNode
  readonly id: string
  readonly to: string
  readonly group: GroupState | undefined
  /** The group, or the list of those who see a status: what the sender's key is for. */
  readonly list: string | undefined
  readonly addressing: Receipt['addressing']
}

/** The ciphertexts for one device. */
export interface Parcel {
  readonly address: string
  readonly owner: Account | undefined
  readonly device: number | undefined
  readonly encs: BinaryNode[]
}

export const isForAll = ({ attrs }: BinaryNode) => attrs.type === 'skmsg'

/** Reads the outside of a message. */
export function readMail(sender: Companion, stanza: BinaryNode, groups: Groups): Mail {
  const { id = '', to = '' } = stanza.attrs
  const group = groups.find(to)
  const isList = to.endsWith('@g.us') || to.endsWith('@broadcast')
  const addressing = (group ? group.mode === 'lid' : isLid(to)) ? 'lid' : 'pn'
  return { sender, stanza, id, to, group, list: isList ? to : undefined, addressing }
}

/** The error with which the server refuses it by itself, if it does. */
export function refusalOf({ sender: { account }, to, group }: Mail): number | undefined {
  if (!to.endsWith('@g.us')) return undefined
  if (!group?.members.has(account)) return FORBIDDEN
  return group.announcement && !isAdmin(group, account) ? FORBIDDEN : undefined
}

/** The ciphertexts by the device each is for; those for a whole group go to all its devices. */
export function parcelsOf({ sender, stanza, to, group }: Mail, directory: Directory): Parcel[] {
  const parcel = (address: string, encs: BinaryNode[]): Parcel => {
    return { address, owner: directory.find(address), device: readJid(address)?.device, encs }
  }
  const addressed = children(child(stanza, 'participants'), 'to').map(each =>
    parcel(each.attrs.jid ?? '', children(each, 'enc')),
  )
  const encs = children(stanza, 'enc')
  const forAll = encs.filter(isForAll)
  const direct = encs.filter(each => !isForAll(each))
  // Without a list of devices it is for the one that the stanza itself names.
  if (direct.length > 0) addressed.push(parcel(stanza.attrs.participant ?? to, direct))
  if (forAll.length === 0) return addressed
  if (!group) return addressed.map(each => ({ ...each, encs: [...each.encs, ...forAll] }))
  return [...group.members.keys()].flatMap(owner =>
    [0, ...linkedIds(owner)]
      .filter(device => owner !== sender.account || device !== sender.id)
      .map(device => {
        const own = addressed.filter(each => each.owner === owner && each.device === device)
        const address = addressOf(owner, group.mode, device)
        return { address, owner, device, encs: [...own.flatMap(each => each.encs), ...forAll] }
      }),
  )
}
