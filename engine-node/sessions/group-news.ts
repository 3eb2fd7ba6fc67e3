// Which of Baileys' events are news of a group, and their data (webhooks and events spec, section 4). Pure.
import type { BaileysEventMap, GroupMetadata } from 'baileys'
import type { EventData } from '../../src/contract/events.ts'
import type { Receiver } from './incoming.ts'
import { toNeutral } from './jid.ts'
import { bothIds, preferredId } from './people.ts'

type People = EventData<'group.join'>

export type GroupNews =
  | { event: 'group.join' | 'group.leave' | 'group.join_request'; data: People }
  | { event: 'group.update'; data: EventData<'group.update'> }

interface To extends Receiver {
  now: number
}

type Reader<E extends keyof BaileysEventMap> = (data: BaileysEventMap[E], to: To) => GroupNews[]

export const groupNews: { [E in keyof BaileysEventMap]?: Reader<E> } = {
  'group-participants.update': ({ id, author, authorPn, participants, action }, to) => {
    const people = participants.map(({ id, phoneNumber, lid }) => idOf(to, id, phoneNumber, lid))
    const of = { ...said(id, to, author, authorPn), participantIds: people }
    if (action === 'promote' || action === 'demote')
      return [{ event: 'group.update', data: { ...of, changes: { admin: action === 'promote' } } }]
    if (action !== 'add' && action !== 'remove') return []
    return [
      {
        event: action === 'add' ? 'group.join' : 'group.leave',
        data: of,
      },
    ]
  },
  'group.join-request': ({ id, author, authorPn, participant, participantPn, action }, to) =>
    action === 'created'
      ? [
          {
            event: 'group.join_request',
            data: {
              ...said(id, to, author, authorPn),
              participantIds: [idOf(to, participant, participantPn)],
            },
          },
        ]
      : [],
  // A group that is new here: this account is in it now. Its maker knows.
  'groups.upsert': (groups, to) =>
    groups.flatMap(({ id, author, authorPn }) => {
      const actor = preferredId(bothIds(to.book, author, authorPn))
      const me = preferredId(to.me)
      if (me === null || actor === me) return []
      return [{ event: 'group.join', data: { ...said(id, to, author, authorPn), participantIds: [me] } }]
    }),
  'groups.update': (groups, to) =>
    groups.flatMap(group => {
      const changes = changesOf(group)
      // With its members it is a description, asked for by us, and no change.
      if (!group.id || group.participants || Object.keys(changes).length === 0) return []
      const data = { ...said(group.id, to, group.author, group.authorPn), participantIds: [], changes }
      return [{ event: 'group.update', data }]
    }),
}

/** The news of one event; none for those that are about something else. */
export function groupNewsOf<E extends keyof BaileysEventMap>(
  event: E,
  data: BaileysEventMap[E],
  to: To,
): GroupNews[] {
  return (groupNews[event] as Reader<E> | undefined)?.(data, to) ?? []
}

const idOf = ({ book }: To, ...addresses: (string | undefined)[]) =>
  preferredId(bothIds(book, ...addresses)) ?? toNeutral(addresses[0] ?? '')

function said(jid: string, to: To, author: string | undefined, authorPn: string | undefined) {
  const actorId = preferredId(bothIds(to.book, author, authorPn))
  return { groupId: toNeutral(jid), ...(actorId && { actorId }), timestamp: Math.floor(to.now / 1_000) }
}

function changesOf(group: Partial<GroupMetadata>): EventData<'group.update'>['changes'] {
  const { subject, desc, announce, restrict } = group
  return {
    ...(subject !== undefined && { subject }),
    ...('desc' in group && { description: desc ?? '' }),
    ...(announce !== undefined && { announce }),
    ...(restrict !== undefined && { locked: restrict }),
  }
}
