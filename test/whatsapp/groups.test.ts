import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Group } from './group.ts'
import { createLinked, type Linked } from './linked.fixtures.ts'

const RECEIPT_DELAY_MS = 150

let linked: Linked

beforeAll(async () => {
  linked = await createLinked({ receiptDelayMs: RECEIPT_DELAY_MS })
})

afterAll(() => linked[Symbol.asyncDispose]())

const pns = (people: readonly { pn: string }[]) => people.map(({ pn }) => pn)

describe.each(['lid', 'pn'] as const)('a group in %s mode', mode => {
  function createTeam(): Group {
    const { whatsapp, phone, bob, eve } = linked
    return whatsapp.group('Team', { members: [phone, bob, eve], owner: bob, mode })
  }

  it('is announced to the client, and described when asked', async () => {
    const { client, phone, bob, eve } = linked
    const team = createTeam()
    const [made] = await client.event('groups.upsert', ([group]) => group?.id === team.jid)
    expect(made).toMatchObject({ subject: 'Team', author: mode === 'lid' ? bob.lidJid : bob.pnJid })
    const metadata = await client.socket.groupMetadata(team.jid)
    const address = mode === 'lid' ? 'lidJid' : 'pnJid'
    expect(metadata).toMatchObject({ subject: 'Team', addressingMode: mode, owner: bob[address], size: 3 })
    expect(metadata.participants.map(({ id, admin }) => [id, admin])).toEqual([
      [phone[address], null],
      [bob[address], 'superadmin'],
      [eve[address], null],
    ])
    expect(Object.keys(await client.socket.groupFetchAllParticipating())).toContain(team.jid)
  })

  it('brings what a member writes, the second time on the key of the first', async () => {
    const { client, eve, bob } = linked
    const team = createTeam()
    const { id } = await eve.write(`hi ${mode}`, { to: team })
    const { message } = await client.hears(`hi ${mode}`)
    const [participant, participantAlt] = mode === 'lid' ? [eve.lidJid, eve.pnJid] : [eve.pnJid, eve.lidJid]
    expect(message).toMatchObject({
      key: { id, remoteJid: team.jid, fromMe: false, participant, participantAlt },
      pushName: 'Eve',
    })
    await eve.write(`again ${mode}`, { to: team })
    await client.hears(`again ${mode}`)
    expect(await bob.next(each => each.id === id)).toMatchObject({ group: team.jid, text: `hi ${mode}` })
  })

  it('brings what the client writes to every member, and to its own phone', async () => {
    const { client, phone, bob, eve } = linked
    const team = createTeam()
    for (const text of ['one', 'two']) {
      const id = await client.send(team.jid, text)
      for (const person of [bob, eve, phone]) {
        const received = await person.next(each => each.id === id)
        expect(received).toMatchObject({ text, group: team.jid, from: phone.pn, encryption: 'skmsg' })
      }
    }
  })

  it('reports who got and who read it', async () => {
    const { client, eve } = linked
    const team = createTeam()
    const id = await client.send(team.jid, 'anyone?')
    const userJid = mode === 'lid' ? eve.lidJid : eve.pnJid
    const receipt = (kind: 'receiptTimestamp' | 'readTimestamp') =>
      client.event('message-receipt.update', updates =>
        updates.some(({ key, receipt }) => key.id === id && receipt.userJid === userJid && receipt[kind]),
      )
    await receipt('receiptTimestamp')
    await eve.reads(id)
    await receipt('readTimestamp')
  })

  it('heals when a message is spoiled on the way', async () => {
    const { client, whatsapp, eve } = linked
    const team = createTeam()
    const { id } = await eve.write(`spoiled ${mode}`, { to: team, spoiled: true })
    expect((await client.hears(`spoiled ${mode}`)).message.key.id).toBe(id)
    expect(whatsapp.log.ids({ direction: 'in', kind: 'retry', id })).toHaveLength(1)
  })

  it('heals when the client has lost the key of a member', async () => {
    const { client, whatsapp, eve } = linked
    const team = createTeam()
    await eve.write(`known ${mode}`, { to: team })
    await client.hears(`known ${mode}`)
    const name = mode === 'lid' ? `${eve.lid}_1::0` : `${eve.pn}::0`
    await client.auth.keys.set({ 'sender-key': { [`${team.jid}::${name}`]: null } })
    const { id } = await eve.write(`forgotten ${mode}`, { to: team })
    await client.hears(`forgotten ${mode}`)
    expect(whatsapp.log.ids({ direction: 'in', kind: 'retry', id })).toHaveLength(1)
  })

  it('heals when a member has lost the key of the client', async () => {
    const { client, whatsapp, bob, phone } = linked
    const team = createTeam()
    const first = await client.send(team.jid, 'so that he has the key')
    await bob.next(({ id }) => id === first)
    bob.forgets(phone, { group: team })
    const id = await client.send(team.jid, 'once more')
    await bob.next(each => each.id === id)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'retry', id })).toHaveLength(1)
  })

  it('hears the first messages of a member also when they are written at once', async () => {
    const { client, whatsapp, eve } = linked
    const team = createTeam()
    const texts = ['one', 'two', 'three'].map(text => `${text} at once ${mode}`)
    for (const { id } of await Promise.all(texts.map(text => eve.write(text, { to: team })))) {
      await whatsapp.log.until({ direction: 'in', kind: 'receipt', id })
      expect(whatsapp.log.ids({ direction: 'in', kind: 'retry', id })).toEqual([])
    }
    for (const text of texts) await client.hears(text)
  })

  it('shows what was typed on the phone as its own', async () => {
    const { client, phone, bob } = linked
    const team = createTeam()
    const { id } = await phone.types(`by hand ${mode}`, { to: team })
    expect((await client.hears(`by hand ${mode}`)).message.key).toMatchObject({ id, fromMe: true })
    expect(await bob.next(each => each.id === id)).toMatchObject({ group: team.jid, from: phone.pn })
  })
})

describe('the members of a group', () => {
  it('come and go, and the client is told', async () => {
    const { client, whatsapp, phone, bob, eve } = linked
    const carl = whatsapp.contact('15550000007', { name: 'Carl' })
    const team = whatsapp.group('Changing', { members: [phone, bob], owner: bob })
    const changed = (action: string) =>
      client.event('group-participants.update', event => event.id === team.jid && event.action === action)
    team.add([eve, carl])
    expect((await changed('add')).participants.map(({ id }) => id)).toEqual([eve.lidJid, carl.lidJid])
    team.promote([eve])
    expect(pns(team.admins)).toEqual([bob.pn, eve.pn])
    await changed('promote')
    team.demote([eve])
    await changed('demote')
    team.remove([eve])
    expect((await changed('remove')).participants).toMatchObject([{ id: eve.lidJid, phoneNumber: eve.pnJid }])
    team.leave(carl)
    await changed('remove')
    expect(pns(team.members)).toEqual([phone.pn, bob.pn])
    await expect(eve.write('still here', { to: team })).rejects.toThrow('not in this group')
  })

  it('are changed by a client that is an admin', async () => {
    const { client, whatsapp, phone, bob, eve } = linked
    const team = whatsapp.group('Mine', { members: [phone, bob], owner: phone })
    const update = (people: string[], action: 'add' | 'remove' | 'promote' | 'demote') =>
      client.socket.groupParticipantsUpdate(team.jid, people, action)
    const added = await update([eve.pnJid, bob.lidJid, '15559999999@s.whatsapp.net'], 'add')
    expect(added.map(({ status }) => status)).toEqual(['200', '409', '404'])
    await update([eve.lidJid], 'promote')
    expect(pns(team.admins)).toEqual([phone.pn, eve.pn])
    await update([eve.lidJid], 'demote')
    await update([bob.lidJid], 'remove')
    expect(pns(team.members)).toEqual([phone.pn, eve.pn])
    const id = await client.send(team.jid, 'without Bob')
    await eve.next(each => each.id === id)
    expect(bob.inbox.map(each => each.id)).not.toContain(id)
  })

  it('are not changed by a client that is none', async () => {
    const { client, whatsapp, phone, bob, eve } = linked
    const team = whatsapp.group('Not mine', { members: [phone, bob], owner: bob })
    await expect(
      client.socket.groupParticipantsUpdate(team.jid, [eve.pnJid], 'promote'),
    ).rejects.toMatchObject({ data: 403 })
    team.set({ add: 'admin_add' })
    await expect(client.socket.groupParticipantsUpdate(team.jid, [eve.pnJid], 'add')).rejects.toThrow(
      'forbidden',
    )
    expect(() => team.rename('Mine', { by: eve })).toThrow('Eve may not')
  })

  it('leave it, and are then refused', async () => {
    const { client, whatsapp, phone, bob } = linked
    const team = whatsapp.group('Left', { members: [phone, bob], owner: bob })
    await client.socket.groupLeave(team.jid)
    expect(pns(team.members)).toEqual([bob.pn])
    await expect(client.socket.groupMetadata(team.jid)).rejects.toThrow('forbidden')
  })

  it('do not read what is written after they left', async () => {
    const { client, whatsapp, phone, bob } = linked
    const team = whatsapp.group('Farewell', { members: [phone, bob], owner: bob })
    await bob.write('before you go', { to: team })
    await client.hears('before you go')
    team.remove([phone])
    await client.event('group-participants.update', ({ id }) => id === team.jid)
    const { id } = await bob.write('finally alone', { to: team })
    await bob.write('a sign', { to: phone })
    await client.hears('a sign')
    expect(whatsapp.log.ids({ direction: 'out', kind: 'message', id })).toEqual([])
  })
})

describe('a group of the client', () => {
  it('is made, renamed, described and set', async () => {
    const { client, whatsapp, bob, eve, phone } = linked
    const { socket } = client
    const { id } = await socket.groupCreate('Ours', [bob.pnJid, eve.pnJid])
    const ours = whatsapp.findGroup(id)
    expect(ours).toMatchObject({ subject: 'Ours', mode: 'lid' })
    expect(pns(ours?.members ?? [])).toEqual([bob.pn, eve.pn, phone.pn])
    await socket.groupUpdateSubject(id, 'Renamed')
    await socket.groupUpdateDescription(id, 'What for')
    await socket.groupSettingUpdate(id, 'announcement')
    await socket.groupSettingUpdate(id, 'locked')
    await socket.groupToggleEphemeral(id, 86_400)
    const set = { subject: 'Renamed', announcement: true, locked: true, ephemeral: 86_400 }
    expect(ours).toMatchObject({ ...set, description: 'What for' })
    await socket.groupUpdateDescription(id)
    expect(ours?.description).toBeUndefined()
    expect(await socket.groupMetadata(id)).toMatchObject({
      announce: true,
      restrict: true,
      ephemeralDuration: 86_400,
    })
    await expect(bob.write('may I?', { to: ours! })).rejects.toThrow('only admins')
  })

  it('hears of what others change', async () => {
    const { client, whatsapp, phone, bob } = linked
    const team = whatsapp.group('Old name', { members: [phone, bob], owner: bob })
    const update = (wanted: object) =>
      client.event('groups.update', ([group]) => group?.id === team.jid && Object.keys(wanted)[0]! in group)
    team.rename('New name')
    expect(await update({ subject: 1 })).toMatchObject([{ subject: 'New name' }])
    team.describe('About us')
    expect(await update({ desc: 1 })).toMatchObject([{ desc: 'About us' }])
    team.set('announcement')
    expect(await update({ announce: 1 })).toMatchObject([{ announce: true }])
    team.set('locked')
    expect(await update({ restrict: 1 })).toMatchObject([{ restrict: true }])
    team.set({ add: 'admin_add' })
    expect(await update({ memberAddMode: 1 })).toMatchObject([{ memberAddMode: false }])
  })

  it('is caught up with after the client was away', async () => {
    const { client, whatsapp, phone, bob, eve } = linked
    const team = whatsapp.group('Before', { members: [phone, bob, eve], owner: bob })
    await client.close()
    team.rename('After')
    await eve.write('while you were away', { to: team })
    await client.open()
    await client.event('groups.update', ([group]) => group?.id === team.jid && group.subject === 'After')
    const { message, type } = await client.hears('while you were away')
    expect([message.key.remoteJid, type]).toEqual([team.jid, 'append'])
  })

  it('refuses what a member writes who may not', async () => {
    const { client, whatsapp, phone, bob } = linked
    const team = whatsapp.group('Quiet', { members: [phone, bob], owner: bob })
    team.set('announcement')
    const id = await client.send(team.jid, 'but I')
    await whatsapp.log.until({ direction: 'out', kind: 'nack', id, detail: '403' })
    expect(bob.inbox.map(each => each.id)).not.toContain(id)
  })
})

describe('an invitation', () => {
  it('is shown, changed and taken', async () => {
    const { client, whatsapp, bob, eve, phone } = linked
    const team = whatsapp.group('Open', { members: [bob], owner: bob })
    expect(await client.socket.groupGetInviteInfo(team.inviteCode)).toMatchObject({ subject: 'Open' })
    expect(await client.socket.groupAcceptInvite(team.inviteCode)).toBe(team.jid)
    expect(pns(team.members)).toEqual([bob.pn, phone.pn])
    team.promote([phone])
    const old = await client.socket.groupInviteCode(team.jid)
    expect(await client.socket.groupRevokeInvite(team.jid)).toBe(team.inviteCode)
    await expect(client.socket.groupAcceptInvite(old!)).rejects.toThrow('not-acceptable')
    team.join(eve)
    expect(pns(team.members)).toContain(eve.pn)
  })

  it('waits for an admin where that is asked for', async () => {
    const { client, whatsapp, bob, eve, phone } = linked
    const team = whatsapp.group('Closed', { members: [bob, phone], owner: phone })
    await client.socket.groupJoinApprovalMode(team.jid, 'on')
    team.join(eve)
    const [request] = await client.socket.groupRequestParticipantsList(team.jid)
    expect(request?.jid).toBe(eve.lidJid)
    await client.socket.groupRequestParticipantsUpdate(team.jid, [eve.lidJid], 'approve')
    expect(pns(team.members)).toContain(eve.pn)
    expect(team.requests).toEqual([])
  })
})
