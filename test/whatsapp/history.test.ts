import { proto } from 'baileys'
import { Agent, type Dispatcher } from 'undici'
import { afterEach, expect, it } from 'vitest'
import { createLinked, type Linked } from './linked.fixtures.ts'
import type { HistoryChat } from './phone-memory.ts'
import type { WhatsApp } from './whatsapp.ts'

let linked: Linked | undefined

afterEach(() => linked?.[Symbol.asyncDispose]())

const YESTERDAY = 1_700_000_000

function chatWithBob(whatsapp: WhatsApp, count: number, prefix = 'old'): HistoryChat {
  const alice = whatsapp.phone('15550000001')
  const bob = whatsapp.contact('15550000002')
  const messages = Array.from({ length: count }, (_, index) => ({
    id: `${prefix.toUpperCase()}${index}`,
    content: `${prefix} ${index}`,
    from: index % 2 === 0 ? bob : alice,
    at: YESTERDAY + index,
  }))
  return { with: bob, unread: 2, messages }
}

it('is told to a client that is linked: chats, messages, names, addresses', async () => {
  linked = await createLinked({
    before(phone, whatsapp) {
      const team = whatsapp.group('Team', { members: [phone, whatsapp.contact('15550000003')] })
      const eve = whatsapp.contact('15550000003')
      const said = {
        id: 'G1',
        content: { poll: { name: 'Q', options: ['a', 'b'] } },
        from: eve,
        at: YESTERDAY,
      }
      phone.history = [
        chatWithBob(whatsapp, 4),
        { with: team, name: 'Team', archived: true, addressing: 'lid', messages: [said] },
      ]
    },
  })
  const { client, phone, bob, eve } = linked
  const history = await client.event('messaging-history.set', ({ chats }) => chats.length > 0)
  expect(history).toMatchObject({ syncType: 0, progress: 100, isLatest: true })
  expect(history.chats).toMatchObject([
    { id: bob.pnJid, name: 'Bob', unreadCount: 2 },
    { name: 'Team', archived: true },
  ])
  const texts = history.messages.map(({ key, message }) => [key.id, key.fromMe, message?.conversation])
  expect(texts.slice(0, 4)).toEqual([
    ['OLD3', true, 'old 3'],
    ['OLD2', false, 'old 2'],
    ['OLD1', true, 'old 1'],
    ['OLD0', false, 'old 0'],
  ])
  expect(history.messages[4]?.key).toMatchObject({ id: 'G1', fromMe: false, participant: eve.lidJid })
  expect(history.messages[4]?.message?.pollCreationMessageV3).toMatchObject({ name: 'Q' })
  expect(await client.socket.signalRepository.lidMapping.getLIDForPN(bob.pnJid)).toBe(bob.lidJid)
  const names = await client.event('messaging-history.set', ({ syncType }) => syncType === 4)
  expect(names.contacts).toEqual([{ id: bob.pnJid, notify: 'Bob' }])
  expect(phone.historySync.via).toBe('inline')
})

it('comes in chunks, the newest first, with the progress they make', async () => {
  linked = await createLinked({
    before(phone, whatsapp) {
      phone.historySync.chunk = 400
      phone.history = [chatWithBob(whatsapp, 1_000)]
    },
  })
  const { client } = linked
  const chunk = (progress: number) =>
    client.event('messaging-history.set', each => each.progress === progress && each.messages.length > 0)
  const chunks = [await chunk(33), await chunk(67), await chunk(100)]
  expect(chunks.map(({ messages }) => [messages.length, messages[0]?.key.id])).toEqual([
    [400, 'OLD999'],
    [400, 'OLD599'],
    [200, 'OLD199'],
  ])
})

it('lies on the media host when it is large', async () => {
  let dispatcher: Dispatcher | undefined
  linked = await createLinked({
    before(phone, whatsapp) {
      phone.historySync.via = 'file'
      phone.historySync.chunk = 10_000
      phone.history = [chatWithBob(whatsapp, 5_000)]
    },
    config({ media: { ca, host } }) {
      // The message gives no host for the file, so the client goes to WhatsApp's own; this brings it back.
      dispatcher = new Agent({ connect: { ca } }).compose(
        dispatch => (options, handler) => dispatch({ ...options, origin: `https://${host}` }, handler),
      )
      return { options: { dispatcher } as unknown as RequestInit }
    },
  })
  const { client, whatsapp } = linked
  const { messages } = await client.event('messaging-history.set', each => each.messages.length > 0)
  expect(messages).toHaveLength(5_000)
  expect(whatsapp.media.transfers.all.filter(({ direction }) => direction === 'down').length).toBeGreaterThan(
    0,
  )
  await dispatcher?.close()
})

it('is told further back to a client that asks', async () => {
  linked = await createLinked({
    before(phone, whatsapp) {
      phone.history = [chatWithBob(whatsapp, 2)]
      const { messages, ...chat } = chatWithBob(whatsapp, 10, 'older')
      phone.olderHistory = [{ ...chat, messages: messages.map(each => ({ ...each, at: each.at - 1_000 })) }]
    },
  })
  const { client, bob } = linked
  const oldest = { remoteJid: bob.pnJid, id: 'OLD0', fromMe: false }
  const requestId = await client.socket.fetchMessageHistory(3, oldest, YESTERDAY)
  const more = await client.event('messaging-history.set', ({ syncType }) => syncType === 6)
  expect(more.peerDataRequestSessionId).toBe(requestId)
  expect(more.messages.map(({ key }) => key.id)).toEqual(['OLDER9', 'OLDER8', 'OLDER7'])
})

it('has the one message that the client could not read', async () => {
  linked = await createLinked()
  const { client, phone, bob } = linked
  const { id } = await bob.write('only on the phone', { to: phone, withheld: 'url' })
  const { message } = await client.upserts.find(each => each.message.key.id === id)
  expect(message.messageStubType).toBe(proto.WebMessageInfo.StubType.CIPHERTEXT)
  expect((await client.hears('only on the phone')).message.key).toMatchObject({ id, remoteJid: bob.pnJid })
})
