// What goes wrong between the keys of two sides: a sender whose messages can never be read, a session that is stored empty, one-time
// keys that have run out. Against the emulated WhatsApp and with the real Baileys.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadAuthStore } from '../../engine-node/sessions/auth-store.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { SendText } from '../../src/contract/message.ts'
import { messages } from '../../src/db/schema.ts'
import { createLinkedRig, type Gateway, type Rig } from '../e2e/session-rig.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'

/** How often the gateway asks for one message: `maxMsgRetryCount` in link.ts. */
const MOST_REQUESTS = 10

const PATIENT = { timeout: 15_000, interval: 10 }
const toBob = (text: string) => ({ chatId: '15551110001@c.us', text }) as SendText

let rig: Rig
let gateway: Gateway
let phone: Phone
let bob: Contact
let sessionId: SessionId

beforeEach(async () => {
  ;({ rig, gateway, phone, bob, sessionId } = await createLinkedRig())
  // Both ways, so that the session is one that both sides have agreed on.
  await bob.write('warm', { to: phone })
  await gateway.hooked.take(({ body }) => body === 'warm')
  await gateway.sender.sendText(sessionId, toBob('warm'))
  await bob.next()
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const requests = (id: string) => rig.whatsapp.log.ids({ direction: 'in', kind: 'retry', id })
const rowsOf = async (id: string) =>
  (await gateway.db.select().from(messages)).filter(row => row.waMessageId === id)

async function restart(meanwhile: () => Promise<void> = async () => {}) {
  await gateway.down()
  await phone.offline()
  await meanwhile()
  gateway = await rig.gateway()
}
async function resume() {
  await gateway.sessions.restore()
  rig.clock.advance(1)
  await gateway.becomes(sessionId, 'ready')
}

describe('a message that is spoiled each time that it is sent', () => {
  const chats = {
    'from a person': () => phone,
    'in a group': () => rig.whatsapp.group('Team', { members: [bob, phone] }),
  }

  it.each(Object.entries(chats))(
    '%s: is asked for a few times, stays to be seen as unreadable, and holds up no other',
    async (_, chat) => {
      const to = chat()
      const { id } = await bob.write('garbled', { to, spoiled: 'always' })
      await expect.poll(() => requests(id).length, PATIENT).toBe(MOST_REQUESTS)
      // Behind the last copy, from the same sender in the same chat, and from another one.
      await expect
        .poll(() => rig.whatsapp.log.ids({ direction: 'in', kind: 'nack', id }).length, PATIENT)
        .toBe(MOST_REQUESTS + 1)
      await bob.write('readable', { to })
      await rig.whatsapp.contact('15551110002').write('beside', { to: phone })
      for (const text of ['readable', 'beside']) await gateway.hooked.take(({ body }) => body === text)
      expect(requests(id)).toHaveLength(MOST_REQUESTS)
      expect(await rowsOf(id)).toMatchObject([
        {
          type: 'unknown',
          body: null,
          direction: 'incoming',
          undecryptedSince: expect.any(Number),
          metadata: { undecrypted: expect.any(String) },
        },
      ])
      expect((await gateway.events()).filter(({ data }) => data.id === id)).toEqual([])
      expect((await gateway.row(sessionId)).status).toBe('ready')
      // Nor does it come, or is it asked for, with the next connection.
      await restart()
      await resume()
      await bob.write('later', { to })
      await gateway.hooked.take(({ body }) => body === 'later')
      expect(requests(id)).toHaveLength(MOST_REQUESTS)
      expect(await rowsOf(id)).toHaveLength(1)
    },
  )
})

describe('a session in the key store', () => {
  /** As the last gateway left it, for the next one to find. */
  async function spoilsSessions(record: object) {
    await using repair = await rig.gateway()
    const { queue, db } = repair
    const sealer = createSealer(Buffer.alloc(32, 7))
    const { state } = await loadAuthStore({ db, queue, sealer, sessionId, wasPaired: true })
    const names = [`${bob.pn}.0`, `${bob.lid}_1.0`]
    const known = Object.keys(await state.keys.get('session', names))
    expect(known).not.toEqual([])
    await state.keys.set({ session: Object.fromEntries(known.map(name => [name, record])) } as never)
    await queue.settled()
  }

  it.each([
    ['without any keys', { _sessions: {}, version: 'v1' }],
    ['without anything', {}],
  ])('%s is made anew: what comes is asked for once and read, and what goes is read', async (_, record) => {
    await restart(() => spoilsSessions(record))
    await resume()
    const { id } = await bob.write('do you know me?', { to: phone })
    expect(await gateway.hooked.take(({ body }) => body === 'do you know me?')).toMatchObject({ id })
    expect(requests(id)).toHaveLength(1)
    expect(await rowsOf(id)).toMatchObject([{ type: 'text', undecryptedSince: null }])
    await gateway.sender.sendText(sessionId, toBob('I do'))
    await bob.next(({ text }) => text === 'I do')
  })

  it('that is empty is made anew by what is sent, and the answer is read', async () => {
    await restart(() => spoilsSessions({ _sessions: {}, version: 'v1' }))
    await resume()
    await gateway.sender.sendText(sessionId, toBob('still there?'))
    expect(await bob.next(({ text }) => text === 'still there?')).toMatchObject({ encryption: 'pkmsg' })
    await bob.write('yes', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'yes')
    expect(rig.whatsapp.log.ids({ kind: 'retry' })).toEqual([])
  })
})

describe('one-time keys that have run out at WhatsApp', () => {
  const DEVICE = 1
  /** Below this many, WhatsApp is given more. */
  const FEW = 5
  let strangers = 0
  async function strangerIsRead() {
    const text = `stranger ${strangers}`
    const stranger = rig.whatsapp.contact(`1555222000${strangers++}`)
    const left = phone.keysLeft(DEVICE)
    const { id } = await stranger.write(text, { to: phone })
    await gateway.hooked.take(({ body }) => body === text)
    expect(phone.keysLeft(DEVICE)).toBe(left - 1)
    expect(requests(id)).toEqual([])
  }

  it('are made anew when WhatsApp says so, each time', async () => {
    for (const left of [0, 1, 0]) {
      phone.runsLowOnKeys(left)
      expect(phone.keysLeft(DEVICE)).toBe(left)
      await expect.poll(() => phone.keysLeft(DEVICE), PATIENT).toBeGreaterThanOrEqual(FEW)
      await strangerIsRead()
    }
  })

  it('are made anew at the next login when they ran out while the gateway was down', async () => {
    await restart(async () => {
      phone.runsLowOnKeys(0, { silently: true })
    })
    await resume()
    await expect.poll(() => phone.keysLeft(DEVICE), PATIENT).toBeGreaterThanOrEqual(FEW)
    await strangerIsRead()
  })
})
