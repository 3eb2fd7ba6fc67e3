// What plugins read of a session, against the emulated WhatsApp and with the real Baileys.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CallOrigin } from '../../engine-node/broker/verb.ts'
import { createEngineVerbs } from '../../engine-node/broker/verbs/engine.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { Contact } from '../whatsapp/contact.ts'
import { createRig, type Gateway, type Rig } from './session-rig.ts'

const origin = {} as CallOrigin
let rig: Rig
let gateway: Gateway
let session: SessionId
let bob: Contact
let groupId: string
beforeEach(async () => {
  rig = await createRig()
  gateway = await rig.gateway()
  const phone = rig.whatsapp.phone('15550000001', { name: 'Alice' })
  bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
  const carol = rig.whatsapp.contact('15551110002', { name: 'Carol' })
  session = await gateway.linked(phone)
  groupId = rig.whatsapp.group('Friends', { members: [bob, carol, phone] }).jid
  await bob.write('by lid', { to: phone, addressing: 'lid' })
  await gateway.hooked.take(({ body }) => body === 'by lid')
  await gateway.queue.settled()
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const verbs = () =>
  createEngineVerbs({
    db: gateway.db,
    now: Date.now,
    link: id => gateway.sessions.link(id),
    open: gateway.media.open,
  })
const neutral = (jid: string) => jid.replace('s.whatsapp.net', 'c.us')

describe('a plugin', () => {
  it('learns whether a number is on WhatsApp, however it is written', async () => {
    const check = (number: string) => verbs()['engine.checkNumberExists']([session, number], origin)
    const found = await check(`+${bob.pn}`)
    expect(found).toMatchObject({ number: `+${bob.pn}`, exists: true, whatsappId: neutral(bob.pnJid) })
    expect(await check('1 555 999-9999')).toMatchObject({ exists: false, whatsappId: null })
  })

  it('sees who is in a group and who leads it, and no group of others', async () => {
    const info = await verbs()['engine.getGroupInfo']([session, groupId], origin)
    expect(info).toMatchObject({ id: groupId, name: 'Friends' })
    expect(info.participants.filter(({ isAdmin }) => isAdmin)).toHaveLength(1)
    expect(info.participants).toHaveLength(3)
    await expect(
      verbs()['engine.getGroupInfo']([session, '120363000000000000@g.us'], origin),
    ).rejects.toMatchObject({ code: 'not_found' })
  })

  it('reads a chat under either id of the person', async () => {
    for (const id of [neutral(bob.pnJid), bob.lidJid]) {
      const history = await verbs()['engine.getChatHistory']([session, id, null, null], origin)
      expect(history).toMatchObject([{ body: 'by lid', fromMe: false, chatId: neutral(bob.pnJid) }])
      expect(await verbs()['engine.canonicalChatId']([session, id], origin)).toBe(neutral(bob.pnJid))
      expect(await verbs()['engine.getContactById']([session, id], origin)).toMatchObject({
        id: neutral(bob.pnJid),
        pushName: 'Bob',
      })
    }
    expect(await verbs()['engine.getChats']([session], origin)).toContainEqual(
      expect.objectContaining({ id: neutral(bob.pnJid), lastMessage: 'by lid' }),
    )
  })
})
