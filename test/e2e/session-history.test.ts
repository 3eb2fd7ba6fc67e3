// The history that a phone sends to a new session, against the emulated WhatsApp and with the real Baileys.
import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import { listChatRows } from '../../src/db/directory/chats.ts'
import { findContact } from '../../src/db/directory/people.ts'
import { readEvents } from '../../src/db/events.ts'
import { historyChunks, messages } from '../../src/db/schema.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createRig, type Gateway, type Rig } from './session-rig.ts'

const PAST = 1_600_000_000

let rig: Rig
let gateway: Gateway
let phone: Phone
beforeEach(async () => {
  rig = await createRig()
  phone = rig.whatsapp.phone('15550000001', { name: 'Alice' })
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const bob = () => rig.whatsapp.contact('15551110001', { name: 'Bob' })

function remembers(count: number, unread = 0) {
  const with_ = bob()
  phone.history = [
    {
      with: with_,
      unread,
      messages: Array.from({ length: count }, (_, index) => ({
        id: `OLD${index}`,
        content: `old ${index}`,
        from: index % 2 === 0 ? with_ : phone,
        at: PAST + index,
      })),
    },
  ]
}

const stored = async (sessionId: SessionId) =>
  gateway.db.select().from(messages).where(eq(messages.sessionId, sessionId)).orderBy(messages.createdAt)
const count = async (sessionId: SessionId) => (await stored(sessionId)).length
const chunks = () => gateway.db.select().from(historyChunks)
const soon = { timeout: 5_000, interval: 10 }
/** Steps wait for the clock between each other. */
const steps = async (sessionId: SessionId, wanted: number) =>
  expect
    .poll(async () => {
      rig.clock.advance(5)
      return count(sessionId)
    }, soon)
    .toBe(wanted)

describe('a file in the history', () => {
  const bytes = randomBytes(3_000)
  const id = () => bob().pnJid.replace('s.whatsapp.net', 'c.us')
  /** Of a chat with two pictures, of which the media host has dropped the second. */
  function remembersFiles() {
    const [kept, dropped] = [rig.whatsapp.media.put(bytes), rig.whatsapp.media.put(bytes)]
    rig.whatsapp.media.drop(dropped)
    const message = (name: string, file: object, at: number) => ({
      id: name,
      content: { imageMessage: { ...file, mimetype: 'image/png', width: 3, height: 2 } },
      from: bob(),
      at: PAST + at,
    })
    phone.history = [
      { with: bob(), messages: [message('KEPT', kept, 0), message('DROPPED', dropped, 1_000)] },
    ]
  }
  const open = async (sessionId: SessionId, messageId: string) => {
    const { stream, mimetype } = await gateway.media.open({ sessionId, chatId: id(), messageId })
    return { mimetype, bytes: Buffer.from(await new Response(stream).arrayBuffer()) }
  }

  it('is fetched when somebody asks for it, from the phone too, and stays', async () => {
    remembersFiles()
    gateway = await rig.gateway()
    const sessionId = await gateway.linked(phone)
    await steps(sessionId, 2)
    expect((await stored(sessionId))[0]?.metadata).toMatchObject({
      media: { mimetype: 'image/png', omitted: true, width: 3, height: 2 },
    })
    expect(rig.whatsapp.media.transfers.all).toEqual([])
    for (const messageId of ['KEPT', 'DROPPED'])
      expect(await open(sessionId, messageId)).toEqual({ mimetype: 'image/png', bytes })
    expect((await stored(sessionId))[1]?.metadata).toMatchObject({
      media: { archived: true, sizeBytes: 3_000 },
    })
    const transfers = rig.whatsapp.media.transfers.all.length
    await open(sessionId, 'KEPT')
    expect(rig.whatsapp.media.transfers.all.length).toBe(transfers)
  })

  it('is not found where nobody has it any more', async () => {
    remembersFiles()
    phone.losesFile('DROPPED')
    gateway = await rig.gateway()
    const sessionId = await gateway.linked(phone)
    await steps(sessionId, 2)
    await expect(open(sessionId, 'DROPPED')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('is fetched in the background up to an age', async () => {
    remembersFiles()
    gateway = await rig.gateway({ backgroundMs: rig.clock.now() - (PAST + 500) * 1_000 })
    const sessionId = await gateway.linked(phone)
    await steps(sessionId, 2)
    gateway.media.incoming.arrived('any')
    await expect
      .poll(async () => (await stored(sessionId)).map(row => row.mediaPath !== null), soon)
      .toEqual([false, true])
  })
})

describe('history', () => {
  it('is stored as old as it is, with its chats and people, and told to nobody', async () => {
    remembers(6, 2)
    gateway = await rig.gateway()
    const sessionId = await gateway.linked(phone)
    await steps(sessionId, 6)
    const rows = await stored(sessionId)
    const id = bob().pnJid.replace('s.whatsapp.net', 'c.us')
    expect(rows.map(row => [row.waMessageId, row.body, row.direction, row.chatId, row.createdAt])).toEqual(
      Array.from({ length: 6 }, (_, index) => [
        `OLD${index}`,
        `old ${index}`,
        index % 2 === 0 ? 'incoming' : 'outgoing',
        id,
        (PAST + index) * 1_000,
      ]),
    )
    expect(rows.every(({ status, untold }) => status !== 'pending' && untold === null)).toBe(true)
    await gateway.queue.settled()
    expect(await listChatRows(gateway.db, sessionId, { limit: 9, offset: 0 })).toMatchObject([
      { id, name: 'Bob', unread: 2, timestamp: PAST + 5, lastMessage: 'old 5' },
    ])
    await expect
      .poll(async () => (await findContact(gateway.db, sessionId, bob().lidJid))?.pushName, soon)
      .toBe('Bob')
    const { events } = await readEvents(
      gateway.db,
      { scope: null, names: ['message.received', 'message.sent'], withheld: [] },
      { after: 0, limit: 10, newest: 1_000 },
    )
    expect(events).toEqual([])
    await expect.poll(async () => (await chunks()).map(({ state }) => state), soon).not.toContain('pending')
  })

  it('lets live messages pass, goes on after a restart, and stores nothing twice', async () => {
    remembers(350)
    gateway = await rig.gateway()
    const sessionId = await gateway.linked(phone)
    // The clock stands, so there is one step and no other.
    await expect.poll(() => count(sessionId), soon).toBe(100)
    await bob().write('live', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'live')
    expect(await count(sessionId)).toBe(101)
    expect(await chunks()).toContainEqual(
      expect.objectContaining({ state: 'pending', taken: 100, rows: 100 }),
    )
    await gateway.down()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1_000)
    await gateway.becomes(sessionId, 'ready')
    await steps(sessionId, 351)
    const ids = (await stored(sessionId)).map(({ waMessageId }) => waMessageId)
    expect(new Set(ids).size).toBe(351)
    await expect
      .poll(chunks, soon)
      .toContainEqual(expect.objectContaining({ state: 'done', taken: 350, rows: 350, noticeSealed: null }))
  })

  it.each([
    ['rows', { rows: 120, bytes: 1_000_000 }],
    ['bytes', { rows: 1_000, bytes: 2_000 }],
    ['nothing at all', { rows: 0, bytes: 0 }],
  ])('is cut to its limit of %s, the newest first', async (_what, historyLimits) => {
    remembers(150)
    gateway = await rig.gateway({ historyLimits })
    const sessionId = await gateway.linked(phone)
    await expect
      .poll(async () => {
        rig.clock.advance(5)
        return (await chunks()).map(({ state }) => state)
      }, soon)
      .toContain('cut')
    const rows = await stored(sessionId)
    expect(rows.length).toBeLessThanOrEqual(historyLimits.rows)
    expect(rows.reduce((sum, { body }) => sum + (body?.length ?? 0), 0)).toBeLessThanOrEqual(
      historyLimits.bytes,
    )
    if (historyLimits.rows > 0) expect(rows.at(-1)?.waMessageId).toBe('OLD149')
    await gateway.queue.settled()
    expect(await listChatRows(gateway.db, sessionId, { limit: 9, offset: 0 })).toHaveLength(1)
  })
})
