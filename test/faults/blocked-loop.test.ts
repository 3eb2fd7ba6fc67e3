// The event loop of the gateway stands still for a while, as a library that reads something big makes it: then all timers fall due
// at once, before any byte that came meanwhile is read. Against the emulated WhatsApp, with a clock that the test moves.
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
import type { SendText } from '../../src/contract/message.ts'
import { createLinkedRig, type Gateway, type Rig } from '../e2e/session-rig.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'

/** On a busy machine. */
const PATIENT = { timeout: 15_000, interval: 20 }
/** Between two looks of the engine at a connection. At each fourth it asks WhatsApp, however much it has heard. */
const LOOK_MS = 15_000
const LOOKS_BEFORE = 3
/** A question is asked in it, and the time for the answer is over before anything is read. */
const QUESTION_AND_MS = LOOK_MS + 10_000
const MESSAGES = 20

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
const texts = (what: string) => Array.from({ length: MESSAGES }, (_, n) => `${what} ${n}`)

async function looks() {
  for (let look = 0; look < LOOKS_BEFORE; look += 1) {
    rig.clock.advance(LOOK_MS)
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
  }
}

/** Messages are on their way in both directions when the loop stops, and each is there once when it has gone on. */
async function standsStill(ms: number) {
  const [coming, going] = [texts('in'), texts('out')]
  const ids = await Promise.all(coming.map(async text => (await bob.write(text, { to: phone })).id))
  const sends = going.map(text => gateway.sender.sendText(sessionId, toBob(text)))
  // No turn of the loop in between: what was sent to the gateway lies in its socket.
  rig.clock.advance(ms)
  const sent = await Promise.all(sends)
  return { coming, going, ids, sent }
}

async function nothingIsLost({ coming, going, ids, sent }: Awaited<ReturnType<typeof standsStill>>) {
  const bodies = async () =>
    (await gateway.messages(sessionId))
      .filter(row => row.direction === 'incoming')
      .map(({ body }) => body)
      .toSorted()
  await expect.poll(bodies, PATIENT).toEqual(coming.toSorted())
  for (const id of ids) await rig.whatsapp.log.until({ kind: 'receipt', direction: 'in', id })
  for (const { messageId } of sent) await bob.next(({ id }) => id === messageId)
  // What WhatsApp had not acknowledged may go out again, under its id: phones drop the copy.
  const arrived = new Map(bob.inbox.map(({ id, text }) => [id, text]))
  expect([...arrived.values()].toSorted()).toEqual(['warm', ...going].toSorted())
}

it('for ten seconds: the connection stays, and nothing is lost', async () => {
  const link = await gateway.sessions.link(sessionId)
  await nothingIsLost(await standsStill(10_000))
  expect(await gateway.sessions.link(sessionId)).toBe(link)
})

it('for ten seconds while an answer of WhatsApp is on its way: that is forgiven once', async () => {
  const link = await gateway.sessions.link(sessionId)
  await looks()
  await nothingIsLost(await standsStill(QUESTION_AND_MS))
  expect(await gateway.sessions.link(sessionId)).toBe(link)
})

it('again and again: the connection is given up, the next one comes by itself, and nothing is lost', async () => {
  const link = await gateway.sessions.link(sessionId)
  await looks()
  const talk = await standsStill(QUESTION_AND_MS)
  rig.clock.advance(QUESTION_AND_MS)
  await expect
    .poll(async () => {
      const next = await gateway.sessions.link(sessionId).catch(() => link)
      // The wait before it.
      rig.clock.advance(100)
      return next !== link
    }, PATIENT)
    .toBe(true)
  await nothingIsLost(talk)
  expect((await gateway.row(sessionId)).status).toBe('ready')
})
