// What was accepted goes out under its one id until WhatsApp answers, over lost acknowledgements, reconnects and restarts:
// against the emulated WhatsApp and with the real Baileys.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KEY_AGE_MS } from '../../engine-node/pipeline/idempotency.ts'
import { ACK_WAIT_MS, MAX_AGE_MS } from '../../engine-node/pipeline/line.ts'
import { ACK_ANSWER_MS } from '../../engine-node/pipeline/sender.ts'
import { RESEND_AGE_MS } from '../../engine-node/sessions/stored-proto.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { SendText } from '../../src/contract/message.ts'
import { idempotencyKeys } from '../../src/db/schema.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createLinkedRig, type Gateway, type Rig } from './session-rig.ts'

const BOB = '15551110001@c.us'
const toBob = (text: string) => ({ chatId: BOB, text }) as SendText

let rig: Rig
let gateway: Gateway
let phone: Phone
let bob: Contact
let sessionId: SessionId

beforeEach(async () => {
  ;({ rig, gateway, phone, bob, sessionId } = await createLinkedRig({ receiptDelayMs: 20 }))
  bob.receipts = 'none'
  await send('warm')
  await bob.next()
  await gateway.queue.settled()
})
afterEach(async () => {
  rig.disk.release()
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const send = (text: string, options?: Parameters<Gateway['sender']['sendText']>[2]) =>
  gateway.sender.sendText(sessionId, toBob(text), options)
const sentIds = () => rig.whatsapp.log.ids({ kind: 'message', direction: 'in' })
const statusOf = (id: string) =>
  expect.poll(
    async () => {
      const row = (await gateway.messages(sessionId)).find(each => each.waMessageId === id)
      return row && [row.status, row.error]
    },
    { interval: 5 },
  )
const turns = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
}
async function reconnect() {
  await gateway.becomes(sessionId, 'disconnected')
  rig.clock.advance(1)
  await gateway.becomes(sessionId, 'ready')
}
async function restart() {
  await gateway.down()
  await phone.offline()
  gateway = await rig.gateway()
  await gateway.sessions.restore()
  rig.clock.advance(1)
  await gateway.becomes(sessionId, 'ready')
}

describe('a message that WhatsApp did not acknowledge', () => {
  it('goes again under the same id by the next connection', async () => {
    rig.whatsapp.loseAckNext()
    const { messageId } = await send('once')
    await bob.next()
    await statusOf(messageId).toEqual(['pending', null])
    phone.disconnect('abrupt')
    await reconnect()
    await statusOf(messageId).toEqual(['sent', null])
    expect(sentIds().filter(id => id === messageId).length).toBe(2)
  })

  it('goes again after a restart, and those of one chat in their order', async () => {
    const words = ['one', 'two', 'three']
    const ids: string[] = []
    for (const word of words) {
      rig.whatsapp.loseAckNext()
      ids.push((await send(word)).messageId)
    }
    for (const word of words) expect(await bob.next()).toMatchObject({ text: word })
    await restart()
    await statusOf(ids[2] ?? '').toEqual(['sent', null])
    expect(sentIds().slice(-3)).toEqual(ids)
    expect(
      (await gateway.events()).filter(({ event }) => event === 'message.sent').map(({ data }) => data.id),
    ).toEqual(expect.arrayContaining(ids))
  })

  it('goes again after a while also when the connection holds, and no more than twice', async () => {
    for (let lost = 0; lost < 4; lost += 1) rig.whatsapp.loseAckNext()
    const { messageId } = await send('deaf')
    const seen = () => sentIds().filter(id => id === messageId).length
    await expect.poll(seen).toBe(1)
    for (const count of [2, 3, 3]) {
      rig.clock.advance(ACK_WAIT_MS)
      await turns()
      await expect.poll(seen).toBe(count)
    }
    await statusOf(messageId).toEqual(['pending', null])
  })

  it('is known to have arrived by its receipt, also when that comes after a restart', async () => {
    rig.whatsapp.loseAckNext()
    const { messageId } = await send('proven')
    await bob.next()
    await gateway.down()
    await phone.offline()
    await bob.reads(messageId)
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await statusOf(messageId).toEqual(['read', null])
    await expect
      .poll(async () =>
        (await gateway.events()).filter(e => e.event === 'message.sent' && e.data.id === messageId),
      )
      .toHaveLength(1)
  })

  it('has failed when it is a day old', async () => {
    rig.whatsapp.loseAckNext()
    const { messageId } = await send('stale')
    await bob.next()
    await gateway.down()
    await phone.offline()
    rig.clock.advance(MAX_AGE_MS + 1)
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await statusOf(messageId).toEqual(['failed', 'expired'])
    expect(sentIds().filter(id => id === messageId).length).toBe(1)
  })
})

describe('a message that was accepted and not written', () => {
  it('goes by the next connection', async () => {
    rig.disk.hold()
    const accepted = send('held')
    await turns()
    phone.disconnect('abrupt')
    await turns()
    rig.disk.release()
    const { messageId } = await accepted
    await reconnect()
    expect(await bob.next()).toMatchObject({ id: messageId, text: 'held' })
    await statusOf(messageId).toEqual(['sent', null])
  })
})

describe('a message that the database refuses', () => {
  it('does not go, though it was on its way, and the next one does', async () => {
    rig.disk.refuses = ({ sql, args }) => sql.startsWith('INSERT INTO messages') && args.includes('poison')
    const before = await sentIds()
    await statusOf(before[0] ?? '').toEqual(['sent', null])
    await expect(send('poison')).rejects.toThrow('refused by the test')
    await reconnect()
    expect(await sentIds()).toEqual(before)
    const { messageId, state } = await send('next', { wait: 'ack' })
    expect([state, await sentIds()]).toEqual(['sent', [...before, messageId]])
    expect((await gateway.messages(sessionId)).map(({ body }) => body)).toEqual(['warm', 'next'])
  })
})

describe('a message that WhatsApp refuses', () => {
  it('with 479 goes once more with fresh devices', async () => {
    rig.whatsapp.nackNext(479)
    const { messageId } = await send('stale devices')
    expect(await bob.next()).toMatchObject({ id: messageId })
    await statusOf(messageId).toEqual(['sent', null])
    expect(sentIds().filter(id => id === messageId).length).toBe(2)
  })

  it.each([
    [[479, 479], '479', 2],
    [[463], '463', 1],
    [[500], '500', 1],
  ])('with %j has failed, and is not tried again by any later connection', async (codes, error, times) => {
    for (const code of codes) rig.whatsapp.nackNext(code)
    const { messageId } = await send('refused')
    await statusOf(messageId).toEqual(['failed', error])
    await restart()
    const { messageId: next } = await send('next')
    expect(await bob.next()).toMatchObject({ id: next })
    expect(sentIds().filter(id => id === messageId).length).toBe(times)
  })
})

describe('wait=ack', () => {
  it('answers with what WhatsApp says', async () => {
    expect(await send('yes', { wait: 'ack' })).toMatchObject({ state: 'sent' })
    rig.whatsapp.nackNext(463)
    expect(await send('no', { wait: 'ack' })).toMatchObject({ state: 'failed', error: '463' })
  })

  it('ends without an answer after a while', async () => {
    rig.whatsapp.loseAckNext()
    const answered = send('nothing', { wait: 'ack' })
    await bob.next()
    await turns()
    rig.clock.advance(ACK_ANSWER_MS)
    expect(await answered).toMatchObject({ state: 'pending' })
  })
})

describe('an idempotency key', () => {
  const token = { key: 'order-17', hash: 'a' }

  it('leads to one message, also over a restart', async () => {
    const first = await send('paid', { idempotency: token })
    expect(await send('paid', { idempotency: token })).toEqual({ ...first, replayed: true })
    await restart()
    expect(await send('paid', { idempotency: token, wait: 'ack' })).toEqual({
      ...first,
      replayed: true,
      state: 'sent',
    })
    await send('end')
    await bob.next(({ text }) => text === 'end')
    const paid = bob.inbox.filter(({ text }) => text === 'paid')
    expect(new Set(paid.map(({ id }) => id))).toEqual(new Set([first.messageId]))
  })

  it('answers also while the session is away', async () => {
    const first = await send('paid', { idempotency: token })
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    expect(await send('paid', { idempotency: token })).toEqual({ ...first, replayed: true })
  })

  it('is refused for another request, and while the first one runs', async () => {
    rig.disk.hold()
    const first = send('paid', { idempotency: token })
    await turns()
    await expect(send('paid', { idempotency: token })).rejects.toMatchObject({
      code: 'idempotency_key_in_progress',
    })
    const other = { ...token, hash: 'b' }
    await expect(send('other', { idempotency: other })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    })
    rig.clock.advance(10 * 60_000 + 1)
    await expect(send('paid', { idempotency: token })).rejects.toMatchObject({
      code: 'idempotency_outcome_unknown',
    })
    rig.disk.release()
    await first
    await expect(send('other', { idempotency: other })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    })
  })

  it('is free again when nothing came of the first request', async () => {
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    await expect(send('paid', { idempotency: token })).rejects.toMatchObject({ code: 'session_not_ready' })
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
    expect(await send('paid', { idempotency: { ...token, hash: 'b' } })).not.toHaveProperty('replayed')
  })

  it('is forgotten after a day', async () => {
    await send('paid', { idempotency: token })
    rig.clock.advance(KEY_AGE_MS + 1)
    await gateway.queue.settled()
    expect(await gateway.db.select().from(idempotencyKeys)).toEqual([])
    expect(await send('paid', { idempotency: token })).not.toHaveProperty('replayed')
  })
})

describe('a message that somebody could not read', () => {
  /** Bob cannot read it, and says so when the gateway is gone. */
  async function unreadWhileAway() {
    bob.forgets(phone)
    rig.disk.hold()
    const sending = send('come again')
    await turns()
    rig.disk.release()
    const { messageId } = await sending
    await rig.whatsapp.log.until({ kind: 'ack', direction: 'out', id: messageId })
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    await gateway.down()
    expect(rig.whatsapp.log.ids({ kind: 'retry', direction: 'out' })).toEqual([])
    return messageId
  }

  it('is found for its retry receipt after a restart', async () => {
    const messageId = await unreadWhileAway()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    expect(await bob.next(({ text }) => text === 'come again')).toMatchObject({ id: messageId })
  })

  it('is not sent again after a fortnight', async () => {
    const messageId = await unreadWhileAway()
    rig.clock.advance(RESEND_AGE_MS + 1)
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
    await send('end')
    await bob.next(({ text }) => text === 'end')
    expect(bob.inbox.some(({ id }) => id === messageId)).toBe(false)
  })
})
