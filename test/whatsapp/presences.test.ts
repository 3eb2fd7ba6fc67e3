import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLinked, type Linked } from './linked.fixtures.ts'

let linked: Linked

beforeAll(async () => {
  linked = await createLinked()
})

afterAll(() => linked[Symbol.asyncDispose]())

describe('presence', () => {
  it.each([
    ['available', 'available'],
    ['composing', 'composing'],
    ['recording', 'recording'],
    ['paused', 'available'],
    ['unavailable', 'unavailable'],
  ] as const)('of a contact is shown to the client: %s', async (presence, lastKnownPresence) => {
    const { client, bob, phone } = linked
    bob.shows(presence, { to: phone })
    const { id, presences } = await client.event('presence.update')
    expect(id).toBe(bob.pnJid)
    expect(presences[bob.pnJid]).toMatchObject({ lastKnownPresence })
  })

  it('of a member is shown in the group', async () => {
    const { client, whatsapp, bob, phone } = linked
    const team = whatsapp.group('Team', { members: [bob, phone] })
    bob.shows('composing', { to: team })
    const { presences } = await client.event('presence.update', ({ id }) => id === team.jid)
    expect(Object.keys(presences)).toEqual([bob.lidJid])
  })

  it('of the client is seen', async () => {
    const { client, whatsapp, bob, phone } = linked
    const seen = (presence: string, to?: string) =>
      whatsapp.shown.take(each => each.by === phone.pn && each.presence === presence && each.to === to)
    await client.socket.presenceSubscribe(bob.pnJid)
    await seen('subscribe', bob.pnJid)
    for (const presence of ['composing', 'recording', 'paused'] as const) {
      await client.socket.sendPresenceUpdate(presence, bob.pnJid)
      await seen(presence, bob.pnJid)
    }
    await client.socket.sendPresenceUpdate('unavailable')
    await seen('unavailable')
  })
})

describe('a call', () => {
  it('rings at the client, which rejects it', async () => {
    const { client, bob, phone } = linked
    const call = bob.calls(phone, { video: true })
    const [offer] = await client.event('call')
    expect(offer).toMatchObject({
      id: call.id,
      from: bob.pnJid,
      status: 'offer',
      isVideo: true,
      isGroup: false,
    })
    await client.socket.rejectCall(call.id, bob.pnJid)
    await call.rejected()
  })

  it.each([
    [undefined, 'terminate'],
    ['timeout', 'timeout'],
  ] as const)('ends with %s as %s', async (reason, status) => {
    const { client, bob, phone } = linked
    const call = bob.calls(phone)
    await client.event(
      'call',
      ([{ id, status } = { id: '', status: 'accept' }]) => id === call.id && status === 'offer',
    )
    call.ends(reason)
    const [ended] = await client.event('call', ([each]) => each?.status === status)
    expect(ended).toMatchObject({ id: call.id, isVideo: false })
  })

  it('comes from a LID, with the number of the caller', async () => {
    const { client, bob, phone } = linked
    const call = bob.calls(phone, { addressing: 'lid' })
    const [offer] = await client.event('call', ([each]) => each?.id === call.id)
    expect(offer).toMatchObject({ from: bob.lidJid, callerPn: bob.pnJid })
  })
})
