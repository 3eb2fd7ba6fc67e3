// One message that comes twice at one moment, both times before anything of it is stored: against the emulated WhatsApp and with
// the real Baileys.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionId } from '../../src/contract/ids.ts'
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
})
afterEach(async () => {
  rig.disk.release()
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const PATIENT = { timeout: 8_000, interval: 5 }
const receipts = (id: string) => rig.whatsapp.log.ids({ direction: 'in', kind: 'receipt', id })
const turns = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
}
const insertions = () => gateway.trace.filter(table => table === 'messages').length

const chats = {
  'from a person': () => phone,
  'in a group': () => rig.whatsapp.group('Team', { members: [bob, phone] }),
}

/** Two stanzas, so the second one of a sender is encrypted for itself; two copies are the very same bytes. */
const ways = {
  'as two stanzas of one id': { stanzas: 2, copies: 1 },
  'as two copies of one stanza': { stanzas: 1, copies: 2 },
}

const cases = Object.entries(chats).flatMap(([where, chat]) =>
  Object.entries(ways).map(([how, way]) => ({ where, how, chat, ...way })),
)

describe('a message that comes twice at once', () => {
  it.each(cases)(
    '$where, $how: is one row, one event and one hook call, and both are receipted',
    async given => {
      const to = given.chat()
      await bob.write('warm', { to })
      await gateway.hooked.take(({ body }) => body === 'warm')
      await gateway.queue.settled()
      const before = insertions()

      rig.disk.hold()
      phone.holdsBack(true)
      const { id } = await bob.write('twice', { to })
      for (let stanza = 1; stanza < given.stanzas; stanza += 1) await bob.write('twice', { to, id })
      phone.holdsBack(false, { copies: given.copies })
      await expect.poll(insertions, PATIENT).toBe(before + 2)
      await turns()
      expect(receipts(id)).toEqual([])
      rig.disk.release()

      await expect.poll(() => receipts(id), PATIENT).toEqual([id, id])
      await bob.write('next', { to })
      await gateway.hooked.take(({ body }) => body === 'next')
      const bodies = ['warm', 'twice', 'next']
      expect((await gateway.messages(sessionId)).map(({ body }) => body)).toEqual(bodies)
      expect(gateway.hooked.all.map(({ body }) => body)).toEqual(bodies)
      const events = (await gateway.events()).filter(({ event }) => event.startsWith('message'))
      expect(events.map(({ event, data }) => [event, data.body])).toEqual(
        bodies.map(body => ['message.received', body]),
      )
      expect(rig.whatsapp.log.ids({ direction: 'in', kind: 'retry' })).toEqual([])
      expect(rig.whatsapp.log.ids({ direction: 'in', kind: 'nack' })).toEqual([])
    },
  )
})
