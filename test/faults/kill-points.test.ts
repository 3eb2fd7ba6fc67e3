// The gateway is killed at each named point of its code, one by one, and started again: nothing may be lost, stored twice or
// sent under a second id. The real process, on the real Baileys, against the emulated WhatsApp.
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

// Each starts the gateway anew, which takes long on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let faulty: FaultyGateway

beforeAll(async () => {
  faulty = await createFaultyGateway()
  await linkSession(faulty)
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

/** What the kill has left is whole; the next start converges to what would have been without it. */
async function recovers() {
  expect(lastingFaults(faulty)).toEqual([])
  await faulty.start()
  await faulty.settled()
  expect(settledFaults(faulty)).toEqual([])
  expect((await faulty.ask('GET', '/health')).body.status).toBe('ok')
}

describe('killed while a message comes in', () => {
  it.each([
    'inbound.after-decrypt',
    'inbound.before-commit',
    'inbound.after-commit',
    'inbound.after-receipt',
    'inbound.after-hook',
  ] as const)('at %s', async point => {
    const [alice, bob] = faulty.contacts
    const died = faulty.dieAt(point)
    for (const contact of [alice, bob])
      if (contact) await faulty.writes(contact, `${point} from ${contact.name}`)
    await died
    await recovers()
  })
})

describe('killed while a message goes out', () => {
  it.each([
    'outbound.before-commit',
    'outbound.after-commit',
    'outbound.after-write',
    'outbound.after-ack',
  ] as const)('at %s', async point => {
    const [contact] = faulty.contacts
    if (!contact) throw new Error('nobody to write to')
    const died = faulty.dieAt(point)
    const text = `sent at ${point}`
    const first = await faulty.send(contact, text)
    await died
    expect(lastingFaults(faulty)).toEqual([])
    await faulty.start()
    // As a client does who knows nothing of the first try.
    const second = await faulty.insist(contact, text)
    if (first?.status === 201) expect(first.body).toMatchObject({ messageId: second.messageId })
    await faulty.settled()
    expect(settledFaults(faulty)).toEqual([])
  })
})

/** Of a few chunks, and no picture that anybody could look at. */
const picture = () => randomBytes(300_000)

const leftInTransit = () => readdirSync(join(faulty.dataDir, 'media', 'tmp'))

/** The file of a message as the API serves it, once it does; never half of it. */
async function served(chatId: string, messageId: string): Promise<Buffer> {
  const path = `/api/sessions/${faulty.sessionId}/messages/${chatId}/${messageId}/media`
  const response = await until(
    () => fetch(faulty.url + path, { headers: { 'X-API-Key': faulty.key } }),
    ({ status }) => status === 200,
    60_000,
  )
  return Buffer.from(await response.arrayBuffer())
}

describe('killed while a file comes in', () => {
  it.each(['media.half-written', 'media.stored', 'media.after-commit'] as const)('at %s', async point => {
    const [contact] = faulty.contacts
    if (!contact) throw new Error('nobody to write to')
    const image = picture()
    const died = faulty.dieAt(point)
    const id = await faulty.writes(contact, `a picture at ${point}`, { image })
    await died
    await recovers()
    expect((await served(`${contact.pn}@c.us`, id)).equals(image)).toBe(true)
    expect(leftInTransit()).toEqual([])
    expect(settledFaults(faulty)).toEqual([])
  })
})

describe('killed while a file goes out', () => {
  it.each(['media.half-written', 'media.sealed', 'media.uploaded', 'outbound.after-commit'] as const)(
    'at %s',
    async point => {
      const [contact] = faulty.contacts
      if (!contact) throw new Error('nobody to write to')
      const image = picture()
      const text = `my picture at ${point}`
      const died = faulty.dieAt(point)
      await faulty.send(contact, text, { image })
      await died
      expect(lastingFaults(faulty)).toEqual([])
      await faulty.start()
      const { messageId } = await faulty.insist(contact, text, { image })
      await faulty.settled()
      const { message } = await contact.next(({ id }) => id === messageId)
      expect(faulty.whatsapp.media.open(message).equals(image)).toBe(true)
      expect((await served(`${contact.pn}@c.us`, messageId)).equals(image)).toBe(true)
      expect(leftInTransit()).toEqual([])
      expect(settledFaults(faulty)).toEqual([])
    },
  )
})

describe('killed while credentials are saved', () => {
  it('at a login', async () => {
    await faulty.kill()
    await faulty.start({ ready: false, dieAt: 'credentials.save' })
    await faulty.dieAt('credentials.save')
    await recovers()
  })

  it('at every save of a pairing, until one goes through', async () => {
    const { body } = await faulty.ask('POST', '/sessions', { name: 'second' })
    const path = `/sessions/${body.id}`
    const phone = faulty.whatsapp.phone('15550000009', { name: 'Carol' })
    const becomes = (...wanted: string[]) =>
      until(
        () => faulty.ask('GET', path),
        answer => wanted.includes(answer.body.status),
      )
    async function pair() {
      const found = await becomes('qr_ready', 'ready')
      if (found.body.status === 'qr_ready') await phone.scan((await faulty.ask('GET', `${path}/qr`)).body.qr)
      await becomes('ready')
      return 'paired'
    }
    await faulty.ask('POST', `${path}/start`)
    let kills = 0
    for (let save = 1; ; save += 1) {
      const died = faulty.dieAt('credentials.save', save).then(() => 'died')
      // What is cut in the middle says so in many ways; the end of the process says it for certain.
      const outcome = await Promise.race([died, pair().catch(() => died)])
      if (outcome === 'paired') break
      kills += 1
      expect(lastingFaults(faulty)).toEqual([])
      await faulty.start()
    }
    faulty.disarm()
    expect(kills).toBeGreaterThan(1)
    const [contact] = faulty.contacts
    await contact?.write('to the second', { to: phone })
    await until(
      () => faulty.ask('GET', `${path}/messages`),
      answer => answer.body.messages.length === 1,
    )
    expect(settledFaults(faulty)).toEqual([])
  })
})
