import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { type BaileysClient, createBaileysClient } from './baileys-client.ts'
import type { Contact } from './contact.ts'
import type { Phone } from './phone.ts'
import { createWhatsApp, type WhatsApp } from './whatsapp.ts'

let loud: () => void
let whatsapp: WhatsApp
let phone: Phone
let client: BaileysClient
let bob: Contact

beforeEach(async () => {
  loud = silenceSignalConsole()
  whatsapp = await createWhatsApp()
  phone = whatsapp.phone('15550000001', { name: 'Alice' })
  bob = whatsapp.contact('15550000002', { name: 'Bob' })
  client = createBaileysClient({ whatsapp, onQr: phone.scan })
  await client.open()
  await phone.synced()
})

afterEach(async () => {
  expect(whatsapp.surprises).toEqual([])
  await client.close()
  await whatsapp[Symbol.asyncDispose]()
  loud()
})

describe('a connection that the server ends', () => {
  it('by removal of the device is 401, now and at every login', async () => {
    phone.disconnect('removed')
    expect(await client.closed()).toBe(401)
    expect(phone.isLinked).toBe(false)
    await expect(client.open()).rejects.toMatchObject({ code: 401 })
  })

  it('in favour of the same device from elsewhere is 440', async () => {
    await using other = createBaileysClient({ whatsapp, auth: client.auth })
    await other.open()
    expect(await client.closed()).toBe(440)
    await bob.write('which one?', { to: phone })
    await other.hears('which one?')
  })

  it('silently goes on for the client, until it comes back by itself', async () => {
    await client.send(bob.pnJid, 'heard')
    await bob.next()
    phone.disconnect('silent')
    const { id } = await bob.write('into the void', { to: phone })
    await client.send(bob.pnJid, 'never heard')
    expect(client.upserts.all.some(({ message }) => message.key.id === id)).toBe(false)
    await client.close()
    await client.open()
    expect(await client.hears('into the void')).toMatchObject({ message: { key: { id } }, type: 'append' })
    expect(bob.inbox.map(({ text }) => text)).toEqual(['heard'])
  })
})

describe('a login', () => {
  it('may be banned for a time, and is told why and for how long', async () => {
    await client.close()
    whatsapp.loginFailure(402, { code: 101, expire: 3_600 })
    const failure = await client.open().catch(error => error)
    expect(failure).toMatchObject({ code: 402, data: { reason: '402', code: '101', expire: '3600' } })
  })

  it('times out when the server says nothing', async () => {
    whatsapp.stall(true)
    await using other = createBaileysClient({ whatsapp, config: { connectTimeoutMs: 100 } })
    await expect(other.open()).rejects.toMatchObject({ code: 408 })
    whatsapp.stall(false)
  })

  it('is not even begun while connections are refused', async () => {
    await client.close()
    whatsapp.refuse(true)
    await expect(client.open()).rejects.toThrow('socket hang up')
    whatsapp.refuse(false)
    await client.open()
  })
})

describe('what comes while the client is away', () => {
  it('waits, comes in order after the login, and once', async () => {
    await client.close()
    const texts = ['one', 'two', 'three']
    const ids: string[] = []
    for (const text of texts) ids.push((await bob.write(text, { to: phone })).id)
    await client.open()
    for (const text of texts) expect(await client.hears(text)).toMatchObject({ type: 'append' })
    for (const id of ids) await whatsapp.log.until({ direction: 'in', kind: 'receipt', id })
    expect(whatsapp.log.ids({ direction: 'out', kind: 'message', offline: true })).toEqual(ids)
    await client.close()
    await client.open()
    await bob.write('four', { to: phone })
    await client.hears('four')
    expect(whatsapp.log.ids({ direction: 'out', kind: 'message', offline: true })).toEqual(ids)
  })

  it('is sent again after a drop when it was not acknowledged', async () => {
    const { id } = await bob.write('on the way', { to: phone })
    phone.disconnect('abrupt')
    await client.closed()
    await client.open()
    await expect
      .poll(() =>
        whatsapp.log.entries({ direction: 'out', kind: 'message', id }).map(({ offline }) => offline),
      )
      .toEqual([false, true])
  })

  it('includes receipts', async () => {
    bob.receipts = 'none'
    const id = await client.send(bob.pnJid, 'read me later')
    await bob.next()
    await client.close()
    await phone.offline()
    await bob.reads(id)
    await client.open()
    await whatsapp.log.until({ direction: 'out', kind: 'receipt', id, detail: 'read', offline: true })
    await whatsapp.log.until({ direction: 'in', kind: 'ack', id, detail: 'receipt' })
  })
})
