// What webhooks and plugins hear of messages, told at the real places: against the emulated WhatsApp and with the real Baileys.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Chain } from '../../engine-node/hooks/chain.ts'
import { CONNECTED_WITHIN_MS } from '../../engine-node/pipeline/connections.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { SendText } from '../../src/contract/message.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createLinkedRig, type Gateway, type Rig } from './session-rig.ts'

const ME = '15550000001@c.us'
const BOB = '15551110001@c.us'
const toBob = (text: string) => ({ chatId: BOB, text }) as SendText

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

/** The gateway again, with plugins of the test's own. */
async function withPlugins(plugins: (chain: Chain) => void) {
  await gateway.down()
  gateway = await rig.gateway({ plugins })
  await gateway.sessions.restore()
  rig.clock.advance(1)
  await gateway.becomes(sessionId, 'ready')
}

const eventsOf = (names: RegExp) =>
  expect.poll(async () => (await gateway.events()).filter(({ event }) => names.test(event)), { interval: 5 })
const turns = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
}
const hook = (name: string) => gateway.told.take(({ event }) => event === name)
const told = (name: string) => gateway.told.all.filter(({ event }) => event === name)

describe('a message in', () => {
  it('is one event and one hook, both of the same data, and then persisted', async () => {
    const { id } = await bob.write('hello', { to: phone })
    const heard = await gateway.hooked.take(() => true)
    await eventsOf(/^message/).toEqual([{ event: 'message.received', data: heard }])
    expect(await hook('message:persisted')).toMatchObject({
      source: 'MessageService',
      data: { sessionId, message: { waMessageId: id, body: 'hello', direction: 'incoming', error: null } },
    })
  })

  it('that comes twice is told of once', async () => {
    const { id } = await bob.write('twice', { to: phone })
    await gateway.hooked.take(() => true)
    await bob.write('twice', { to: phone, id })
    await bob.write('next', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'next')
    const bodies = (await gateway.events()).map(({ data }) => data.body)
    expect(bodies).toEqual(['twice', 'next'])
    expect(gateway.hooked.all.map(({ body }) => body)).toEqual(['twice', 'next'])
  })

  it('typed on the phone is sent, by the engine', async () => {
    const { id } = await phone.types('by hand', { to: bob })
    expect(await hook('message:sent')).toMatchObject({
      source: 'Engine',
      data: { id, from: ME, to: BOB, chatId: BOB, body: 'by hand', fromMe: true },
    })
    await eventsOf(/^message/).toMatchObject([{ event: 'message.sent', data: { id } }])
  })

  it('was not told of before a crash is told of after it', async () => {
    const never = Promise.withResolvers<never>()
    await withPlugins(
      chain =>
        void chain.on('message:received', { pluginId: 'p', priority: 1, handler: () => never.promise }),
    )
    const { id } = await bob.write('interrupted', { to: phone })
    await eventsOf(/received/).toHaveLength(1)
    // Its hooks never end, as when the process is killed under them; the next gateway runs on the same database.
    const died = gateway
    gateway = await rig.gateway()
    await turns()
    // Not before there is a connection to answer by, or none for long.
    expect(gateway.hooked.all).toEqual([])
    rig.clock.advance(CONNECTED_WITHIN_MS)
    expect(await gateway.hooked.take(() => true)).toMatchObject({ id, body: 'interrupted' })
    await gateway.down()
    gateway = await rig.gateway()
    await gateway.queue.settled()
    expect(gateway.hooked.all).toEqual([])
    never.reject(new Error('over'))
    await died.down()
  })
})

describe('what is done on the phone', () => {
  it('a deleted message is emptied, and told of as deleted', async () => {
    const { id } = await bob.write('for my eyes', { to: phone })
    await gateway.hooked.take(() => true)
    const key = { remoteJid: bob.pnJid, fromMe: false, id }
    const deleteForMe = { deleteMedia: false, key, timestamp: 1_700_000_000 }
    await phone.changes({ deleteForMe }, bob)
    expect(await hook('message:deleted')).toMatchObject({
      source: 'MessageService',
      data: { sessionId, message: { waMessageId: id, chatId: BOB, type: 'revoked', body: '' } },
    })
    expect(await gateway.messages(sessionId)).toMatchObject([{ waMessageId: id, type: 'revoked', body: '' }])
  })

  it('a deleted chat leaves the store, and each of its messages is told of', async () => {
    for (const text of ['one', 'two']) {
      await bob.write(text, { to: phone })
      await gateway.hooked.take(({ body }) => body === text)
    }
    await phone.changes({ delete: true, lastMessages: [] }, bob)
    await expect.poll(() => gateway.messages(sessionId), { timeout: 5_000 }).toEqual([])
    await expect
      .poll(() =>
        told('message:deleted')
          .map(({ data }) => (data.message as { body: string }).body)
          .toSorted(),
      )
      .toEqual(['one', 'two'])
  })
})

describe('a status', () => {
  it('is a message of its own chat, and an event that names its file only', async () => {
    const { id } = await bob.posts('hello all', { to: [phone] })
    expect(await gateway.hooked.take(() => true)).toMatchObject({
      chatId: 'status@broadcast',
      kind: 'status',
      isStatusBroadcast: true,
      author: BOB,
    })
    const picture = await bob.posts({ image: Buffer.from('picture'), caption: 'look' }, { to: [phone] })
    await gateway.hooked.take(({ id }) => id === picture.id)
    const posted = { sessionId, contact: { id: BOB, pushName: 'Bob' }, postedAt: expect.any(Number) }
    await eventsOf(/^status/).toMatchObject([
      { data: { ...posted, statusId: id, type: 'text', caption: 'hello all', hasMedia: false } },
      {
        data: {
          ...posted,
          statusId: picture.id,
          type: 'image',
          caption: 'look',
          hasMedia: true,
          mediaOmitted: true,
        },
      },
    ])
    const [first] = (await gateway.events()).filter(({ event }) => event === 'status.received')
    expect(Number(first?.data.expiresAt) - Number(first?.data.postedAt)).toBe(86_400_000)
  })
})

describe('an edit that cannot be read', () => {
  it('is marked on the message, if it is of its author', async () => {
    const { id } = await bob.write('as it was', { to: phone })
    await gateway.hooked.take(() => true)
    const edit = (targetId: string) => ({
      secretEncryptedMessage: {
        targetMessageKey: { remoteJid: phone.pnJid, fromMe: true, id: targetId },
        encPayload: Buffer.from('sealed'),
        encIv: Buffer.alloc(12),
        secretEncType: 2,
      },
    })
    const eve = rig.whatsapp.contact('15551110002')
    await eve.write(edit(id), { to: phone })
    await eve.write('next', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'next')
    expect((await gateway.messages(sessionId))[0]?.metadata).toBeNull()
    await bob.write(edit(id), { to: phone })
    await expect
      .poll(async () => (await gateway.messages(sessionId))[0])
      .toMatchObject({ body: 'as it was', metadata: { sealedEditAt: expect.any(Number) } })
  })
})

describe('a message out', () => {
  it('is sent once, under the id that the send has returned, and acknowledged step by step', async () => {
    bob.receipts = 'read'
    const { messageId } = await gateway.sender.sendText(sessionId, toBob('hi'))
    const sent = await hook('message:sent')
    expect(sent).toMatchObject({
      source: 'Engine',
      data: { id: messageId, from: ME, to: BOB, chatId: BOB, body: 'hi', type: 'text', fromMe: true },
    })
    const ack = (status: string, ack: number) => ({
      event: 'message.ack',
      data: { id: messageId, messageId, status, ack, chatId: BOB },
    })
    await eventsOf(/^message/).toEqual([
      { event: 'message.sent', data: sent.data },
      ack('sent', 1),
      ack('delivered', 2),
      ack('read', 3),
    ])
    await expect
      .poll(() => told('message:ack').map(({ data }) => data), { interval: 5 })
      .toEqual([
        { messageId, status: 'sent', ack: 1 },
        { messageId, status: 'delivered', ack: 2 },
        { messageId, status: 'read', ack: 3 },
      ])
    expect(told('message:sent').length).toBe(1)
    expect(told('message:sending').map(({ source, data }) => ({ source, data }))).toEqual([
      { source: 'MessageService', data: { sessionId, type: 'text', input: toBob('hi') } },
    ])
    expect(await hook('message:persisted')).toMatchObject({ data: { message: { status: 'pending' } } })
  })

  it.each(['a person', 'a group'])(
    'a voice note that %s has played says so, and never goes back',
    async where => {
      const group = rig.whatsapp.group('Friends', { members: [bob, phone] })
      const chatId = (where === 'a group' ? group.jid : BOB) as SendText['chatId']
      const base64 = Buffer.from('voice').toString('base64')
      const { messageId } = await gateway.sender.send(sessionId, 'voice', { chatId, base64, ptt: true })
      const status = () =>
        expect.poll(
          async () => (await gateway.messages(sessionId)).find(row => row.waMessageId === messageId)?.status,
        )
      await status().toBe('delivered')
      await bob.plays(messageId)
      await status().toBe('played')
      await bob.reads(messageId)
      await bob.reacts(messageId, '👍')
      await eventsOf(/^message.reaction/).toHaveLength(1)
      await status().toBe('played')
      const acks = (await gateway.events()).filter(({ event }) => event === 'message.ack')
      expect(acks.at(-1)).toEqual({
        event: 'message.ack',
        data: { id: messageId, messageId, status: 'played', ack: 4, chatId },
      })
      expect(told('message:ack').at(-1)?.data).toEqual({ messageId, status: 'played', ack: 4 })
    },
  )

  it('that WhatsApp refuses has failed, with the code', async () => {
    rig.whatsapp.nackNext(463)
    const { messageId } = await gateway.sender.sendText(sessionId, toBob('no'))
    const data = { id: messageId, messageId, status: 'failed', ack: -1, chatId: BOB, error: '463' }
    await eventsOf(/^message/).toEqual([
      { event: 'message.ack', data },
      { event: 'message.failed', data },
    ])
    expect(await hook('message:failed')).toEqual({
      event: 'message:failed',
      source: 'MessageService',
      data: { sessionId, error: '463', type: 'text', input: toBob('no') },
    })
    expect((await gateway.messages(sessionId))[0]).toMatchObject({ status: 'failed', error: '463' })
  })

  it('is stopped by a plugin, and nothing of it is stored or told', async () => {
    await withPlugins(chain =>
      chain.on('message:sending', {
        pluginId: 'guard',
        priority: 1,
        handler: async ({ data }) =>
          (data as { input: SendText }).input.text === 'secret' ? { continue: false } : undefined,
      }),
    )
    await expect(gateway.sender.sendText(sessionId, toBob('secret'))).rejects.toMatchObject({
      code: 'sending_blocked',
      message: 'Message sending blocked by plugin',
    })
    expect(await gateway.messages(sessionId)).toEqual([])
    expect(told('message:failed')).toEqual([])
    await gateway.sender.sendText(sessionId, toBob('plain'))
    expect(await bob.next()).toMatchObject({ text: 'plain' })
  })

  it('is rewritten by a plugin, also to another chat; what the API would refuse is not taken', async () => {
    const carol = rig.whatsapp.contact('15551110002')
    const answers: unknown[] = [
      { data: { input: { chatId: '15551110002@c.us', text: 'rewritten', more: 1 } } },
      { data: { input: { chatId: BOB, text: 'x'.repeat(70_000) } } },
    ]
    await withPlugins(chain =>
      chain.on('message:sending', {
        pluginId: 'translator',
        priority: 1,
        handler: async () => answers.shift(),
      }),
    )
    const { messageId } = await gateway.sender.sendText(sessionId, toBob('original'))
    expect(await carol.next()).toMatchObject({ id: messageId, text: 'rewritten' })
    expect((await gateway.messages(sessionId))[0]).toMatchObject({
      chatId: '15551110002@c.us',
      body: 'rewritten',
    })
    await gateway.sender.sendText(sessionId, toBob('as it was'))
    expect(await bob.next()).toMatchObject({ text: 'as it was' })
  })

  it('of a plugin names it to the chain, and is judged once more before it goes', async () => {
    const causes: unknown[] = []
    await withPlugins(chain =>
      chain.on('message:sending', {
        pluginId: 'other',
        priority: 1,
        handler: async ({ inFlight }) => void causes.push(inFlight),
      }),
    )
    const assertStillAllowed = vi.fn()
    const origin = { pluginId: 'bot', inFlight: ['message:received'], assertStillAllowed }
    await gateway.sender.sendText(sessionId, toBob('by a plugin'), { origin })
    expect(causes).toEqual([['message:received', 'message:sending']])
    expect(assertStillAllowed).toHaveBeenCalledTimes(2)
    assertStillAllowed.mockImplementation(() => {
      throw new Error('stopped')
    })
    await expect(gateway.sender.sendText(sessionId, toBob('too late'), { origin })).rejects.toThrow('stopped')
    expect((await gateway.messages(sessionId)).map(({ body }) => body)).toEqual(['by a plugin'])
  })
})
