// What the server knows of a group, and how it tells it; and the register of all groups.
import { randomInt } from 'node:crypto'
import type { BinaryNode } from 'baileys'
import { type Account, addressOf } from './account.ts'
import { freshId, node, seconds } from './nodes.ts'

export type Role = 'member' | 'admin' | 'superadmin'
/** By which of their two addresses the members of a group know one another. */
export type AddressingMode = 'pn' | 'lid'

export interface GroupState {
  readonly jid: string
  readonly mode: AddressingMode
  readonly owner: Account
  readonly created: number
  readonly members: Map<Account, Role>
  /** Who asked to join, while an admin has to agree. */
  readonly requests: Map<Account, number>
  subject: string
  description: { readonly id: string; readonly text: string } | undefined
  inviteCode: string
  /** Only admins write. */
  announcement: boolean
  /** Only admins change subject and description. */
  locked: boolean
  /** Seconds after which messages disappear; 0 is never. */
  ephemeral: number
  addMode: 'admin_add' | 'all_member_add'
  approval: boolean
}

export interface Groups {
  create(of: { subject: string; owner: Account; members: Account[]; mode: AddressingMode }): GroupState
  find(jid: string | undefined): GroupState | undefined
  findByInvite(code: string | undefined): GroupState | undefined
  of(member: Account): GroupState[]
}

export function isAdmin({ members }: GroupState, account: Account): boolean {
  const role = members.get(account)
  return role === 'admin' || role === 'superadmin'
}

/** The address and its counterpart under the name that notifications and messages give it. */
export function participantAttrs({ mode }: GroupState, account: Account, device = 0): Record<string, string> {
  const [alt, other] =
    mode === 'lid' ? (['participant_pn', 'pn'] as const) : (['participant_lid', 'lid'] as const)
  return { participant: addressOf(account, mode, device), [alt]: addressOf(account, other, device) }
}

/** `<participant>` as metadata and notifications name a member. */
export function participantNode(
  { mode }: GroupState,
  account: Account,
  extra: { type?: string; error?: number } = {},
): BinaryNode {
  const alt = mode === 'lid' ? { phone_number: account.pnJid } : { lid: account.lidJid }
  return node('participant', { jid: addressOf(account, mode), ...alt, ...extra })
}

/** `<group>`: all there is to know about it. */
export function groupNode(group: GroupState): BinaryNode {
  const { jid, mode, owner, created, members, subject, description, announcement, locked, ephemeral } = group
  const creator = addressOf(owner, mode)
  const flags = [
    description &&
      node('description', { id: description.id, t: created, participant: creator }, [
        node('body', {}, Buffer.from(description.text)),
      ]),
    announcement && node('announcement'),
    locked && node('locked'),
    ephemeral > 0 && node('ephemeral', { expiration: ephemeral }),
    group.approval && node('membership_approval_mode', {}, [node('group_join', { state: 'on' })]),
    node('member_add_mode', {}, Buffer.from(group.addMode)),
  ].filter(each => typeof each === 'object')
  const participants = [...members].map(([account, role]) =>
    participantNode(group, account, role === 'member' ? {} : { type: role }),
  )
  const attrs = {
    id: jid.split('@')[0],
    subject,
    s_t: created,
    s_o: creator,
    creation: created,
    creator,
    creator_pn: mode === 'lid' ? owner.pnJid : undefined,
    addressing_mode: mode,
    size: members.size,
  }
  return node('group', attrs, [...flags, ...participants])
}

/** Makes an empty register. */
export function createGroups(): Groups {
  const groups = new Map<string, GroupState>()
  return {
    create({ subject, owner, members, mode }) {
      const group: GroupState = {
        jid: `120363${randomInt(1e11, 1e12)}@g.us`,
        mode,
        owner,
        created: seconds(),
        members: new Map([...members.map(each => [each, 'member'] as const), [owner, 'superadmin']]),
        requests: new Map(),
        subject,
        description: undefined,
        inviteCode: freshId(),
        announcement: false,
        locked: false,
        ephemeral: 0,
        addMode: 'all_member_add',
        approval: false,
      }
      groups.set(group.jid, group)
      return group
    },
    find: jid => (jid === undefined ? undefined : groups.get(jid)),
    findByInvite: code => [...groups.values()].find(({ inviteCode }) => inviteCode === code),
    of: member => [...groups.values()].filter(({ members }) => members.has(member)),
  }
}
