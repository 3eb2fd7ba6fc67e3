import { afterEach, beforeEach, expect, it } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { createBaileysClient } from './baileys-client.ts'
import type { Phone } from './phone.ts'
import { createWhatsApp, type WhatsApp } from './whatsapp.ts'

let whatsapp: WhatsApp
let phone: Phone
let loud: () => void

beforeEach(async () => {
  loud = silenceSignalConsole()
  whatsapp = await createWhatsApp()
  phone = whatsapp.phone('15550000001', { name: 'Alice' })
})

afterEach(async () => {
  expect(whatsapp.surprises).toEqual([])
  await whatsapp[Symbol.asyncDispose]()
  loud()
})

it('links the client that shows the code', async () => {
  const bob = whatsapp.contact('15550000002')
  await using client = createBaileysClient({
    whatsapp,
    onQr: async () => phone.enterCode(await client.socket.requestPairingCode(phone.pn)),
  })
  await client.open()
  expect(client.auth.creds.registered).toBe(true)
  expect(client.auth.creds.me?.id).toBe(`${phone.pn}:1@s.whatsapp.net`)
  expect(phone.isLinked).toBe(true)
  const id = await client.send(bob.pnJid, 'by code')
  await bob.next(message => message.id === id)
})

it('is entered as a person would write it', async () => {
  await using client = createBaileysClient({
    whatsapp,
    async onQr() {
      await client.socket.requestPairingCode(phone.pn, 'ABCD2345')
      return phone.enterCode('abcd-2345')
    },
  })
  await client.open()
})

it('links nobody when it is wrong, and still when it is then right', async () => {
  const wrong = Promise.withResolvers<unknown>()
  await using client = createBaileysClient({
    whatsapp,
    async onQr() {
      const code = await client.socket.requestPairingCode(phone.pn)
      await phone.enterCode('WRONGC0D').catch(wrong.resolve)
      expect([phone.isLinked, client.auth.creds.registered]).toEqual([false, false])
      return phone.enterCode(code)
    },
  })
  await client.open()
  expect(await wrong.promise).toMatchObject({ message: 'the client shows another code' })
})

it('is worth nothing once the client has gone', async () => {
  const gone = Promise.withResolvers<unknown>()
  const client = createBaileysClient({
    whatsapp,
    async onQr() {
      await client.socket.requestPairingCode(phone.pn, 'ABCD2345')
      const entered = phone.enterCode('ZZZZ9999')
      entered.catch(gone.resolve)
      await client.close()
    },
  })
  await expect(client.open()).rejects.toThrow()
  expect(await gone.promise).toBeInstanceOf(Error)
  expect(phone.isLinked).toBe(false)
})
