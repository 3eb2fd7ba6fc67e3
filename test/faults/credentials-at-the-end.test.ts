// The gateway is told to end at the very moment at which credentials or keys change: what it knew last is what the next start
// finds, and no phone has to be linked again.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadAuthStore } from '../../engine-node/sessions/auth-store.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { SendText } from '../../src/contract/message.ts'
import { createLinkedRig, type Gateway, type Rig } from '../e2e/session-rig.ts'
import { until } from '../support/gateway.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createFaultyGateway } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

describe('an end', () => {
  let rig: Rig
  let gateway: Gateway
  let phone: Phone
  let bob: Contact
  let sessionId: SessionId
  beforeEach(async () => {
    ;({ rig, gateway, phone, bob, sessionId } = await createLinkedRig())
    await bob.write('warm', { to: phone })
    await gateway.hooked.take(() => true)
    await gateway.queue.settled()
  })
  afterEach(async () => {
    rig.disk.release()
    await gateway.down()
    await rig[Symbol.asyncDispose]()
  })

  const toBob = (text: string) => ({ chatId: '15551110001@c.us', text }) as SendText
  const saves = () => gateway.trace.filter(table => table === 'auth_keys').length
  /** As the next connection would find them. */
  const stored = async () =>
    (
      await loadAuthStore({
        db: gateway.db,
        queue: { put() {} },
        sealer: createSealer(Buffer.alloc(32, 7)),
        sessionId,
        wasPaired: true,
      })
    ).state

  it('waits for the credentials and keys that changed before it, while an older commit is under way', async () => {
    const before = (await stored()).creds.nextPreKeyId
    rig.disk.hold()
    // Steps of the ratchet; and new keys with the credentials that count them, before WhatsApp hears of any.
    for (const text of ['one', 'two']) {
      const known = saves()
      await bob.write(text, { to: phone })
      await expect.poll(saves).toBeGreaterThan(known)
    }
    const known = saves()
    phone.runsLowOnKeys(1)
    await expect.poll(saves).toBeGreaterThan(known + 1)
    let isDown = false
    const down = gateway.down().then(() => {
      isDown = true
    })
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
    expect(isDown).toBe(false)
    rig.disk.release()
    await down

    gateway = await rig.gateway()
    const { creds, keys } = await stored()
    expect(creds.nextPreKeyId).toBeGreaterThan(before)
    const made = Array.from({ length: creds.nextPreKeyId - before }, (_, n) => String(before + n))
    expect(Object.keys(await keys.get('pre-key', made))).toEqual(made)
    await gateway.sessions.restore()
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
    await bob.write('three', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'three')
    await gateway.sender.sendText(sessionId, toBob('four'))
    await bob.next(({ text }) => text === 'four')
    for (const kind of ['retry', 'nack'] as const) expect(rig.whatsapp.log.ids({ kind })).toEqual([])
    expect((await gateway.messages(sessionId)).map(({ body }) => body)).toEqual(
      expect.arrayContaining(['warm', 'one', 'two', 'three', 'four']),
    )
  })
})

describe('SIGTERM at a save of credentials', () => {
  it('at every one of a pairing, until one goes through: each ends in order, and the next start goes on', async () => {
    await using faulty = await createFaultyGateway()
    const { sessionId, phone } = faulty
    const path = `/sessions/${sessionId}`
    const becomes = (...wanted: string[]) =>
      until(
        () => faulty.ask('GET', path),
        answer => wanted.includes(answer.body.status),
        60_000,
      )
    async function pair() {
      const found = await becomes('qr_ready', 'ready')
      if (found.body.status === 'qr_ready') {
        // Credentials that WhatsApp took once are never lost: it would have a second device for this session.
        expect(phone.isLinked).toBe(false)
        await phone.scan((await faulty.ask('GET', `${path}/qr`)).body.qr)
      }
      await becomes('ready')
      return 'paired'
    }
    await faulty.ask('POST', `${path}/start`)
    const codes: (number | null)[] = []
    for (let save = 1; ; save += 1) {
      const ended = faulty.stopAt('credentials.save', save)
      const outcome = await Promise.race([ended, pair().catch(() => ended)])
      if (outcome === 'paired') break
      codes.push(await ended)
      expect(lastingFaults(faulty)).toEqual([])
      await faulty.start({ ready: false })
    }
    faulty.disarm()
    expect(codes.length).toBeGreaterThan(1)
    expect(new Set(codes)).toEqual(new Set([0]))
    await phone.synced()
    await faulty.settled()
    expect(settledFaults(faulty)).toEqual([])
  })
})
