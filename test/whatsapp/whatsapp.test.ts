import { proto } from 'baileys'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { type BaileysClient, createBaileysClient } from './baileys-client.ts'
import type { Contact } from './contact.ts'
import type { Phone } from './phone.ts'
import { createWhatsApp, type WhatsApp } from './whatsapp.ts'

const { DELIVERY_ACK, READ, ERROR } = proto.WebMessageInfo.Status
/** Longer than Baileys holds back its own messages, so that a receipt is an update of its own. */
const RECEIPT_DELAY_MS = 150

let loud: () => void
let whatsapp: WhatsApp
let phone: Phone
let client: BaileysClient
let bob: Contact
let eve: Contact

beforeAll(async () => {
  loud = silenceSignalConsole()
  whatsapp = await createWhatsApp({ receiptDelayMs: RECEIPT_DELAY_MS })
  phone = whatsapp.phone('15550000001', { name: 'Alice' })
  bob = whatsapp.contact('15550000002', { name: 'Bob' })
  eve = whatsapp.contact('15550000003', { name: 'Eve' })
  client = createBaileysClient({ whatsapp, onQr: phone.scan })
  await client.open()
})

afterEach(() => expect(whatsapp.surprises).toEqual([]))

afterAll(async () => {
  await client.close()
  await whatsapp[Symbol.asyncDispose]()
  loud()
})

const statusOf = (id: string, status: number) =>
  client.updates.find(({ key, update }) => key.id === id && update.status === status)

describe('a linked client', () => {
  it('is open, under the number and the push name of the phone', async () => {
    await phone.online()
    await expect.poll(() => client.auth.creds.me?.name).toBe('Alice')
    expect(client.auth.creds.me?.id).toBe(`${phone.pn}:1@s.whatsapp.net`)
    expect(client.auth.creds.me?.lid).toBe(`${phone.lid}:1@lid`)
    expect(phone.isLinked).toBe(true)
  })

  it('learns who is on WhatsApp and who is not', async () => {
    const answers = await client.socket.onWhatsApp(bob.pn, '15559999999')
    expect(answers?.filter(({ exists }) => exists).map(({ jid }) => jid)).toEqual([bob.pnJid])
  })
})

describe('sending', () => {
  it('reaches the contact, mirrored to the own phone, and is acknowledged once', async () => {
    const id = await client.send(bob.pnJid, 'Hello Bob')
    const received = await bob.next(message => message.text.startsWith('Hello'))
    expect(received).toMatchObject({ id, from: phone.pn, device: 1, to: bob.pnJid, encryption: 'pkmsg' })
    expect(await phone.next(message => message.id === id)).toMatchObject({
      text: 'Hello Bob',
      from: phone.pn,
    })
    expect(whatsapp.log.ids({ direction: 'in', kind: 'message' }).filter(each => each === id)).toHaveLength(1)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'ack', detail: 'message' })).toContain(id)
  })

  it('reaches a contact by its LID', async () => {
    const id = await client.send(eve.lidJid, 'by LID')
    expect(await eve.next()).toMatchObject({ id, text: 'by LID', to: eve.lidJid })
  })

  it('continues the session once the contact has answered', async () => {
    await client.send(bob.pnJid, 'first')
    await bob.next(({ text }) => text === 'first')
    await bob.write('an answer', { to: phone })
    await client.hears('an answer')
    await client.send(bob.pnJid, 'second')
    expect(await bob.next(({ text }) => text === 'second')).toMatchObject({ encryption: 'msg' })
  })

  it('tells when it was delivered and when it was read', async () => {
    const id = await client.send(bob.pnJid, 'are you there?')
    await statusOf(id, DELIVERY_ACK)
    await bob.reads(id)
    await statusOf(id, READ)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'receipt', detail: 'read' })).toContain(id)
  })

  it('tells nothing while the contact gives no receipts', async () => {
    const mute = whatsapp.contact('15550000004', { name: 'Mute' })
    mute.receipts = 'none'
    const silent = await client.send(mute.pnJid, 'hello?')
    const noted = await client.send(bob.pnJid, 'hello!')
    await statusOf(noted, DELIVERY_ACK)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'receipt' })).not.toContain(silent)
  })

  it('is refused by a nack, and not delivered', async () => {
    whatsapp.nackNext(479)
    const id = await client.send(bob.pnJid, 'refused')
    await whatsapp.log.until({ direction: 'out', kind: 'nack', id, detail: '479' })
    // Baileys may still hold back the message itself, and then the error comes with it.
    const inUpserts = () =>
      client.upserts.all.some(({ message: { key, status } }) => key.id === id && status === ERROR)
    const inUpdates = () =>
      client.updates.all.some(({ key, update }) => key.id === id && update.status === ERROR)
    await expect.poll(() => inUpserts() || inUpdates()).toBe(true)
    expect(bob.inbox.map(message => message.id)).not.toContain(id)
  })

  it('is delivered though its acknowledgement is lost, and twice if it is sent again', async () => {
    whatsapp.loseAckNext()
    const id = await client.send(bob.pnJid, 'said once')
    await bob.next(message => message.id === id)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'ack' })).not.toContain(id)
    await client.socket.sendMessage(bob.pnJid, { text: 'said once' }, { messageId: id })
    await bob.next(message => message.id === id)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'ack' })).toContain(id)
  })
})

describe('receiving', () => {
  it('brings a text with sender, name and both addresses', async () => {
    const { id } = await bob.write('help', { to: phone })
    const { message, type } = await client.hears('help')
    expect(message).toMatchObject({
      key: { id, remoteJid: bob.pnJid, remoteJidAlt: bob.lidJid, fromMe: false },
    })
    expect(message.pushName).toBe('Bob')
    expect(type).toBe('notify')
    await whatsapp.log.until({ direction: 'in', kind: 'receipt', id, peer: bob.pnJid })
    await whatsapp.log.until({ direction: 'out', kind: 'ack', id, detail: 'receipt' })
  })

  it('brings the time at which it was written', async () => {
    const before = Math.floor(Date.now() / 1000)
    await bob.write('now', { to: phone })
    expect(Number((await client.hears('now')).message.messageTimestamp)).toBeGreaterThanOrEqual(before)
    await bob.write('then', { to: phone, at: 1_700_000_000 })
    expect(Number((await client.hears('then')).message.messageTimestamp)).toBe(1_700_000_000)
  })

  it('brings a text from a LID', async () => {
    await eve.write('from a LID', { to: phone, addressing: 'lid' })
    const { message } = await client.hears('from a LID')
    expect(message.key).toMatchObject({ remoteJid: eve.lidJid, remoteJidAlt: eve.pnJid })
  })

  it('brings a text from a stranger of whom only one address is given', async () => {
    const stranger = whatsapp.contact('15550000005', { name: 'Stranger' })
    await stranger.write('guess who', { to: phone, withoutAlt: true })
    expect((await client.hears('guess who')).message.key).toMatchObject({ remoteJid: stranger.pnJid })
  })

  it('brings what was typed on the phone as its own, and the contact gets it too', async () => {
    const { id } = await phone.types('typed by hand', { to: bob })
    const { message } = await client.hears('typed by hand')
    expect(message.key).toMatchObject({ id, remoteJid: bob.pnJid, fromMe: true })
    expect(await bob.next(received => received.id === id)).toMatchObject({ from: phone.pn, device: 0 })
    await whatsapp.log.until({ direction: 'in', kind: 'receipt', id, detail: 'sender' })
  })

  it('keeps two contacts apart that write at once', async () => {
    const texts = Array.from({ length: 10 }, (_, number) => number)
    await Promise.all(
      texts.flatMap(number => [
        bob.write(`b${number}`, { to: phone }),
        eve.write(`e${number}`, { to: phone, addressing: 'lid' }),
      ]),
    )
    for (const number of texts) {
      expect((await client.hears(`b${number}`)).message.key.remoteJid).toBe(bob.pnJid)
      expect((await client.hears(`e${number}`)).message.key.remoteJid).toBe(eve.lidJid)
    }
  })
})

describe('quoting', () => {
  it('shows the client what a contact answers to', async () => {
    const id = await client.send(bob.pnJid, 'tea or coffee?')
    await bob.next(message => message.id === id)
    await bob.write('tea', { to: phone, quote: { id, text: 'tea or coffee?', from: phone } })
    const { message } = await client.hears('tea')
    expect(message.message?.extendedTextMessage?.contextInfo).toMatchObject({
      stanzaId: id,
      participant: phone.pnJid,
      quotedMessage: { conversation: 'tea or coffee?' },
    })
  })

  it('shows the contact what the client answers to', async () => {
    const { id } = await bob.write('how much?', { to: phone })
    const { message: quoted } = await client.hears('how much?')
    await client.send(bob.pnJid, 'five', { quoted })
    expect(await bob.next(({ text }) => text === 'five')).toMatchObject({ quoted: { id, text: 'how much?' } })
  })
})

describe('what cannot be decrypted', () => {
  it('is asked for again by the client, and heals', async () => {
    const { id } = await bob.write('spoiled on the way', { to: phone, spoiled: true })
    await whatsapp.log.until({ direction: 'in', kind: 'retry', id })
    expect((await client.hears('spoiled on the way')).message.key.id).toBe(id)
    await whatsapp.log.until({ direction: 'in', kind: 'receipt', id })
    expect(whatsapp.log.ids({ direction: 'out', kind: 'message', id })).toHaveLength(2)
  })

  it('heals too when the client has lost its session', async () => {
    await bob.write('here is a session', { to: phone })
    await client.hears('here is a session')
    await client.send(bob.pnJid, 'and it is agreed on')
    await bob.next(({ text }) => text === 'and it is agreed on')
    await client.auth.keys.set({ session: { [`${bob.lid}_1.0`]: null } })
    const { id } = await bob.write('do you remember me?', { to: phone })
    await client.hears('do you remember me?')
    expect(whatsapp.log.ids({ direction: 'in', kind: 'retry', id })).toHaveLength(1)
  })

  it('is asked for again by the contact, and the client sends it anew', async () => {
    await bob.write('so that we have a session', { to: phone })
    await client.hears('so that we have a session')
    await client.send(bob.pnJid, 'and it is in use')
    await bob.next(({ text }) => text === 'and it is in use')
    bob.forgets(phone)
    const id = await client.send(bob.pnJid, 'once more, please')
    expect(await bob.next(message => message.id === id)).toMatchObject({ encryption: 'pkmsg' })
    expect(whatsapp.log.ids({ direction: 'out', kind: 'retry', id })).toHaveLength(1)
    expect(whatsapp.log.ids({ direction: 'in', kind: 'message', id })).toHaveLength(2)
  })

  it('heals after the contact has a new phone', async () => {
    const changer = whatsapp.contact('15550000006', { name: 'Changer' })
    await changer.write('old phone', { to: phone })
    await client.hears('old phone')
    changer.reinstalls()
    const id = await client.send(changer.pnJid, 'who are you?')
    await changer.next(message => message.id === id)
    await changer.write('new phone', { to: phone })
    await client.hears('new phone')
  })
})
