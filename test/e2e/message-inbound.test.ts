// What came and could not be read, stored or told at once is not lost: against the emulated WhatsApp and with the real Baileys.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import { messages, meta } from '../../src/db/schema.ts'
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
  await bob.write('warm', { to: phone })
  await gateway.hooked.take(() => true)
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const run = (sql: string) => gateway.queue.commit([{ sql, args: [] }])
const rowsOf = async (waMessageId: string) =>
  (await gateway.db.select().from(messages)).filter(row => row.waMessageId === waMessageId)

/** Keeps each row that waits for its content, which may be for a moment only. */
const watchUndecrypted = () =>
  run(`CREATE TRIGGER watch AFTER INSERT ON messages WHEN new.undecrypted_since IS NOT NULL BEGIN
    INSERT INTO meta VALUES (new.wa_message_id, new.type || ' in ' || new.chat_id || ': ' || new.metadata); END`)

describe('a message that cannot be decrypted', () => {
  it('is there as such, and is the message once its sender has sent it again', async () => {
    await watchUndecrypted()
    const { id } = await bob.write('whole', { to: phone, spoiled: true })
    expect(await gateway.hooked.take(({ body }) => body === 'whole')).toMatchObject({ id })
    const seen = (await gateway.db.select().from(meta)).find(({ key }) => key === id)
    expect(seen?.value).toMatch(/^unknown in 15551110001@c.us: {"undecrypted":".+"}$/)
    expect(await rowsOf(id)).toMatchObject([{ body: 'whole', type: 'text', undecryptedSince: null }])
    const events = (await gateway.events()).filter(({ data }) => data.id === id)
    expect(events).toMatchObject([{ event: 'message.received', data: { body: 'whole' } }])
  })

  it('heals also when the content comes after a restart, and by the other id of its sender', async () => {
    await gateway.down()
    await phone.offline()
    const carol = rig.whatsapp.contact('15551110003')
    const { id } = await carol.write('late', { to: phone, addressing: 'lid' })
    gateway = await rig.gateway()
    await gateway.queue.commit([
      {
        sql: `INSERT INTO messages (id, session_id, wa_message_id, chat_id, sender_id, "from", "to", lid_id, type,
          direction, status, undecrypted_since, created_at)
          VALUES ('stub', ?1, ?2, ?3, ?3, ?3, 'me', ?3, 'unknown', 'incoming', 'delivered', 1, 1)`,
        args: [sessionId, id, carol.lidJid],
      },
    ])
    await gateway.down()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    expect(await gateway.hooked.take(({ body }) => body === 'late')).toMatchObject({ id })
    expect(await rowsOf(id)).toMatchObject([
      { body: 'late', chatId: '15551110003@c.us', undecryptedSince: null },
    ])
  })

  it('does not take the place of one that was read', async () => {
    await watchUndecrypted()
    const { id } = await bob.write('first', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'first')
    await bob.write('first', { to: phone, id, spoiled: true })
    await bob.write('next', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'next')
    expect(await rowsOf(id)).toMatchObject([{ body: 'first' }])
    expect(gateway.hooked.all.filter(each => each.id === id).length).toBe(1)
  })
})

describe('a message whose row the database refuses', () => {
  it('is not receipted, and comes when the row can be stored', async () => {
    await run(
      `CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN new.body = 'poison' BEGIN SELECT RAISE(ABORT, 'no'); END`,
    )
    const { id } = await bob.write('poison', { to: phone })
    await gateway.becomes(sessionId, 'disconnected')
    await phone.offline()
    expect(rig.whatsapp.log.entries({ kind: 'receipt', direction: 'in', id })).toEqual([])
    await run('DROP TRIGGER refuse')
    rig.clock.advance(1)
    expect(await gateway.hooked.take(({ body }) => body === 'poison')).toMatchObject({ id })
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    expect(await rowsOf(id)).toHaveLength(1)
  })
})

describe('a plaintext whose message was never stored', () => {
  it('becomes a message at the next start, whether or not WhatsApp delivers it again', async () => {
    const { id } = await bob.write('orphan', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'orphan')
    await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
    await run(`DELETE FROM messages WHERE wa_message_id = '${id}'`)
    await gateway.down()
    await phone.offline()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    const before = await rig.whatsapp.log.entries({ kind: 'message', direction: 'out', id }).length
    expect(await gateway.hooked.take(({ body }) => body === 'orphan')).toMatchObject({
      id,
      chatId: '15551110001@c.us',
      contact: { pushName: 'Bob' },
    })
    expect(rig.whatsapp.log.entries({ kind: 'message', direction: 'out', id }).length).toBe(before)
    expect(await rowsOf(id)).toHaveLength(1)
  })

  it('that is no message, however made, stops nothing', async () => {
    await run(`UPDATE decrypt_journal SET wa_message_id = 'nobody'`)
    await gateway.down()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
    await bob.write('after', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'after')
    expect((await gateway.db.select().from(messages)).map(row => row.body).sort()).toEqual(['after', 'warm'])
  })
})
