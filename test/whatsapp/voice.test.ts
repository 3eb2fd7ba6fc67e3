import { createHash } from 'node:crypto'
import { decryptPollVote, type WAMessage } from 'baileys'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLinked, type Linked } from './linked.fixtures.ts'
import { unwrap } from './message-kind.ts'

let linked: Linked

beforeAll(async () => {
  linked = await createLinked()
})

afterAll(() => linked[Symbol.asyncDispose]())

async function received(id: string): Promise<WAMessage> {
  return (await linked.client.upserts.find(({ message }) => message.key.id === id)).message
}

describe('what a contact writes', () => {
  it('may be a location, a card, a quote with mentions', async () => {
    const { bob, eve, phone } = linked
    const location = { latitude: 1.5, longitude: 2.5, name: 'Here' }
    const { id: first } = await bob.write({ location }, { to: phone })
    expect((await received(first)).message?.locationMessage).toMatchObject({
      degreesLatitude: 1.5,
      name: 'Here',
    })
    const { id: second } = await bob.write({ contact: { name: 'Eve', pn: eve.pn } }, { to: phone })
    const card = (await received(second)).message?.contactMessage
    expect(card).toMatchObject({ displayName: 'Eve', vcard: expect.stringContaining(`waid=${eve.pn}`) })
    const quote = { id: second, text: 'Eve', from: bob }
    const { id: third } = await bob.write('@Eve', { to: phone, quote, mentions: [eve] })
    expect((await received(third)).message?.extendedTextMessage?.contextInfo).toMatchObject({
      stanzaId: second,
      participant: bob.pnJid,
      mentionedJid: [eve.pnJid],
    })
  })

  it.each([
    ['an image', { image: Buffer.from('x') }, 'imageMessage'],
    ['an image for once', { image: Buffer.from('x'), viewOnce: true }, 'imageMessage'],
    ['a document', { document: Buffer.from('x'), fileName: 'a', caption: 'see' }, 'documentMessage'],
    ['a poll', { poll: { name: 'Q', options: ['a'] } }, 'pollCreationMessageV3'],
  ] as const)('quotes in %s too', async (_what, draft, field) => {
    const { bob, phone } = linked
    const { id } = await bob.write(draft, { to: phone, quote: { id: 'QUOTED', text: 'this', from: phone } })
    const inner = unwrap((await received(id)).message!)[field]
    expect(inner?.contextInfo).toMatchObject({ stanzaId: 'QUOTED', participant: phone.pnJid })
  })

  it('may be seen once, or disappear', async () => {
    const { bob, phone, whatsapp } = linked
    const image = Buffer.from('a picture')
    const { id } = await bob.write({ image, viewOnce: true }, { to: phone })
    const { message } = await received(id)
    expect(message?.viewOnceMessageV2?.message?.imageMessage?.viewOnce).toBe(true)
    expect(whatsapp.media.open(message!)).toEqual(image)
    const { id: fading } = await bob.write('fading', { to: phone, ephemeral: 86_400 })
    const inner = (await received(fading)).message?.ephemeralMessage?.message?.extendedTextMessage
    expect(inner).toMatchObject({ text: 'fading', contextInfo: { expiration: 86_400 } })
  })

  it('may be kept from linked devices', async () => {
    const { bob, phone, client } = linked
    const { id } = await bob.write('for the phone alone', { to: phone, withheld: 'view_once' })
    const { message } = await client.upserts.find(each => each.message.key.id === id)
    expect([message.key.isViewOnce, message.message]).toEqual([true, undefined])
  })
})

describe('a reaction', () => {
  it('reaches the client, and is taken back', async () => {
    const { client, bob } = linked
    const id = await client.send(bob.pnJid, 'react to me')
    await bob.next(each => each.id === id)
    for (const emoji of ['👍', '']) {
      await bob.reacts(id, emoji)
      const [{ key, reaction } = {}] = await client.event('messages.reaction')
      expect(key).toMatchObject({ id, remoteJid: bob.pnJid, fromMe: true })
      expect(reaction?.text ?? '').toBe(emoji)
    }
  })

  it('reaches the client in a group', async () => {
    const { client, whatsapp, phone, bob, eve } = linked
    const team = whatsapp.group('Team', { members: [phone, bob, eve] })
    const { id } = await eve.write('who likes it?', { to: team })
    await received(id)
    await bob.reacts(id, '🔥')
    const [{ key, reaction } = {}] = await client.event('messages.reaction')
    expect(key).toMatchObject({ id, remoteJid: team.jid, participant: eve.lidJid, fromMe: false })
    expect(reaction).toMatchObject({ text: '🔥', key: { participant: bob.lidJid } })
  })

  it('of the owner comes from the phone', async () => {
    const { client, phone, bob } = linked
    const { id } = await bob.write('like me', { to: phone })
    await phone.reacts(id, '❤️')
    const [{ key, reaction } = {}] = await client.event('messages.reaction')
    expect(key).toMatchObject({ id, remoteJid: bob.pnJid, fromMe: false })
    expect(reaction?.key?.fromMe).toBe(true)
    expect((await bob.next(({ message }) => !!message.reactionMessage)).message.reactionMessage?.text).toBe(
      '❤️',
    )
  })

  it('of the client reaches the contact', async () => {
    const { client, phone, bob } = linked
    const { id } = await bob.write('react, client', { to: phone })
    const { key } = await received(id)
    await client.socket.sendMessage(bob.pnJid, { react: { text: '👀', key } })
    const { message } = await bob.next(each => each.message.reactionMessage?.text === '👀')
    expect(message.reactionMessage?.key?.id).toBe(id)
  })
})

describe('an edit and a revoke', () => {
  it('reach the client', async () => {
    const { client, phone, bob } = linked
    const { id } = await bob.write('first words', { to: phone })
    await received(id)
    await bob.edits(id, 'better words')
    const edited = await client.updates.find(
      ({ key, update }) => key.id === id && !!update.message?.editedMessage,
    )
    expect(edited.update.message?.editedMessage?.message?.conversation).toBe('better words')
    await bob.revokes(id)
    await client.updates.find(({ key, update }) => key.id === id && update.messageStubType === 1)
  })

  it('reach the client in a group, also from an admin', async () => {
    const { client, whatsapp, phone, bob, eve } = linked
    const team = whatsapp.group('Team', { members: [bob, phone, eve] })
    const { id } = await eve.write('not nice', { to: team })
    await received(id)
    await bob.revokes(id)
    const { update } = await client.updates.find(
      each => each.key.id === id && each.update.messageStubType === 1,
    )
    expect(update.key?.participant).toBe(bob.lidJid)
  })

  it('of the client reach the contact', async () => {
    const { client, bob } = linked
    const sent = await client.socket.sendMessage(bob.pnJid, { text: 'e0' })
    // Baileys changes the key of what it revokes.
    const key = { ...sent!.key }
    await client.socket.sendMessage(bob.pnJid, { text: 'e1', edit: { ...key } })
    await client.socket.sendMessage(bob.pnJid, { delete: { ...key } })
    const edited = await bob.next(({ message }) => message.protocolMessage?.type === 14)
    expect(edited.message.protocolMessage?.key?.id).toBe(key.id)
    await bob.next(({ message }) => !!message.protocolMessage && (message.protocolMessage.type ?? 0) === 0)
  })
})

describe('a poll', () => {
  const hash = (option: string) => createHash('sha256').update(option).digest('hex')

  function readVote(
    vote: WAMessage,
    pollMsgId: string,
    pollEncKey: Uint8Array,
    creator: string,
    voterJid: string,
  ) {
    const sealed = vote.message!.pollUpdateMessage!.vote!
    const { selectedOptions } = decryptPollVote(sealed, {
      pollCreatorJid: creator,
      pollMsgId,
      pollEncKey,
      voterJid,
    })
    return (selectedOptions ?? []).map(option => Buffer.from(option).toString('hex'))
  }

  it('of the client is voted on', async () => {
    const { client, bob, phone } = linked
    const poll = { name: 'Lunch?', values: ['pizza', 'soup'], selectableCount: 1 }
    const sent = await client.socket.sendMessage(bob.pnJid, { poll })
    const pollId = sent!.key.id!
    await bob.next(({ id }) => id === pollId)
    const secret = sent!.message!.messageContextInfo!.messageSecret!
    for (const options of [['soup'], []]) {
      const { id } = await bob.votes(pollId, ...options)
      const vote = await received(id)
      expect(vote.message?.pollUpdateMessage?.pollCreationMessageKey?.id).toBe(pollId)
      expect(readVote(vote, pollId, secret, phone.pnJid, bob.pnJid)).toEqual(options.map(hash))
    }
  })

  it('of the client is voted on in a group, under LIDs', async () => {
    const { client, whatsapp, bob, phone } = linked
    const team = whatsapp.group('Team', { members: [bob, phone] })
    const poll = { name: 'Dinner?', values: ['rice', 'bread'], selectableCount: 0 }
    const sent = await client.socket.sendMessage(team.jid, { poll })
    const pollId = sent!.key.id!
    await bob.next(({ id }) => id === pollId)
    const { id } = await bob.votes(pollId, 'rice', 'bread')
    const vote = await received(id)
    const secret = sent!.message!.messageContextInfo!.messageSecret!
    expect(readVote(vote, pollId, secret, phone.lidJid, bob.lidJid)).toEqual(['rice', 'bread'].map(hash))
  })

  it('of a contact brings its secret, and the owner votes on the phone', async () => {
    const { bob, phone } = linked
    const { id: pollId } = await bob.write(
      { poll: { name: 'When?', options: ['now', 'later'] } },
      { to: phone },
    )
    const { message } = await received(pollId)
    expect(message?.pollCreationMessageV3).toMatchObject({ name: 'When?', selectableOptionsCount: 1 })
    const { id } = await phone.votes(pollId, 'now')
    const vote = await received(id)
    expect(vote.key.fromMe).toBe(true)
    const secret = message!.messageContextInfo!.messageSecret!
    expect(readVote(vote, pollId, secret, bob.pnJid, phone.pnJid)).toEqual([hash('now')])
  })
})

it('knows only what somebody wrote', async () => {
  await expect(linked.bob.reacts('NOBODY', '👍')).rejects.toThrow('nobody wrote NOBODY')
})
