// Messages in and out of a session, against the emulated WhatsApp and with the real Baileys.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import type { IncomingMessage, Reply, SendText } from '../../src/contract/message.ts'
import { messages } from '../../src/db/schema.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createLinkedRig, type Gateway, type Rig } from './session-rig.ts'

let rig: Rig
let gateway: Gateway
let phone: Phone
let bob: Contact
let sessionId: SessionId

beforeEach(async () => {
  ;({ rig, gateway, phone, bob, sessionId } = await createLinkedRig({ receiptDelayMs: 20 }))
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const ME = '15550000001@c.us'
const BOB = '15551110001@c.us'
const text = (input: { chatId: string; text: string; quotedMessageId?: string }) => input as SendText
const stored = (id: string) =>
  expect.poll(async () => (await gateway.messages(sessionId)).find(row => row.waMessageId === id), {
    interval: 5,
  })
const bothIdsOf = async (id: string) => {
  const rows = await gateway.db.select().from(messages)
  const row = rows.find(({ waMessageId }) => waMessageId === id)
  return row && { phoneId: row.phoneId, lidId: row.lidId }
}

it('tells the server once whom it writes to, also over a restart', async () => {
  const send = async () => {
    const { messageId } = await gateway.sender.sendText(sessionId, text({ chatId: BOB, text: 'hello' }))
    await stored(messageId).toMatchObject({ status: expect.stringMatching('sent|delivered') })
  }
  await send()
  await expect.poll(() => phone.trusted).toEqual(['15551110001@s.whatsapp.net'])
  await send()
  await gateway.down()
  gateway = await rig.gateway()
  await gateway.sessions.restore()
  rig.clock.advance(1)
  await gateway.becomes(sessionId, 'ready')
  await send()
  await send()
  expect(phone.trusted.length).toBe(1)
})

describe('a message that the database refuses', () => {
  it('again and again is left without its content and said to be so, and the session goes on', async () => {
    rig.disk.refuses = ({ sql, args }) => sql.startsWith('INSERT INTO messages') && args.includes('poison')
    const { id } = await bob.write('poison', { to: phone })
    await gateway.becomes(sessionId, 'disconnected')
    expect(await gateway.messages(sessionId)).toEqual([])
    await expect
      .poll(
        async () => {
          rig.clock.advance(1)
          return [(await gateway.messages(sessionId)).length, (await gateway.row(sessionId)).status]
        },
        { interval: 5, timeout: 8_000 },
      )
      .toEqual([1, 'ready'])
    await bob.write('next', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'next')
    await stored(id).toMatchObject({
      chatId: BOB,
      type: 'unknown',
      body: null,
      error: 'content_refused',
      metadata: { parked: { kind: 'text', reason: 'The database refused its content' } },
    })
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    expect(gateway.hooked.all.map(({ body }) => body)).toEqual(['next'])
    expect((await gateway.row(sessionId)).status).toBe('ready')
    // Nor does it come back with the next connection.
    await gateway.down()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1_000)
    await gateway.becomes(sessionId, 'ready')
    await bob.write('after', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'after')
    expect((await gateway.messages(sessionId)).filter(row => row.waMessageId === id)).toHaveLength(1)
  })
})

describe('a message in', () => {
  it('reaches the hooks as IncomingMessage and is stored under both ids of its sender', async () => {
    const { id } = await bob.write('hello', { to: phone })
    expect(await gateway.hooked.take(() => true)).toMatchObject({
      id,
      from: BOB,
      to: ME,
      chatId: BOB,
      body: 'hello',
      type: 'text',
      fromMe: false,
      isGroup: false,
      kind: 'individual',
      contact: { id: BOB, number: bob.pn, pushName: 'Bob' },
    })
    await stored(id).toMatchObject({
      chatId: BOB,
      from: BOB,
      to: ME,
      body: 'hello',
      direction: 'incoming',
      status: 'delivered',
    })
    expect(await bothIdsOf(id)).toEqual({ phoneId: BOB, lidId: bob.lidJid })
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
  })

  it('has the phone in front also when it came by lid, with and without the other id in its envelope', async () => {
    const one = await bob.write('by lid', { to: phone, addressing: 'lid' })
    expect(await gateway.hooked.take(({ id }) => id === one.id)).toMatchObject({ chatId: BOB, from: BOB })
    const two = await bob.write('bare', { to: phone, addressing: 'lid', withoutAlt: true })
    expect(await gateway.hooked.take(({ id }) => id === two.id)).toMatchObject({ chatId: BOB, from: BOB })
    expect(await bothIdsOf(two.id)).toEqual({ phoneId: BOB, lidId: bob.lidJid })
  })

  it('carries what it quotes', async () => {
    const { messageId } = await gateway.sender.sendText(sessionId, text({ chatId: BOB, text: 'question' }))
    await bob.next()
    await bob.write('answer', { to: phone, quote: { id: messageId, text: 'question', from: phone } })
    expect(await gateway.hooked.take(() => true)).toMatchObject({
      body: 'answer',
      quotedMessage: { id: messageId, body: 'question' },
    })
  })

  it('that arrives spoiled is asked for again and comes once', async () => {
    const { id } = await bob.write('whole', { to: phone, spoiled: true })
    expect(await gateway.hooked.take(() => true)).toMatchObject({ id, body: 'whole' })
    expect((await gateway.messages(sessionId)).length).toBe(1)
  })

  it('that came while the gateway was down comes when it is up', async () => {
    await gateway.down()
    await phone.offline()
    const ids: string[] = []
    for (const word of ['one', 'two', 'three']) ids.push((await bob.write(word, { to: phone })).id)
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    for (const id of ids) expect(await gateway.hooked.take(() => true)).toMatchObject({ id })
    expect((await gateway.messages(sessionId)).map(row => row.waMessageId)).toEqual(ids)
  })

  it('typed on the phone is stored as outgoing, and no hook hears of it', async () => {
    const { id } = await phone.types('by hand', { to: bob })
    await stored(id).toMatchObject({
      chatId: BOB,
      from: ME,
      to: BOB,
      body: 'by hand',
      direction: 'outgoing',
      status: 'sent',
    })
    await bob.write('after', { to: phone })
    expect(await gateway.hooked.take(() => true)).toMatchObject({ body: 'after' })
    expect(gateway.hooked.all.length).toBe(1)
  })
})

describe('hooks', () => {
  it('that hang hold up their own chat only', async () => {
    await gateway.down()
    const free = Promise.withResolvers<void>()
    const seen: string[] = []
    gateway = await rig.gateway({
      plugins: chain =>
        void chain.on('message:received', {
          pluginId: 'slow',
          priority: 1,
          async handler({ data }) {
            const { body } = data as IncomingMessage
            if (body === 'hang') await free.promise
            seen.push(body)
          },
        }),
    })
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
    const carol = rig.whatsapp.contact('15551110002')
    await bob.write('hang', { to: phone })
    await bob.write('behind', { to: phone })
    await carol.write('beside', { to: phone })
    await expect.poll(() => seen, { interval: 5 }).toEqual(['beside'])
    expect((await gateway.messages(sessionId)).length).toBe(3)
    free.resolve()
    await expect.poll(() => seen, { interval: 5 }).toEqual(['beside', 'hang', 'behind'])
  })
})

describe('a message out', () => {
  it('is delivered under the id it was given, and its status follows the receipts', async () => {
    const { messageId, timestamp } = await gateway.sender.sendText(
      sessionId,
      text({ chatId: BOB, text: 'hi Bob' }),
    )
    expect(timestamp).toBe(Math.floor(rig.clock.now() / 1000))
    expect(await bob.next()).toMatchObject({ id: messageId, text: 'hi Bob' })
    await stored(messageId).toMatchObject({
      status: 'delivered',
      direction: 'outgoing',
      from: ME,
      to: BOB,
      chatId: BOB,
    })
    await bob.reads(messageId)
    await stored(messageId).toMatchObject({ status: 'read' })
    expect((await gateway.messages(sessionId)).length).toBe(1)
    expect(gateway.hooked.all).toEqual([])
  })

  it('is sent, when no receipt comes', async () => {
    bob.receipts = 'none'
    const { messageId } = await gateway.sender.sendText(sessionId, text({ chatId: BOB, text: 'x' }))
    await stored(messageId).toMatchObject({ status: 'sent' })
  })

  it('is stored under both ids once they are known, whichever was given', async () => {
    await bob.write('hello', { to: phone })
    await gateway.hooked.take(() => true)
    for (const chatId of [BOB, bob.lidJid, bob.pnJid]) {
      const { messageId } = await gateway.sender.sendText(sessionId, text({ chatId, text: 'x' }))
      await bob.next(({ id }) => id === messageId)
      await stored(messageId).toMatchObject({ chatId: BOB })
      expect(await bothIdsOf(messageId)).toEqual({ phoneId: BOB, lidId: bob.lidJid })
    }
  })

  it('quotes what is in the chat, and nothing else', async () => {
    const { id } = await bob.write('question', { to: phone })
    await gateway.hooked.take(() => true)
    const { messageId } = await gateway.sender.reply(sessionId, {
      chatId: BOB,
      quotedMessageId: id,
      text: 'answer',
    } as Reply)
    const { message } = await bob.next(received => received.id === messageId)
    expect(message.extendedTextMessage).toMatchObject({
      text: 'answer',
      contextInfo: { stanzaId: id, participant: bob.pnJid, quotedMessage: { conversation: 'question' } },
    })
    await stored(messageId).toMatchObject({ metadata: { quotedMessage: { id, body: 'question' } } })
    const elsewhere = { chatId: '15551119999@c.us', quotedMessageId: id, text: 'x' } as Reply
    await expect(gateway.sender.reply(sessionId, elsewhere)).rejects.toMatchObject({ code: 'not_found' })
    expect((await gateway.messages(sessionId)).length).toBe(2)
  })

  it('that WhatsApp refuses has failed, with its code', async () => {
    rig.whatsapp.nackNext(463)
    const { messageId } = await gateway.sender.sendText(sessionId, text({ chatId: BOB, text: 'x' }))
    await stored(messageId).toMatchObject({ status: 'failed' })
    const [row] = await gateway.db.select().from(messages)
    expect(row?.error).toBe('463')
  })

  it('that nobody could decrypt is sent again from its row', async () => {
    await gateway.sender.sendText(sessionId, text({ chatId: BOB, text: 'first' }))
    await bob.next()
    await gateway.down()
    bob.forgets(phone)
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
    const { messageId } = await gateway.sender.sendText(sessionId, text({ chatId: BOB, text: 'again' }))
    expect(await bob.next()).toMatchObject({ id: messageId, text: 'again' })
  })

  it('is not sent while there is no connection', async () => {
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    await expect(gateway.sender.sendText(sessionId, text({ chatId: BOB, text: 'x' }))).rejects.toMatchObject({
      code: 'session_not_ready',
    })
    expect(await gateway.messages(sessionId)).toEqual([])
  })
})
