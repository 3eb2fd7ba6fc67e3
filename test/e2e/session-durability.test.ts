// Nothing leaves a socket before what led to it is durable, and what is delivered again is one message.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import type { SendText } from '../../src/contract/message.ts'
import { authKeys, decryptJournal, messages } from '../../src/db/schema.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createLinkedRig, type Gateway, type Rig } from './session-rig.ts'

let rig: Rig
let gateway: Gateway
let phone: Phone
let bob: Contact
let sessionId: SessionId

beforeEach(async () => {
  ;({ rig, gateway, phone, bob, sessionId } = await createLinkedRig())
  // The first message makes the session of the ratchet; what follows is the plain case.
  await bob.write('warm', { to: phone })
  await gateway.hooked.take(() => true)
  await gateway.sender.sendText(sessionId, toBob('warm'))
  await bob.next()
  await gateway.queue.settled()
})
afterEach(async () => {
  rig.disk.release()
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const toBob = (text: string) => ({ chatId: '15551110001@c.us', text }) as SendText
const turns = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
}
const receipts = (id: string) => rig.whatsapp.log.entries({ kind: 'receipt', direction: 'in', id })
/** What this side could not decrypt. */
const unreadable = () => [
  ...rig.whatsapp.log.ids({ kind: 'nack' }),
  ...rig.whatsapp.log.ids({ kind: 'retry' }),
]
const rows = async () => (await gateway.messages(sessionId)).map(row => row.body)

describe('the egress gate', () => {
  it('holds the receipt of a message until the message is in the database', async () => {
    rig.disk.hold()
    const { id } = await bob.write('held', { to: phone })
    await rig.whatsapp.log.until({ kind: 'message', direction: 'out', id })
    await turns()
    expect(receipts(id)).toEqual([])
    expect(await rows()).not.toContain('held')
    rig.disk.release()
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    expect(await rows()).toContain('held')
  })

  it.each(['online', 'offline'])(
    'has the receipt wait for a message that came %s, and not for its journal entry alone',
    async when => {
      if (when === 'offline') {
        await gateway.down()
        await phone.offline()
      }
      const { id } = await bob.write('in order', { to: phone })
      if (when === 'offline') {
        gateway = await rig.gateway()
        await gateway.sessions.restore()
        rig.clock.advance(1)
      }
      await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
      const written = ['auth_keys', 'decrypt_journal', 'messages', 'events', 'frame']
      const trace = gateway.trace.filter(name => written.includes(name))
      const at = trace.lastIndexOf('decrypt_journal')
      expect(trace.slice(at - 1, at + 3)).toEqual(['auth_keys', 'decrypt_journal', 'messages', 'events'])
      expect(trace.indexOf('frame', at)).toBeGreaterThan(trace.indexOf('events', at))
    },
  )

  it('holds a message until its row is in the database', async () => {
    rig.disk.hold()
    const sent = gateway.sender.sendText(sessionId, toBob('held'))
    await turns()
    const before = rig.whatsapp.log.ids({ kind: 'message', direction: 'in' }).length
    rig.disk.release()
    const { messageId } = await sent
    expect(await bob.next()).toMatchObject({ id: messageId, text: 'held' })
    expect(rig.whatsapp.log.ids({ kind: 'message', direction: 'in' }).length).toBe(before + 1)
  })

  it('holds a message until the ratchet step of its encryption is in the database', async () => {
    const ratchet = async () => JSON.stringify(await gateway.db.select().from(authKeys))
    const before = await ratchet()
    const link = await gateway.sessions.link(sessionId)
    const message = link.compose({
      chatId: '15551110001@c.us',
      content: { kind: 'text', text: 'stepped' },
    })
    rig.disk.hold()
    await link.transmit(message)
    await turns()
    expect(rig.whatsapp.log.ids({ direction: 'in', id: message.waMessageId })).toEqual([])
    rig.disk.release()
    await bob.next(({ id }) => id === message.waMessageId)
    expect(await ratchet()).not.toBe(before)
  })

  it('lets nothing out after a failed write; the session begins again, and nothing is lost', async () => {
    rig.disk.hold()
    const { id } = await bob.write('unlucky', { to: phone })
    await rig.whatsapp.log.until({ kind: 'message', direction: 'out', id })
    await turns()
    rig.disk.faults.push(new Error('SQLITE_FULL: database or disk is full'))
    rig.disk.release()
    await phone.offline()
    expect(receipts(id)).toEqual([])
    expect(await rows()).not.toContain('unlucky')
    rig.clock.advance(1)
    await phone.online()
    expect(await gateway.hooked.take(({ body }) => body === 'unlucky')).toMatchObject({ id })
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    await bob.write('and on', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'and on')
    expect((await rows()).filter(body => body === 'unlucky')).toEqual(['unlucky'])
  })

  it('tells plugins of what was committed though the answer was lost, once and without a restart', async () => {
    rig.disk.hold()
    const { id } = await bob.write('unsure', { to: phone })
    await rig.whatsapp.log.until({ kind: 'message', direction: 'out', id })
    await turns()
    rig.disk.lost.push(new Error('the answer was lost'))
    rig.disk.release()
    await phone.offline()
    expect(await rows()).toContain('unsure')
    rig.clock.advance(1_000)
    await phone.online()
    expect(await gateway.hooked.take(({ body }) => body === 'unsure')).toMatchObject({ id })
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    await bob.write('and on', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'and on')
    expect(gateway.hooked.all.filter(({ body }) => body === 'unsure').length).toBe(1)
    expect((await rows()).filter(body => body === 'unsure')).toEqual(['unsure'])
  })

  it('sends what was accepted though the answer was lost, once, under one id', async () => {
    rig.disk.lost.push(new Error('the answer was lost'))
    const idempotency = { key: 'one', hash: 'one' }
    const send = () => gateway.sender.sendText(sessionId, toBob('unsure'), { idempotency })
    await expect(send()).rejects.toMatchObject({ code: 'storage_unavailable' })
    await phone.offline()
    rig.clock.advance(1_000)
    await phone.online()
    const { id } = await bob.next(({ text }) => text === 'unsure')
    expect(await send()).toMatchObject({ messageId: id, replayed: true })
    await gateway.sender.sendText(sessionId, toBob('and on'))
    await bob.next(({ text }) => text === 'and on')
    expect(bob.inbox.filter(({ text }) => text === 'unsure').length).toBe(1)
  })

  it('fails a send whose row could not be written, and nothing of it leaves', async () => {
    rig.disk.faults.push(new Error('SQLITE_FULL: database or disk is full'))
    await expect(gateway.sender.sendText(sessionId, toBob('unlucky'))).rejects.toMatchObject({
      code: 'storage_unavailable',
    })
    await phone.offline()
    rig.clock.advance(1)
    await phone.online()
    await gateway.becomes(sessionId, 'ready')
    await gateway.sender.sendText(sessionId, toBob('after'))
    expect(await bob.next()).toMatchObject({ text: 'after' })
  })
})

describe('a message that is delivered again', () => {
  it('is read from the journal, stored once and told once', async () => {
    rig.disk.hold()
    const { id } = await bob.write('twice', { to: phone })
    await rig.whatsapp.log.until({ kind: 'message', direction: 'out', id })
    await turns()
    // The connection goes before the receipt could: the ratchet has moved, WhatsApp does not know.
    phone.disconnect('abrupt')
    await turns()
    rig.disk.release()
    await gateway.becomes(sessionId, 'disconnected')
    expect(receipts(id)).toEqual([])
    expect(await rows()).toContain('twice')
    rig.clock.advance(1)
    await rig.whatsapp.log.until({ kind: 'message', direction: 'out', id, offline: true })
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    await bob.write('after', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'after')
    expect((await rows()).filter(body => body === 'twice')).toEqual(['twice'])
    expect(gateway.hooked.all.filter(({ body }) => body === 'twice').length).toBe(1)
    expect(unreadable()).toEqual([])
  })

  it('is read from the journal of a gateway that died, also when its row was lost', async () => {
    rig.disk.hold()
    const { id } = await bob.write('orphan', { to: phone })
    await rig.whatsapp.log.until({ kind: 'message', direction: 'out', id })
    await turns()
    phone.disconnect('abrupt')
    await turns()
    rig.disk.release()
    await gateway.becomes(sessionId, 'disconnected')
    await gateway.queue.commit([{ sql: 'DELETE FROM messages WHERE wa_message_id = ?', args: [id] }])
    await gateway.down()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    expect(await gateway.hooked.take(({ body }) => body === 'orphan')).toMatchObject({ id })
    expect(unreadable()).toEqual([])
  })

  it('is one message also when its sender is known by another id by then', async () => {
    const carol = rig.whatsapp.contact('15551110003')
    const { id } = await carol.write('who', { to: phone, addressing: 'lid', withoutAlt: true })
    await gateway.hooked.take(({ body }) => body === 'who')
    expect((await gateway.db.select().from(messages)).find(row => row.waMessageId === id)).toMatchObject({
      chatId: carol.lidJid,
      phoneId: null,
    })
    await carol.write('who', { to: phone, addressing: 'lid', id })
    await carol.write('next', { to: phone, addressing: 'lid' })
    await gateway.hooked.take(({ body }) => body === 'next')
    expect((await rows()).filter(body => body === 'who')).toEqual(['who'])
    expect(gateway.hooked.all.filter(({ body }) => body === 'who').length).toBe(1)
  })

  it('is one message also a day later, when nothing but its row is left of the first', async () => {
    const { id } = await bob.write('once', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'once')
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    await gateway.down()
    await phone.offline()
    rig.clock.advance(25 * 3_600_000)
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
    await bob.write('once', { to: phone, id })
    await bob.write('after', { to: phone })
    expect(await gateway.hooked.take(() => true)).toMatchObject({ body: 'after' })
    expect((await rows()).filter(body => body === 'once')).toEqual(['once'])
    expect((await gateway.events()).filter(({ data }) => data.id === id).map(({ event }) => event)).toEqual([
      'message.received',
    ])
  })

  it('keeps its plaintext sealed, and for an hour', async () => {
    const kept = () => gateway.db.select().from(decryptJournal)
    expect((await kept()).length).toBeGreaterThan(0)
    for (const { entrySealed } of await kept())
      expect(Buffer.from(entrySealed).toString('latin1')).not.toContain('warm')
    rig.clock.advance(50 * 60_000)
    await bob.write('young', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'young')
    rig.clock.advance(30 * 60_000)
    await gateway.queue.settled()
    expect((await kept()).length).toBe(1)
  })
})
