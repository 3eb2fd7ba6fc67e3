import { describe, expect, it } from 'vitest'
import { factsOf } from './account-facts.ts'
import { groupNewsOf } from './group-news.ts'

const me = { phoneId: '1500@c.us', lidId: '90@lid' }
const book = {
  lidOf: (phone: string) => (phone === '1555@c.us' ? '91@lid' : null),
  phoneOf: (lid: string) => (lid === '91@lid' ? '1555@c.us' : null),
}
const to = { me, book, now: 5_000 }
const ann = { phoneId: '1555@c.us', lidId: '91@lid' }
const bob = { phoneId: '1556@c.us', lidId: null }
const [annJid, bobJid, group] = ['1555@s.whatsapp.net', '1556@s.whatsapp.net', '120@g.us']

describe('people', () => {
  it.each([
    [
      'contacts.upsert',
      [{ id: annJid, name: 'Ann', notify: 'annie' }],
      [{ ...ann, name: 'Ann', pushName: 'annie' }],
    ],
    [
      'contacts.upsert',
      [{ id: '92@lid', phoneNumber: bobJid }],
      [{ phoneId: '1556@c.us', lidId: '92@lid', name: null }],
    ],
    ['contacts.update', [{ id: bobJid, verifiedName: 'Bob Ltd' }], [{ ...bob, verifiedName: 'Bob Ltd' }]],
    [
      'contacts.update',
      [
        { id: group, imgUrl: 'changed' },
        { id: bobJid, imgUrl: 'removed' },
      ],
      [bob],
    ],
    ['lid-mapping.update', { pn: bobJid, lid: '92@lid' }, [{ phoneId: '1556@c.us', lidId: '92@lid' }]],
  ] as const)('%s', (event, data, people) =>
    expect(factsOf(event, data as never, to)).toEqual([{ kind: 'people', people }]),
  )

  it('who are blocked', () => {
    expect(factsOf('blocklist.set', { blocklist: [annJid] }, to)).toEqual([
      { kind: 'blocked', people: [ann], isBlocked: true, isWhole: true },
    ])
    expect(factsOf('blocklist.update', { blocklist: ['91@lid'], type: 'remove' }, to)).toEqual([
      { kind: 'blocked', people: [ann], isBlocked: false, isWhole: false },
    ])
  })
})

describe('chats', () => {
  const of = (event: 'chats.upsert' | 'chats.update', chat: object) => factsOf(event, [chat] as never, to)
  const inAnn = (said: object) => [{ kind: 'chats', chats: [{ chatId: '1555@c.us', person: ann, ...said }] }]

  it.each([
    [{ archived: true }, { archived: true }],
    [{ pinned: 7 }, { pinnedAt: 7 }],
    [{ pinned: null }, { pinnedAt: 0 }],
    [{ muteEndTime: 9_000 }, { mutedUntil: 9_000 }],
    [{ muteEndTime: -1 }, { mutedUntil: -1 }],
    [{ muteEndTime: 0 }, { mutedUntil: -1 }],
    [{ muteEndTime: null }, { mutedUntil: 0 }],
    [{ unreadCount: 0 }, { unreadBase: 0, countedAt: 5_000 }],
    [{ unreadCount: -1 }, { unreadBase: -1 }],
    [{ unreadCount: null }, {}],
    // A message that came: our own store counts it.
    [{ unreadCount: 1, messages: [], conversationTimestamp: 3 }, {}],
    [{ ephemeralExpiration: 86_400 }, { ephemeralSeconds: 86_400 }],
    [{ ephemeralExpiration: null }, { ephemeralSeconds: 0 }],
  ])('an update %j says %j', (update, said) =>
    expect(of('chats.update', { id: '91@lid', ...update })).toEqual(inAnn(said)),
  )

  it('as the phone describes them', () => {
    const chat = {
      id: annJid,
      name: 'Ann',
      unreadCount: 2,
      archived: false,
      pinned: 4,
      muteEndTime: 8,
      conversationTimestamp: 3,
      ephemeralExpiration: 60,
    }
    expect(of('chats.upsert', chat)).toEqual(
      inAnn({
        name: 'Ann',
        lastAt: 3,
        archived: false,
        pinnedAt: 4,
        mutedUntil: 8,
        unreadBase: 2,
        countedAt: 3_999,
        ephemeralSeconds: 60,
      }),
    )
    expect(of('chats.upsert', { id: group, markedAsUnread: true, conversationTimestamp: 3 })).toEqual([
      { kind: 'chats', chats: [{ chatId: group, lastAt: 3, unreadBase: -1, countedAt: 3_999 }] },
    ])
    expect(of('chats.upsert', { id: 'status@broadcast' })).toEqual([])
    expect(factsOf('chats.delete', [annJid], to)).toEqual([{ kind: 'chat-deleted', chatId: '1555@c.us' }])
  })
})

describe('groups', () => {
  const members = [
    { id: '91@lid', admin: 'superadmin' },
    { id: '90@lid', phoneNumber: '1500@s.whatsapp.net', admin: null },
  ]
  const described = {
    id: group,
    subject: 'Friends',
    owner: '91@lid',
    creation: 4,
    announce: true,
    restrict: false,
    memberAddMode: true,
    addressingMode: 'lid',
    participants: members,
  }

  it('with their members are known as a whole, and no news', () => {
    expect(factsOf('groups.update', [described] as never, to)).toEqual([
      { kind: 'chats', chats: [{ chatId: group }] },
      {
        kind: 'group',
        groupId: group,
        fact: {
          subject: 'Friends',
          description: null,
          ownerId: '91@lid',
          createdAt: 4,
          announce: true,
          locked: false,
          memberAddMode: 'all',
          ephemeralSeconds: 0,
          linkedParent: null,
          addressing: 'lid',
          isMember: true,
        },
        members: [
          { ...ann, address: '91@lid', admin: 'superadmin' },
          { phoneId: '1500@c.us', lidId: '90@lid', address: '90@lid', admin: null },
        ],
      },
    ])
    expect(groupNewsOf('groups.update', [described] as never, to)).toEqual([])
  })

  it('that change are told of with what has changed, and by whom', () => {
    const update = { id: group, subject: 'Best friends', author: '91@lid' }
    expect(factsOf('groups.update', [update], to)).toEqual([
      { kind: 'group', groupId: group, fact: { subject: 'Best friends' }, members: null },
    ])
    const about = { groupId: group, actorId: '1555@c.us', timestamp: 5, participantIds: [] }
    expect(groupNewsOf('groups.update', [update], to)).toEqual([
      { event: 'group.update', data: { ...about, changes: { subject: 'Best friends' } } },
    ])
    const emptied = { id: group, desc: undefined, author: '91@lid' } as never
    expect(groupNewsOf('groups.update', [emptied], to)).toEqual([
      { event: 'group.update', data: { ...about, changes: { description: '' } } },
    ])
    expect(groupNewsOf('groups.update', [{ id: group, inviteCode: 'abc' }], to)).toEqual([])
  })

  it.each([
    ['add', 'group.join', null],
    ['remove', 'group.leave', null],
    ['promote', 'group.update', 'admin'],
    ['demote', 'group.update', null],
  ] as const)('%s', (action, event, admin) => {
    const data = { id: group, author: '91@lid', participants: [{ id: bobJid }], action }
    expect(factsOf('group-participants.update', data, to)).toEqual([
      { kind: 'people', people: [ann] },
      {
        kind: 'members',
        groupId: group,
        change: action,
        members: [{ ...bob, address: '1556@c.us', admin }],
      },
    ])
    const news = groupNewsOf('group-participants.update', data, to)
    expect(news.map(each => each.event)).toEqual([event])
    expect(news[0]?.data).toMatchObject({
      actorId: '1555@c.us',
      participantIds: ['1556@c.us'],
      ...(event === 'group.update' && { changes: { admin: action === 'promote' } }),
    })
  })

  it('that this account leaves, is taken into, or whose members are not known any more', () => {
    const mine = { id: group, author: '91@lid', participants: [{ id: '90@lid' }] }
    expect(factsOf('group-participants.update', { ...mine, action: 'remove' }, to)[2]).toEqual({
      kind: 'group',
      groupId: group,
      fact: { isMember: false },
      members: null,
    })
    expect(factsOf('group-participants.update', { ...mine, action: 'modify' }, to)).toEqual([
      { kind: 'group-stale', groupId: group },
    ])
    const added = groupNewsOf('groups.upsert', [{ ...described, author: '91@lid' }] as never, to)
    expect(added).toMatchObject([{ event: 'group.join', data: { participantIds: ['1500@c.us'] } }])
    expect(
      groupNewsOf(
        'groups.upsert',
        [{ ...described, author: '90@lid', authorPn: '1500@s.whatsapp.net' }] as never,
        to,
      ),
    ).toEqual([])
  })

  it('that somebody asks to join', () => {
    const asked = { id: group, author: '92@lid', participant: '92@lid', participantPn: bobJid } as const
    const request = (action: 'created' | 'rejected') =>
      groupNewsOf('group.join-request', { ...asked, action, method: undefined }, to)
    expect(request('created')).toMatchObject([
      { event: 'group.join_request', data: { groupId: group, participantIds: ['1556@c.us'] } },
    ])
    expect(request('rejected')).toEqual([])
  })
})
