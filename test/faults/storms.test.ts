// Many connections at once and one after the other: a server that lets nobody stay, and a gateway that brings back all its sessions.
// Against the emulated WhatsApp, with the real Baileys and a clock that the test moves.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { updateSession } from '../../src/db/sessions.ts'
import { createRig, type Rig } from '../e2e/session-rig.ts'

/** On a busy machine. */
const PATIENT = { timeout: 15_000, interval: 10 }

let rig: Rig
beforeEach(async () => {
  rig = await createRig()
})
afterEach(() => rig[Symbol.asyncDispose]())

const turns = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
}

describe('a server that closes each connection after a second', () => {
  it('sees ever fewer of them for ten minutes, one at a time, and what was written meanwhile comes once', async () => {
    const FIRST_MS = 1_000
    const LONGEST_MS = 300_000
    /** Small ones, so that ten minutes see the longest wait too. */
    const jitter = [0.5, 0.1, 0.3, 0.2, 0.4]
    let drawn = 0
    const random = () => jitter[drawn++ % jitter.length]!
    await using gateway = await rig.gateway({ random })
    const phone = rig.whatsapp.phone('15550000001', { name: 'Alice' })
    const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
    const sessionId = await gateway.linked(phone)
    rig.clock.advance(60_000)
    drawn = 0

    const { all: before } = rig.whatsapp.visits
    const startedAt = rig.clock.now()
    const waits: number[] = []
    const texts: string[] = []
    const says = async (text: string) => {
      texts.push(text)
      await bob.write(text, { to: phone })
    }
    while (rig.clock.now() - startedAt < 10 * 60_000) {
      await says(`during ${waits.length}`)
      rig.clock.advance(1_000)
      phone.disconnect('close')
      const { trouble } = await gateway.becomes(sessionId, 'disconnected')
      await says(`after ${waits.length}`)
      const waitMs = (trouble?.retryAt ?? 0) - rig.clock.now()
      waits.push(waitMs)
      // Not a moment earlier, and once.
      rig.clock.advance(waitMs - 1)
      await turns()
      expect(rig.whatsapp.visits.all).toBe(before + waits.length - 1)
      rig.clock.advance(1)
      await gateway.becomes(sessionId, 'ready')
      expect(rig.whatsapp.visits.all).toBe(before + waits.length)
    }

    expect(waits).toEqual(
      waits.map((_, n) => Math.floor(jitter[n % jitter.length]! * Math.min(FIRST_MS * 2 ** n, LONGEST_MS))),
    )
    expect(FIRST_MS * 2 ** (waits.length - 1)).toBeGreaterThan(LONGEST_MS)
    expect(rig.whatsapp.visits.most).toBe(1)
    await expect.poll(() => gateway.hooked.all.length, PATIENT).toBeGreaterThanOrEqual(texts.length)
    await gateway.queue.settled()
    const inOrder = texts.toSorted()
    expect(gateway.hooked.all.map(({ body }) => body).toSorted()).toEqual(inOrder)
    expect((await gateway.messages(sessionId)).map(({ body }) => body).toSorted()).toEqual(inOrder)
  })
})

describe('thirty sessions that were running', () => {
  const COUNT = 30
  const EVERY_MS = 100

  it('are brought back one after the other, and each once', async () => {
    await using first = await rig.gateway()
    const ids = await Promise.all(Array.from({ length: COUNT }, (_, n) => first.create(`session ${n}`)))
    const wanted = { desired: 'running', updatedAt: rig.clock.now() } as const
    await first.queue.commit(ids.map(id => updateSession(first.db, id, wanted)))
    await first.down()

    await using second = await rig.gateway({ maxSessions: COUNT })
    const live = () => ids.filter(id => second.sessions.isLive(id))
    const statuses = async () => Promise.all(ids.map(async id => (await second.row(id)).status))
    const shown = async () => (await statuses()).filter(status => status === 'qr_ready').length
    await second.sessions.restore()
    await turns()
    expect(live()).toEqual([])
    rig.clock.advance(0)
    for (let started = 1; started <= COUNT; started += 1) {
      // A connection is there only after its session has started: had others started with it, they would be seen here.
      await expect.poll(shown, PATIENT).toBe(started)
      expect(live()).toHaveLength(started)
      expect(rig.whatsapp.visits.all).toBe(started)
      rig.clock.advance(EVERY_MS - 1)
      await turns()
      expect(live()).toHaveLength(started)
      rig.clock.advance(1)
    }
    // None is taken up a second time, whatever was still to come.
    rig.clock.advance(COUNT * EVERY_MS)
    await turns()
    expect(rig.whatsapp.visits).toEqual({ all: COUNT, most: COUNT })
    expect(await shown()).toBe(COUNT)
  })
})
