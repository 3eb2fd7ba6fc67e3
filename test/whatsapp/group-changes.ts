// What can be changed about a group, a row per change: who may, what becomes of the state, what the members are told.
import type { BinaryNode } from 'baileys'
import { type Account, addressOf, type Directory } from './account.ts'
import { type GroupState, isAdmin, participantNode } from './group-state.ts'
import { child, children, freshId, node, seconds, text } from './nodes.ts'

export interface Outcome {
  /** What the one who asked is answered. */
  readonly answer?: BinaryNode[]
  /** What all members are told; nothing when nothing changed. */
  readonly notice?: BinaryNode
  /** Who left by this, and is told a last time. */
  readonly gone?: Account[]
}

interface Change {
  may(group: GroupState, actor: Account): boolean
  apply(group: GroupState, actor: Account, asked: BinaryNode): Outcome
}

const member = (group: GroupState, actor: Account) => group.members.has(actor)
const unlessLocked = (group: GroupState, actor: Account) => (group.locked ? isAdmin : member)(group, actor)
const unlessAddIsForAdmins = (group: GroupState, actor: Account) =>
  (group.addMode === 'admin_add' ? isAdmin : member)(group, actor)

/** A row that sets something and repeats the question as the notice. */
const setting = (may: Change['may'], read: (asked: BinaryNode) => Partial<GroupState>): Change => ({
  may,
  apply(group, _actor, asked) {
    Object.assign(group, read(asked))
    return { notice: asked }
  },
})

/** Makes the table; the keys are the tags of the questions. */
export function createGroupChanges(directory: Directory): Readonly<Record<string, Change>> {
  /**
   * A row about people. `act` changes the state for one of them, or says by which error it is refused for them.
   */
  function people(
    may: Change['may'],
    act: (group: GroupState, person: Account) => number | undefined,
    isFarewell = false,
  ): Change {
    return {
      may,
      apply(group, _actor, asked) {
        const { tag } = asked
        const results = children(asked, 'participant').map(({ attrs }) => {
          const person = directory.find(attrs.jid)
          return { jid: attrs.jid, person, error: person ? act(group, person) : 404 }
        })
        const done = results.flatMap(({ person, error }) => (person && error === undefined ? [person] : []))
        const answers = results.map(({ jid, person, error }) =>
          node('participant', { jid: person ? addressOf(person, group.mode) : jid, error }),
        )
        const notice = node(
          tag,
          {},
          done.map(person => participantNode(group, person)),
        )
        return {
          answer: [node(tag, {}, answers)],
          ...(done.length > 0 && { notice }),
          ...(isFarewell && { gone: done }),
        }
      },
    }
  }

  const role = (to: 'member' | 'admin') => (group: GroupState, person: Account) => {
    if (!group.members.has(person)) return 404
    group.members.set(person, to)
    return undefined
  }

  function settleRequests(group: GroupState, { tag, content }: BinaryNode): Outcome {
    const people = children(node(tag, {}, content), 'participant').flatMap(({ attrs }) => {
      const person = directory.find(attrs.jid)
      return person && group.requests.delete(person) ? [person] : []
    })
    const settled = people.map(person => participantNode(group, person))
    const answer = [node('membership_requests_action', {}, [node(tag, {}, settled)])]
    if (people.length === 0) return { answer }
    if (tag !== 'approve') return { answer, notice: node('revoked_membership_requests', {}, settled) }
    for (const person of people) group.members.set(person, 'member')
    return { answer, notice: node('add', {}, settled) }
  }

  return {
    subject: {
      may: unlessLocked,
      apply(group, _actor, asked) {
        group.subject = text(asked)
        return { notice: node('subject', { subject: group.subject, s_t: seconds() }) }
      },
    },
    description: {
      may: unlessLocked,
      apply(group, _actor, asked) {
        const { id = freshId(), delete: removed } = asked.attrs
        const body = child(asked, 'body')
        group.description = removed === 'true' || !body ? undefined : { id, text: text(body) }
        return { notice: node('description', { id, delete: removed }, body && [body]) }
      },
    },
    announcement: setting(isAdmin, () => ({ announcement: true })),
    not_announcement: setting(isAdmin, () => ({ announcement: false })),
    locked: setting(isAdmin, () => ({ locked: true })),
    unlocked: setting(isAdmin, () => ({ locked: false })),
    ephemeral: setting(unlessLocked, ({ attrs }) => ({ ephemeral: Number(attrs.expiration) })),
    not_ephemeral: setting(unlessLocked, () => ({ ephemeral: 0 })),
    member_add_mode: setting(isAdmin, asked => ({
      addMode: text(asked) === 'admin_add' ? 'admin_add' : 'all_member_add',
    })),
    membership_approval_mode: setting(isAdmin, asked => ({
      approval: child(asked, 'group_join')?.attrs.state === 'on',
    })),
    membership_requests_action: {
      may: isAdmin,
      apply: (group, _actor, asked) => settleRequests(group, child(asked) ?? asked),
    },
    invite: {
      may: isAdmin,
      apply(group) {
        group.inviteCode = freshId()
        const told = node('invite', { code: group.inviteCode })
        return { answer: [told], notice: told }
      },
    },
    add: people(unlessAddIsForAdmins, (group, person) => {
      if (group.members.has(person)) return 409
      group.members.set(person, 'member')
      return undefined
    }),
    remove: people(isAdmin, (group, person) => (group.members.delete(person) ? undefined : 404), true),
    promote: people(isAdmin, role('admin')),
    demote: people(isAdmin, role('member')),
    // Asked of the server and not of the group, but it changes the group all the same.
    leave: {
      may: member,
      apply(group, actor) {
        group.members.delete(actor)
        return { notice: node('remove', {}, [participantNode(group, actor)]), gone: [actor] }
      },
    },
    join: {
      may: () => true,
      apply(group, actor) {
        if (group.members.has(actor)) return {}
        if (group.approval) {
          group.requests.set(actor, seconds())
          const asked = { request_method: 'invite_link' }
          return { notice: node('created_membership_requests', asked, [participantNode(group, actor)]) }
        }
        group.members.set(actor, 'member')
        return { notice: node('add', { reason: 'invite' }, [participantNode(group, actor)]) }
      },
    },
  }
}
