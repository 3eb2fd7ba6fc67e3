// Linking by code, settings, a proxy, calls and presence, against the emulated WhatsApp and with the real Baileys.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { httpProxy, socksProxy } from '../../engine-node/net/proxy.fixtures.ts'
import { readEvents } from '../../src/db/events.ts'
import { findProxy } from '../../src/db/proxies.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createRig, type Gateway, type Rig } from './session-rig.ts'

let rig: Rig
let gateway: Gateway
let phone: Phone
beforeEach(async () => {
  rig = await createRig()
  gateway = await rig.gateway()
  phone = rig.whatsapp.phone('15550000001', { name: 'Alice' })
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const eventsNamed = async (...names: string[]) => {
  await gateway.queue.settled()
  const { events } = await readEvents(
    gateway.db,
    { scope: null, names, withheld: [] },
    { after: 0, limit: 100, newest: 1_000 },
  )
  return events.map(({ event, data }) => ({ event, ...JSON.parse(data) }))
}
const soon = { timeout: 5_000, interval: 10 }
const neutral = (jid: string) => jid.replace('s.whatsapp.net', 'c.us')

describe('a code for the phone', () => {
  it('links the session in place of the QR code', async () => {
    const { methods } = gateway
    const sessionId = await gateway.create()
    const ask = () => methods['session.pairingCode']({ sessionId, phoneNumber: phone.pn })
    await expect(ask()).rejects.toMatchObject({ code: 'session_not_started' })
    await methods['session.start']({ sessionId })
    await gateway.becomes(sessionId, 'qr_ready')
    const { pairingCode, status } = await ask()
    expect(pairingCode).toMatch(/^[0-9A-Z]{8}$/)
    expect(status).toBe('qr_ready')
    await phone.enterCode(pairingCode)
    expect(await gateway.becomes(sessionId, 'ready')).toMatchObject({ phone: phone.pn, lid: phone.lid })
    await expect(ask()).rejects.toMatchObject({ code: 'session_not_ready' })
  })

  it('that nobody types leaves nothing behind: a QR code still links after a restart', async () => {
    const { methods } = gateway
    const sessionId = await gateway.create()
    await methods['session.start']({ sessionId })
    await gateway.becomes(sessionId, 'qr_ready')
    await methods['session.pairingCode']({ sessionId, phoneNumber: phone.pn })
    expect(await gateway.row(sessionId)).toMatchObject({ status: 'qr_ready', phone: null })
    await gateway.queue.settled()
    await gateway.down()
    gateway = await rig.gateway()
    await gateway.sessions.restore()
    rig.clock.advance(1_000)
    expect(await gateway.scan(sessionId, phone)).toMatchObject({ phone: phone.pn })
  })
})

describe('settings', () => {
  it('count at once, and null takes them back', async () => {
    const { methods } = gateway
    const sessionId = await gateway.linked(phone)
    expect(
      await methods['session.configure']({
        sessionId,
        config: { maxReconnectAttempts: 0, autoRejectCalls: true },
      }),
    ).toEqual({ autoRejectCalls: true, maxReconnectAttempts: 0, reconnectBaseDelay: 1_000 })
    phone.disconnect('abrupt')
    expect(await gateway.becomes(sessionId, 'failed')).toMatchObject({ engineLoaded: false })
    expect(await methods['session.configure']({ sessionId, config: { maxReconnectAttempts: null } })).toEqual(
      {
        autoRejectCalls: true,
        maxReconnectAttempts: null,
        reconnectBaseDelay: 1_000,
      },
    )
    expect((await gateway.row(sessionId)).config).toMatchObject({ autoRejectCalls: true })
  })
})

describe('a proxy', () => {
  it.each([
    ['http', () => httpProxy({ user: 'user', password: 'secret' })],
    ['socks5', () => socksProxy({ user: 'user', password: 'secret' })],
  ])('%s carries the connection, and is kept sealed', async (type, make) => {
    await using proxy = await make()
    const { methods, db } = gateway
    const sessionId = await gateway.create()
    const { host } = new URL(proxy.url)
    const view = { enabled: true, proxyType: type, proxyHost: host, hasCredentials: true }
    expect(await methods['session.setProxy']({ sessionId, input: { proxyUrl: proxy.url } })).toEqual(view)
    const stored = await findProxy(db, sessionId)
    expect(Buffer.from(stored?.urlSealed ?? []).toString('latin1')).not.toContain('secret')
    await methods['session.start']({ sessionId })
    await gateway.scan(sessionId, phone)
    expect(proxy.targets.length).toBeGreaterThanOrEqual(2)
    expect(proxy.targets[0]).toBe(new URL(rig.whatsapp.url).host)
    await methods['session.stop']({ sessionId })
    const none = { enabled: false, proxyType: null, proxyHost: null, hasCredentials: false }
    expect(await methods['session.setProxy']({ sessionId, input: { proxyUrl: null } })).toEqual(none)
    const before = proxy.targets.length
    await methods['session.start']({ sessionId })
    await gateway.becomes(sessionId, 'ready')
    expect(proxy.targets).toHaveLength(before)
  })
})

describe('calls', () => {
  it('are told of once for each outcome, and can be rejected', async () => {
    const sessionId = await gateway.linked(phone)
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    const { account } = await gateway.sessions.link(sessionId)
    const missed = bob.calls(phone, { video: true, addressing: 'lid' })
    await expect
      .poll(() => eventsNamed('call.received'), soon)
      .toMatchObject([{ callId: missed.id, from: neutral(bob.pnJid), isVideo: true, isGroup: false }])
    missed.ends()
    missed.ends('timeout')
    await expect
      .poll(() => eventsNamed('call.missed'), soon)
      .toMatchObject([
        { callId: missed.id, from: neutral(bob.pnJid), outcome: 'missed', isVideo: true, sessionId },
      ])
    await expect(account.rejectCall(missed.id)).rejects.toMatchObject({ code: 'not_found' })
    const rejected = bob.calls(phone)
    await expect.poll(async () => (await eventsNamed('call.received')).length, soon).toBe(2)
    await account.rejectCall(rejected.id)
    await rejected.rejected()
    expect(await eventsNamed('call.missed')).toHaveLength(1)
  })

  it('are rejected by themselves where the session is set so', async () => {
    const sessionId = await gateway.linked(phone)
    await gateway.methods['session.configure']({ sessionId, config: { autoRejectCalls: true } })
    const call = rig.whatsapp.contact('15551110001').calls(phone)
    await call.rejected()
    expect(await eventsNamed('call.received')).toHaveLength(1)
  })
})

describe('presence', () => {
  it('is shown where it was asked for, told of when it changes, and shown of the account', async () => {
    const sessionId = await gateway.linked(phone)
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    await bob.write('hello', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'hello')
    const { account } = await gateway.sessions.link(sessionId)
    const chatId = neutral(bob.pnJid)
    expect(account.presence(chatId)).toBeNull()
    await account.subscribePresence(chatId)
    await rig.whatsapp.shown.find(({ presence, to }) => presence === 'subscribe' && to === bob.pnJid)
    bob.shows('available', { to: phone })
    bob.shows('composing', { to: phone, addressing: 'lid' })
    bob.shows('composing', { to: phone })
    await expect.poll(() => account.presence(bob.lidJid)?.participants[0]?.state, soon).toBe('composing')
    expect(account.presence(chatId)).toMatchObject({
      chatId,
      participants: [{ id: chatId, state: 'composing' }],
    })
    bob.shows('unavailable', { to: phone })
    await expect
      .poll(() => account.presence(chatId)?.participants, soon)
      .toMatchObject([{ state: 'unavailable', lastSeen: expect.any(Number) }])
    const told = await eventsNamed('presence.update')
    expect(told.map(({ participants }) => participants[0].state)).toEqual([
      'available',
      'composing',
      'unavailable',
    ])
    await account.setAvailable(true)
    await rig.whatsapp.shown.find(({ presence, by }) => presence === 'available' && by === phone.pn)
  })
})
