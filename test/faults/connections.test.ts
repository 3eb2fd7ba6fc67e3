// What WhatsApp and the network do to a connection while messages wait to be sent: it falls silent, or ends for good. Against the
// emulated WhatsApp, with the real Baileys and a clock that the test moves.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import type { SendText } from '../../src/contract/message.ts'
import { createLinkedRig, type Gateway, type Rig } from '../e2e/session-rig.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Ending } from '../whatsapp/faults.ts'
import type { Phone } from '../whatsapp/phone.ts'

/** A look each 15 s, two of them without an answer of 10 s each, and the wait before the next connection. */
const REPLACED_WITHIN_MS = 60_000

/** On a busy machine. */
const PATIENT = { timeout: 15_000, interval: 20 }

let rig: Rig
let gateway: Gateway
let phone: Phone
let bob: Contact
let sessionId: SessionId

beforeEach(async () => {
  ;({ rig, gateway, phone, bob, sessionId } = await createLinkedRig())
  await gateway.sender.sendText(sessionId, toBob('warm'))
  await bob.next()
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const toBob = (text: string) => ({ chatId: '15551110001@c.us', text }) as SendText
const turns = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
}
const statusOf = async (id: string) => (await gateway.messages(sessionId)).find(row => row.waMessageId === id)

describe('a connection that is half open', () => {
  it('is replaced within its time, and what was sent into it goes out under the same ids', async () => {
    phone.disconnect('silent')
    const sent = [
      await gateway.sender.sendText(sessionId, toBob('into the void')),
      await gateway.sender.sendText(sessionId, toBob('and another')),
    ]
    await bob.write('nobody hears', { to: phone })
    let passedMs = 0
    for (
      ;
      passedMs < REPLACED_WITHIN_MS && (await gateway.row(sessionId)).status === 'ready';
      passedMs += 5_000
    ) {
      rig.clock.advance(5_000)
      await turns()
    }
    expect(passedMs).toBeLessThan(REPLACED_WITHIN_MS)
    expect(bob.inbox.map(({ text }) => text)).toEqual(['warm'])
    // The end of the old socket and the wait before the next one.
    await expect
      .poll(async () => {
        rig.clock.advance(100)
        return (await gateway.row(sessionId)).status
      }, PATIENT)
      .toBe('ready')
    for (const { messageId } of sent) await bob.next(({ id }) => id === messageId)
    await gateway.hooked.take(({ body }) => body === 'nobody hears')
    expect(bob.inbox.map(({ text }) => text)).toEqual(['warm', 'into the void', 'and another'])
    for (const { messageId } of sent)
      await expect.poll(() => statusOf(messageId), PATIENT).toMatchObject({ status: 'delivered' })
  })
})

describe('a connection that ends for good', () => {
  it.each([
    ['removed', 'unlinked', 'disconnected'],
    ['401', 'unlinked', 'disconnected'],
    ['403', 'locked', 'action_required'],
    ['406', 'banned', 'failed'],
  ] as const satisfies readonly (readonly [Ending, string, string])[])(
    '%s: what waits has failed and says why, the session says it once, and nothing more is taken',
    async (kind, reason, status) => {
      phone.disconnect('silent')
      const sent = [
        await gateway.sender.sendText(sessionId, toBob('waits')),
        await gateway.sender.sendText(sessionId, toBob('waits too')),
      ]
      for (const { messageId } of sent) expect(await statusOf(messageId)).toMatchObject({ status: 'pending' })
      if (kind === 'removed') phone.disconnect(kind)
      else rig.whatsapp.loginFailure(Number(kind))
      await expect
        .poll(async () => {
          rig.clock.advance(5_000)
          await turns()
          return await gateway.row(sessionId)
        }, PATIENT)
        .toMatchObject({ status, trouble: { reason, isFinal: true } })
      for (const { messageId: id } of sent)
        await expect.poll(() => statusOf(id), PATIENT).toMatchObject({ status: 'failed', error: reason })
      const failures = async () =>
        (await gateway.events())
          .filter(({ event }) => event === 'message.failed')
          .map(({ data }) => ({ id: data.id, error: data.error }))
      expect(await failures()).toEqual(sent.map(({ messageId: id }) => ({ id, error: reason })))
      await expect(gateway.sender.sendText(sessionId, toBob('no more'))).rejects.toMatchObject({
        code: 'session_not_started',
      })
      // And it stays so.
      rig.clock.advance(10 * 60_000)
      await turns()
      expect((await gateway.row(sessionId)).status).toBe(status)
      expect(await failures()).toHaveLength(2)
      expect(bob.inbox.map(({ text }) => text)).toEqual(['warm'])
      // The keys are still there: what becomes of them is for a person to say.
      const { rows } = await keysOf()
      expect(rows).toBeGreaterThan(0)
    },
  )
})

async function keysOf() {
  const rows = await gateway.db.query.authKeys.findMany()
  return { rows: rows.filter(row => row.sessionId === sessionId).length }
}
