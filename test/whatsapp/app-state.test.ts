import { newLTHashState, proto } from 'baileys'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAppState } from './app-state.ts'
import { createBaileysClient } from './baileys-client.ts'
import { createLinked, type Linked } from './linked.fixtures.ts'
import { node } from './nodes.ts'

let linked: Linked

beforeAll(async () => {
  linked = await createLinked()
})

afterAll(() => linked[Symbol.asyncDispose]())

describe('what the phone changes', () => {
  const chatUpdate = (field: string) =>
    linked.client.event('chats.update', updates =>
      updates.some(each => each.id === linked.bob.pnJid && field in each),
    )

  it('is told to the client: archive, mute, pin, unread', async () => {
    const { phone, bob } = linked
    await phone.archives(bob)
    expect(await chatUpdate('archived')).toMatchObject([{ archived: true }])
    await phone.archives(bob, false)
    expect(await chatUpdate('archived')).toMatchObject([{ archived: false }])
    await phone.mutes(bob, 60_000)
    expect((await chatUpdate('muteEndTime'))[0]?.muteEndTime).toBeGreaterThan(Date.now())
    await phone.pins(bob)
    expect((await chatUpdate('pinned'))[0]?.pinned).toBeTruthy()
    await phone.marksRead(bob, false)
    expect(await chatUpdate('unreadCount')).toMatchObject([{ unreadCount: -1 }])
  })

  it('is told to the client: the address book', async () => {
    const { phone, bob, client } = linked
    await phone.saves(bob, 'Bobby')
    const saved = await client.event('contacts.upsert', ([contact]) => contact?.name === 'Bobby')
    expect(saved[0]).toMatchObject({ id: bob.pnJid })
    await phone.saves(bob, undefined)
    await phone.saves(bob, 'Robert')
    await client.event('contacts.upsert', ([contact]) => contact?.name === 'Robert')
  })

  it('is told to the client: labels', async () => {
    const { phone, bob, client } = linked
    await phone.addsLabel({ id: '7', name: 'Lead', color: 1 })
    expect(await client.event('labels.edit', ({ id }) => id === '7')).toMatchObject({ name: 'Lead' })
    await phone.labels(bob, '7')
    const on = await client.event('labels.association', ({ type }) => type === 'add')
    expect(on.association).toMatchObject({ labelId: '7', chatId: bob.pnJid })
    await phone.labels(bob, '7', false)
    await client.event('labels.association', ({ type }) => type === 'remove')
  })

  it('is told to the client: the own name', async () => {
    const { phone, client } = linked
    await phone.renames('Alice II')
    await client.event('creds.update', ({ me }) => me?.name === 'Alice II')
  })

  it('waits for a client that is away', async () => {
    const { phone, eve, client } = linked
    await client.close()
    await phone.archives(eve)
    await client.open()
    await client.event('chats.update', updates =>
      updates.some(each => each.id === eve.pnJid && each.archived),
    )
  })
})

describe('what the client changes', () => {
  it('can be read', async () => {
    const { client, phone, bob } = linked
    await client.socket.chatModify({ mute: 3_600_000 }, bob.pnJid)
    const muted = await phone.settings.take(({ index }) => index[0] === 'mute')
    expect(muted).toMatchObject({ collection: 'regular_high', index: ['mute', bob.pnJid] })
    expect(muted.value.muteAction?.muted).toBe(true)
    await client.socket.addLabel('', { id: '5', name: 'VIP', color: 2, deleted: false, predefinedId: 0 })
    const label = await phone.settings.take(({ index }) => index[0] === 'label_edit')
    expect(label.value.labelEditAction).toMatchObject({ name: 'VIP', color: 2 })
  })

  it('is built upon by the phone, and the other way round', async () => {
    const { client, phone, bob, eve } = linked
    for (const chat of [bob, eve]) {
      await client.socket.chatModify({ pin: true }, chat.pnJid)
      await phone.settings.take(({ index }) => index[0] === 'pin_v1' && index[1] === chat.pnJid)
      await phone.pins(chat, false)
      await client.event('chats.update', updates =>
        updates.some(each => each.id === chat.pnJid && 'pinned' in each && !each.pinned),
      )
    }
  })

  it('is told to other linked devices', async () => {
    const { client, whatsapp, phone } = linked
    // A chat that no setting is about so far: Baileys holds back what follows on one that it knew at the first sync.
    const carl = whatsapp.contact('15550000008')
    await using second = createBaileysClient({ whatsapp, onQr: phone.scan })
    await second.open()
    await second.event('creds.update', ({ me }) => me?.name !== undefined)
    await client.socket.chatModify({ mute: 7_200_000 }, carl.pnJid)
    await second.event('chats.update', updates =>
      updates.some(each => each.id === carl.pnJid && each.muteEndTime),
    )
  })
})

describe('createAppState', () => {
  it('does not take a patch that builds on another state', async () => {
    const state = createAppState('Alice')
    await state.prepare()
    const patch = node('patch', {}, proto.SyncdPatch.encode({}).finish())
    const answer = await state.sync(node('collection', { name: 'critical_block', version: 0 }, [patch]))
    expect(answer.attrs).toMatchObject({ type: 'error', version: '1' })
  })

  it('does not take a patch that is sealed with another key', async () => {
    const mine = createAppState('Alice')
    const other = createAppState('Alice')
    await other.write({ pin: true }, 'a@s.whatsapp.net')
    const handed = await other.sync(node('collection', { name: 'regular_low', version: 0 }))
    const [patches] = Array.isArray(handed.content) ? handed.content : []
    const asked = node('collection', { name: 'regular_low', version: 0 }, patches?.content)
    await expect(mine.sync(asked)).rejects.toThrow()
    expect(newLTHashState().version).toBe(0)
    expect(mine.changes.all).toEqual([])
  })
})
