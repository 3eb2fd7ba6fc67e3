// What an account knows besides its messages, against the emulated WhatsApp and with the real Baileys: people, chats, groups.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import { listChatRows } from '../../src/db/directory/chats.ts'
import { findGroup, listGroups } from '../../src/db/directory/groups.ts'
import { findContact, listContacts } from '../../src/db/directory/people.ts'
import { toChatSummary } from '../../src/db/directory/views.ts'
import { readEvents } from '../../src/db/events.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createRig, type Gateway, type Rig } from './session-rig.ts'

let rig: Rig
let gateway: Gateway
let phone: Phone
beforeEach(async () => {
  rig = await createRig()
  gateway = await rig.gateway()
  phone = rig.whatsapp.phone('15550000001', { name: 'Alice' })
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const page = { limit: 100, offset: 0 }
const chats = async (sessionId: SessionId) => {
  await gateway.queue.settled()
  const rows = await listChatRows(gateway.db, sessionId, page)
  return rows.map(row => toChatSummary(row, Date.now()))
}
const person = async (sessionId: SessionId, id: string) => {
  await gateway.queue.settled()
  return findContact(gateway.db, sessionId, id)
}
const group = async (sessionId: SessionId, id: string) => {
  await gateway.queue.settled()
  return findGroup(gateway.db, sessionId, id)
}
const eventsNamed = async (...names: string[]) => {
  await gateway.queue.settled()
  const { events } = await readEvents(
    gateway.db,
    { scope: null, names, withheld: [] },
    { after: 0, limit: 100, newest: 1_000 },
  )
  return events.map(({ event, data }) => ({ event, ...JSON.parse(data) }))
}
const heard = (text: string) => gateway.hooked.take(({ body }) => body === text)
const soon = { timeout: 5_000, interval: 10 }
const neutral = (jid: string) => jid.replace('s.whatsapp.net', 'c.us')

describe('people and chats', () => {
  it('are one person with one chat, written to by phone and answering by lid', async () => {
    const sessionId = await gateway.linked(phone)
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    await bob.write('by lid', { to: phone, addressing: 'lid' })
    await heard('by lid')
    await bob.write('by phone', { to: phone, addressing: 'pn' })
    await heard('by phone')
    const [chat, ...others] = await chats(sessionId)
    expect(others).toEqual([])
    expect(chat).toMatchObject({
      id: neutral(bob.pnJid),
      name: 'Bob',
      unreadCount: 2,
      lastMessage: 'by phone',
      lastMessageType: 'text',
      isGroup: false,
      kind: 'individual',
      archived: false,
      pinned: false,
      muted: false,
    })
    expect(await person(sessionId, bob.lidJid)).toMatchObject({
      phoneId: neutral(bob.pnJid),
      pushName: 'Bob',
    })
  })

  it('follow what the phone says of them', async () => {
    const sessionId = await gateway.linked(phone)
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    await bob.write('one', { to: phone })
    await heard('one')
    await phone.saves(bob, 'Bob Builder')
    await phone.archives(bob)
    await phone.mutes(bob, 3_600_000)
    await phone.pins(bob)
    await phone.marksRead(bob)
    await expect
      .poll(() => chats(sessionId), soon)
      .toMatchObject([{ name: 'Bob Builder', archived: true, muted: true, pinned: true, unreadCount: 0 }])
    await phone.archives(bob, false)
    await phone.mutes(bob, undefined)
    await phone.pins(bob, false)
    await phone.marksRead(bob, false)
    await expect
      .poll(() => chats(sessionId), soon)
      .toMatchObject([{ archived: false, muted: false, pinned: false, unreadCount: -1 }])
    rig.clock.advance(1)
    await bob.write('two', { to: phone })
    await heard('two')
    expect(await chats(sessionId)).toMatchObject([{ unreadCount: 1, lastMessage: 'two' }])
    expect(await person(sessionId, neutral(bob.pnJid))).toMatchObject({
      name: 'Bob Builder',
      pushName: 'Bob',
    })
    await phone.saves(bob, undefined)
    await expect.poll(() => person(sessionId, neutral(bob.pnJid)), soon).toMatchObject({ name: null })
  })

  it('are changed from here too, for all devices of the account', async () => {
    const sessionId = await gateway.linked(phone)
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    const { id } = await bob.write('one', { to: phone })
    await heard('one')
    const { account } = await gateway.sessions.link(sessionId)
    const chatId = neutral(bob.pnJid) as never
    const input = { chatId }
    expect(await account.changeChat({ change: 'archive', input: { chatId, archive: true } })).toBe(true)
    expect(
      await account.changeChat({ change: 'mute', input: { chatId, muteUntil: 4_000_000_000_000 } }),
    ).toBe(true)
    expect(await account.changeChat({ change: 'pin', input: { chatId, pin: true } })).toBe(true)
    await expect
      .poll(() => chats(sessionId), soon)
      .toMatchObject([{ archived: true, muteExpiration: 4_000_000_000_000, pinned: true, unreadCount: 1 }])
    expect(await account.changeChat({ change: 'read', input })).toBe(true)
    expect(await chats(sessionId)).toMatchObject([{ unreadCount: 0 }])
    expect(await account.changeChat({ change: 'unread', input })).toBe(true)
    await expect.poll(() => chats(sessionId), soon).toMatchObject([{ unreadCount: -1 }])
    expect(await account.changeChat({ change: 'typing', input: { chatId, state: 'recording' } })).toBe(true)
    await rig.whatsapp.shown.find(({ presence, to }) => presence === 'recording' && to === bob.pnJid)
    const other = { chatId: '15559999999@c.us' as never }
    expect(await account.changeChat({ change: 'archive', input: { ...other, archive: true } })).toBe(false)
    expect(
      await account.changeChat({ change: 'read', input: { chatId, messageIds: ['NONE' as never] } }),
    ).toBe(false)
    expect(await account.changeChat({ change: 'read', input: { chatId, messageIds: [id as never] } })).toBe(
      true,
    )
    expect(await account.changeChat({ change: 'delete', input })).toBe(true)
    await expect.poll(() => chats(sessionId), soon).toEqual([])
    expect(await gateway.messages(sessionId)).toEqual([])
  })

  it('that are blocked are known', async () => {
    const sessionId = await gateway.linked(phone)
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    await bob.write('one', { to: phone })
    await heard('one')
    const { account } = await gateway.sessions.link(sessionId)
    expect(await account.blocked()).toEqual([])
    expect((await person(sessionId, bob.lidJid))?.isBlocked).toBe(false)
    expect((await listContacts(gateway.db, sessionId, page)).length).toBeGreaterThan(0)
    bob.picture = Buffer.from('picture')
    expect(await account.pictureUrl(neutral(bob.pnJid))).toMatch(/^https?:/)
    bob.picture = undefined
    expect(await account.pictureUrl(neutral(bob.pnJid))).toBeNull()
  })
})

describe.each(['lid', 'pn'] as const)('groups by %s', mode => {
  it('are there after linking, follow their events and are told of', async () => {
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    const carol = rig.whatsapp.contact('15551110002', { name: 'Carol' })
    const friends = rig.whatsapp.group('Friends', { members: [bob, phone], mode })
    const sessionId = await gateway.linked(phone)
    await expect
      .poll(() => group(sessionId, friends.jid), soon)
      .toMatchObject({
        group: { subject: 'Friends', isComplete: true, isMember: true, addressing: mode },
        members: [
          { phoneId: neutral(bob.pnJid), lidId: bob.lidJid, admin: 'superadmin' },
          { phoneId: neutral(phone.pnJid), admin: null },
        ],
      })
    friends.add([carol])
    friends.promote([carol])
    friends.rename('Best friends')
    friends.describe('Only the best')
    friends.set('announcement')
    friends.set('locked')
    await expect
      .poll(() => group(sessionId, friends.jid), soon)
      .toMatchObject({
        group: { subject: 'Best friends', description: 'Only the best', announce: true, locked: true },
        members: [{}, { phoneId: neutral(carol.pnJid), admin: 'admin' }, {}],
      })
    friends.demote([carol])
    friends.remove([carol])
    await expect.poll(async () => (await group(sessionId, friends.jid))?.members.length, soon).toBe(2)
    const { account } = await gateway.sessions.link(sessionId)
    expect(await account.groupInfo(friends.jid)).toMatchObject({
      id: friends.jid,
      name: 'Best friends',
      owner: neutral(bob.pnJid),
      isReadOnly: true,
      isAnnounce: true,
      participants: [{ id: neutral(bob.pnJid), isSuperAdmin: true }, { id: neutral(phone.pnJid) }],
    })
    expect(await account.joinInfo(friends.inviteCode)).toMatchObject({
      id: friends.jid,
      name: 'Best friends',
    })
    const groupId = friends.jid
    const [actorId, carolId] = [neutral(bob.pnJid), neutral(carol.pnJid)]
    expect(await eventsNamed('group.join', 'group.leave', 'group.update')).toMatchObject([
      { event: 'group.join', groupId, actorId, participantIds: [carolId] },
      { event: 'group.update', groupId, actorId, participantIds: [carolId], changes: { admin: true } },
      { event: 'group.update', groupId, changes: { subject: 'Best friends' } },
      { event: 'group.update', groupId, changes: { description: 'Only the best' } },
      { event: 'group.update', groupId, changes: { announce: true } },
      { event: 'group.update', groupId, changes: { locked: true } },
      { event: 'group.update', groupId, actorId, participantIds: [carolId], changes: { admin: false } },
      { event: 'group.leave', groupId, actorId, participantIds: [carolId] },
    ])
    friends.remove([phone])
    await expect.poll(() => listGroups(gateway.db, sessionId, page), soon).toEqual([])
    await expect(account.groupInfo(friends.jid)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('are asked to be joined, and an admin sees by whom', async () => {
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    const friends = rig.whatsapp.group('Friends', { members: [phone, bob], mode })
    const sessionId = await gateway.linked(phone)
    await expect.poll(() => group(sessionId, friends.jid), soon).not.toBeNull()
    const { account } = await gateway.sessions.link(sessionId)
    friends.set({ approval: 'on' })
    friends.join(rig.whatsapp.contact('15551110002', { name: 'Carol' }))
    const participantIds = ['15551110002@c.us']
    await expect
      .poll(() => eventsNamed('group.join_request'), soon)
      .toMatchObject([{ groupId: friends.jid, participantIds }])
    expect(await account.membershipRequests(friends.jid)).toMatchObject([
      { participantId: participantIds[0] },
    ])
    expect(await account.inviteCode(friends.jid)).toEqual({
      inviteCode: friends.inviteCode,
      inviteLink: `https://chat.whatsapp.com/${friends.inviteCode}`,
    })
  })

  it('are sent to without asking WhatsApp who is in them, a new member included', async () => {
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    const carol = rig.whatsapp.contact('15551110002', { name: 'Carol' })
    const friends = rig.whatsapp.group('Friends', { members: [bob, phone], mode })
    const sessionId = await gateway.linked(phone)
    await expect.poll(() => group(sessionId, friends.jid), soon).not.toBeNull()
    const send = (text: string) => gateway.sender.sendText(sessionId, { chatId: friends.jid as never, text })
    await send('first')
    await bob.next(({ text }) => text === 'first')
    friends.add([carol])
    await expect.poll(async () => (await group(sessionId, friends.jid))?.members.length, soon).toBe(3)
    await send('second')
    await carol.next(({ text }) => text === 'second')
    expect(await chats(sessionId)).toMatchObject([{ id: friends.jid, name: 'Friends', isGroup: true }])
  })
})
