import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBaileysClient } from './baileys-client.ts'
import { createLinked, type Linked } from './linked.fixtures.ts'

let linked: Linked
let numbers = 15550000100

beforeAll(async () => {
  linked = await createLinked()
})

afterAll(() => linked[Symbol.asyncDispose]())

const createContact = () => linked.whatsapp.contact(String(numbers++))

describe('a contact with several devices', () => {
  it('reads on each of them what the client writes', async () => {
    const { client } = linked
    const carl = createContact()
    const laptop = carl.links()
    for (const text of ['one', 'two']) {
      const id = await client.send(carl.pnJid, text)
      for (const on of [0, laptop]) {
        expect(await carl.next(each => each.id === id && each.on === on)).toMatchObject({ text, on })
      }
    }
  })

  it.each(['pnJid', 'lidJid'] as const)(
    'is written to on a new one too, and no more on an old one: %s',
    async jid => {
      const { client, whatsapp } = linked
      const carl = createContact()
      const first = await client.send(carl[jid], 'one device')
      await carl.next(({ id }) => id === first)
      const laptop = carl.links()
      await whatsapp.log.until({ direction: 'in', kind: 'ack', detail: 'notification', peer: carl[jid] })
      const second = await client.send(carl[jid], 'two devices')
      await carl.next(({ id, on }) => id === second && on === laptop)
      carl.unlinks(laptop)
      await expect
        .poll(() =>
          whatsapp.log.ids({ direction: 'in', kind: 'ack', detail: 'notification', peer: carl[jid] }),
        )
        .toHaveLength(2)
      const third = await client.send(carl[jid], 'one device again')
      expect(await carl.next(({ id }) => id === third)).toMatchObject({ on: 0 })
      expect(carl.inbox.filter(({ id }) => id === third)).toHaveLength(1)
    },
  )

  it('writes from any of them, as one person', async () => {
    const { client, phone } = linked
    const carl = createContact()
    const laptop = carl.links()
    for (const device of [0, laptop]) {
      const { id } = await carl.write(`from ${device}`, { to: phone, device })
      const { message } = await client.hears(`from ${device}`)
      expect(message.key.id).toBe(id)
      expect(message.key.remoteJid?.split(/[:@]/)[0]).toBe(carl.pn)
    }
  })

  it('asks again on the device that could not read it', async () => {
    const { client, phone, whatsapp } = linked
    const carl = createContact()
    const laptop = carl.links()
    await carl.write('from the laptop', { to: phone, device: laptop })
    await client.hears('from the laptop')
    const before = await client.send(carl.pnJid, 'understood')
    await carl.next(({ id, on }) => id === before && on === laptop)
    carl.forgets(phone, { device: laptop })
    const id = await client.send(carl.pnJid, 'not understood')
    await carl.next(each => each.id === id && each.on === laptop)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'retry', id })).toHaveLength(1)
    expect(carl.inbox.filter(each => each.id === id && each.on === 0)).toHaveLength(1)
  })

  it('reads on each of them what is written in a group', async () => {
    const { client, whatsapp, phone } = linked
    const carl = createContact()
    const laptop = carl.links()
    const team = whatsapp.group('Team', { members: [phone, carl] })
    const id = await client.send(team.jid, 'to all devices')
    for (const on of [0, laptop]) await carl.next(each => each.id === id && each.on === on)
    await carl.write('from the laptop to the group', { to: team, device: laptop })
    const { message } = await client.hears('from the laptop to the group')
    expect(message.key).toMatchObject({ remoteJid: team.jid, fromMe: false })
  })
})

describe('a second linked device of the own account', () => {
  it('is known to the first from then on: it sees what the first writes', async () => {
    const { client, whatsapp, phone, bob } = linked
    const before = await client.send(bob.pnJid, 'alone')
    await bob.next(({ id }) => id === before)
    await using second = createBaileysClient({ whatsapp, onQr: phone.scan })
    await second.open()
    await second.event('creds.update', ({ me }) => me?.name === 'Alice')
    await client.event('connection.update')
    const id = await client.send(bob.pnJid, 'mirrored')
    const { message } = await second.hears('mirrored')
    expect(message.key).toMatchObject({ id, remoteJid: bob.pnJid, fromMe: true })
    await second.socket.logout()
    await client.send(bob.pnJid, 'alone again')
    await bob.next(({ text }) => text === 'alone again')
  })

  it('sees what the first writes to a group', async () => {
    const { client, whatsapp, phone, bob } = linked
    const team = whatsapp.group('Team', { members: [phone, bob] })
    await using second = createBaileysClient({ whatsapp, onQr: phone.scan })
    await second.open()
    await second.event('creds.update', ({ me }) => me?.name === 'Alice')
    const id = await client.send(team.jid, 'mirrored in the group')
    expect((await second.hears('mirrored in the group')).message.key).toMatchObject({ id, fromMe: true })
    await second.socket.logout()
  })
})
