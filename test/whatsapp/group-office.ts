// Where groups are changed: checks that the actor may, applies the row, tells the members, answers the queries.
import type { BinaryNode } from 'baileys'
import { type Account, type Directory, simulatedDevice } from './account.ts'
import { createGroupChanges } from './group-changes.ts'
import {
  type AddressingMode,
  type GroupState,
  type Groups,
  groupNode,
  participantAttrs,
} from './group-state.ts'
import type { IqTable, Refusal } from './iq.ts'
import { children, freshId, node, seconds } from './nodes.ts'
import type { Post } from './post.ts'

export interface GroupOffice {
  create(of: { subject: string; owner: Account; members: Account[]; mode: AddressingMode }): GroupState
  /** Has somebody change a group. The question is the stanza a client would ask with. */
  change(group: GroupState, actor: Account, asked: BinaryNode): BinaryNode[] | Refusal | undefined
  readonly answers: IqTable
}

interface Deps {
  readonly directory: Directory
  readonly groups: Groups
  readonly post: Post
  /** How members of the groups that clients make know one another. */
  readonly mode: AddressingMode
  surprise(what: string): void
}

const refused = (code: number, why: string) => ({ refused: code, why })
const NOT_FOUND = refused(404, 'item-not-found')
const FORBIDDEN = refused(403, 'forbidden')

/** Makes the office. */
export function createGroupOffice({ directory, groups, post, mode, surprise }: Deps): GroupOffice {
  const changes = createGroupChanges(directory)

  function tell(group: GroupState, actor: Account, notice: BinaryNode, gone: Account[] = []): void {
    const attrs = {
      from: group.jid,
      type: 'w:gp2',
      id: freshId(),
      t: seconds(),
      ...participantAttrs(group, actor),
      addressing_mode: group.mode,
      notify: actor.name,
    }
    for (const account of [...group.members.keys(), ...gone]) {
      for (const device of account.companions.values()) {
        post.deliver(device, node('notification', attrs, [notice]))
      }
    }
  }

  /** Those who stay take another key, so that those who left cannot read on. */
  function rotateKeys({ jid, members }: GroupState): void {
    for (const account of members.keys()) {
      for (const id of [0, ...account.simulated.keys()]) simulatedDevice(account, id)?.senderKeys.rotate(jid)
    }
  }

  const office: GroupOffice = {
    create(of) {
      const group = groups.create(of)
      tell(group, of.owner, node('create', {}, [groupNode(group)]))
      return group
    },
    change(group, actor, asked) {
      const change = changes[asked.tag]
      if (!change) {
        surprise(`an unknown change to a group: <${asked.tag}>`)
        return refused(400, 'bad-request')
      }
      if (!change.may(group, actor)) return FORBIDDEN
      const { answer, notice, gone = [] } = change.apply(group, actor, asked)
      if (notice) tell(group, actor, notice, gone)
      if (gone.length > 0) rotateKeys(group)
      return answer
    },
    answers: {
      'get w:g2 participating': ({ account }) => [node('groups', {}, groups.of(account).map(groupNode))],

      'set w:g2 create': ({ account, body }) => {
        const named = children(body, 'participant').map(({ attrs }) => directory.find(attrs.jid))
        const members = named.filter(each => each !== undefined)
        const subject = body?.attrs.subject ?? ''
        return [groupNode(office.create({ subject, owner: account, members, mode }))]
      },

      'set w:g2 leave': ({ account, body }) => {
        for (const { attrs } of children(body, 'group')) {
          const group = groups.find(attrs.id)
          if (group && body) office.change(group, account, body)
        }
        return body && [body]
      },

      'get w:g2 query': ({ account, iq }) => {
        const group = groups.find(iq.attrs.to)
        if (!group) return NOT_FOUND
        return group.members.has(account) ? [groupNode(group)] : FORBIDDEN
      },

      'get w:g2 invite': ({ account, iq, body }) => {
        const code = body?.attrs.code
        const group = code === undefined ? groups.find(iq.attrs.to) : groups.findByInvite(code)
        if (!group) return refused(406, 'not-acceptable')
        if (code !== undefined) return [groupNode(group)]
        return group.members.has(account) ? [node('invite', { code: group.inviteCode })] : FORBIDDEN
      },

      'get w:g2 membership_approval_requests': ({ iq }) => {
        const group = groups.find(iq.attrs.to)
        if (!group) return NOT_FOUND
        const requests = [...group.requests].map(([account, at]) =>
          node('membership_approval_request', {
            jid: group.mode === 'lid' ? account.lidJid : account.pnJid,
            request_method: 'invite_link',
            request_time: at,
          }),
        )
        return [node('membership_approval_requests', {}, requests)]
      },

      'set w:g2': ({ account, iq, body }) => {
        const joined = body?.tag === 'invite' ? groups.findByInvite(body.attrs.code) : undefined
        if (joined) {
          office.change(joined, account, node('join'))
          return [node('group', { jid: joined.jid })]
        }
        if (body?.tag === 'invite' && body.attrs.code !== undefined) return refused(406, 'not-acceptable')
        const group = groups.find(iq.attrs.to)
        if (!group || !body) return NOT_FOUND
        return office.change(group, account, body)
      },
    },
  }
  return office
}
