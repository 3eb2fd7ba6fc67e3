// A group, as a test speaks of it: who is in it, and what its members do to it. Writing to it is up to the members.
import type { BinaryNode } from 'baileys'
import type { Directory, Person } from './account.ts'
import type { GroupOffice } from './group-office.ts'
import { type AddressingMode, type GroupState, isAdmin } from './group-state.ts'
import { freshId, node } from './nodes.ts'

/** Who does it: the owner unless told. It fails if this person may not. */
export interface By {
  readonly by?: Person
}

export type GroupSetting =
  | 'announcement'
  | 'not_announcement'
  | 'locked'
  | 'unlocked'
  | 'not_ephemeral'
  | { readonly ephemeral: number }
  | { readonly approval: 'on' | 'off' }
  | { readonly add: 'admin_add' | 'all_member_add' }

export interface Group {
  /** `…@g.us` */
  readonly jid: string
  readonly mode: AddressingMode
  readonly subject: string
  readonly description: string | undefined
  readonly inviteCode: string
  readonly announcement: boolean
  readonly locked: boolean
  readonly ephemeral: number
  readonly members: readonly Person[]
  readonly admins: readonly Person[]
  /** Who waits for an admin to let them in. */
  readonly requests: readonly Person[]
  add(people: Person[], options?: By): void
  remove(people: Person[], options?: By): void
  promote(people: Person[], options?: By): void
  demote(people: Person[], options?: By): void
  rename(subject: string, options?: By): void
  /** Nothing removes the description. */
  describe(text: string | undefined, options?: By): void
  set(setting: GroupSetting, options?: By): void
  revokeInvite(options?: By): void
  /** By the invite link. */
  join(person: Person): void
  leave(person: Person): void
}

interface Deps {
  readonly state: GroupState
  readonly directory: Directory
  readonly office: GroupOffice
}

function settingNode(setting: GroupSetting): BinaryNode {
  if (typeof setting === 'string') return node(setting)
  if ('ephemeral' in setting) return node('ephemeral', { expiration: setting.ephemeral })
  if ('add' in setting) return node('member_add_mode', {}, Buffer.from(setting.add))
  return node('membership_approval_mode', {}, [node('group_join', { state: setting.approval })])
}

/** Gives a group its handle. */
export function createGroup({ state, directory, office }: Deps): Group {
  function change(by: Person, asked: BinaryNode): void {
    const actor = directory.find(by.pn)
    if (!actor) throw new Error(`${by.pn} is nobody`)
    const answer = office.change(state, actor, asked)
    if (answer && 'refused' in answer) throw new Error(`${by.name} may not: ${answer.refused} ${answer.why}`)
  }

  const people =
    (tag: string) =>
    (persons: Person[], { by = state.owner }: By = {}) =>
      change(
        by,
        node(
          tag,
          {},
          persons.map(each => node('participant', { jid: each.pnJid })),
        ),
      )

  return {
    jid: state.jid,
    mode: state.mode,
    get subject() {
      return state.subject
    },
    get description() {
      return state.description?.text
    },
    get inviteCode() {
      return state.inviteCode
    },
    get announcement() {
      return state.announcement
    },
    get locked() {
      return state.locked
    },
    get ephemeral() {
      return state.ephemeral
    },
    get members() {
      return [...state.members.keys()]
    },
    get admins() {
      return [...state.members.keys()].filter(each => isAdmin(state, each))
    },
    get requests() {
      return [...state.requests.keys()]
    },
    add: people('add'),
    remove: people('remove'),
    promote: people('promote'),
    demote: people('demote'),
    rename: (subject, { by = state.owner } = {}) => change(by, node('subject', {}, Buffer.from(subject))),
    describe(text, { by = state.owner } = {}) {
      const body = text === undefined ? undefined : [node('body', {}, Buffer.from(text))]
      const attrs = text === undefined ? { delete: 'true' } : { id: freshId() }
      change(by, node('description', attrs, body))
    },
    set: (setting, { by = state.owner } = {}) => change(by, settingNode(setting)),
    revokeInvite: ({ by = state.owner } = {}) => change(by, node('invite')),
    join: person => change(person, node('join')),
    leave: person => change(person, node('leave')),
  }
}
