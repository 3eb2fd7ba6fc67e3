// Messages of every kind in and out of a session, with their files, against the emulated WhatsApp and with the real Baileys.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ChatId, SessionId, WaMessageId } from '../../src/contract/ids.ts'
import { events } from '../../src/db/schema.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createRig, type Gateway, type Rig } from './session-rig.ts'

const ME = '15550000001@c.us'
const BOB = '15551110001@c.us' as ChatId
const EVE = '15551110002@c.us' as ChatId

let rig: Rig
let gateway: Gateway
let phone: Phone
let bob: Contact
let sessionId: SessionId
let server: Server
let host: string
/** What the loopback server of files gives. */
const files = new Map<string, { bytes: Buffer; type?: string; status?: number }>()

beforeAll(async () => {
  server = createServer((request, response) => {
    const file = files.get(request.url ?? '')
    response.writeHead(file?.status ?? (file ? 200 : 404), file?.type ? { 'content-type': file.type } : {})
    response.end(file?.bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())
beforeEach(async () => {
  rig = await createRig({ receiptDelayMs: 20 })
  gateway = await rig.gateway({ allowedHosts: [host] })
  phone = rig.whatsapp.phone('15550000001', { name: 'Alice' })
  bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
  sessionId = await gateway.linked(phone)
})
afterEach(async () => {
  await gateway.down()
  await rig[Symbol.asyncDispose]()
})

const wa = (id: string) => id as WaMessageId
const rowOf = async (id: string) =>
  (await gateway.messages(sessionId)).find(({ waMessageId }) => waMessageId === id)
const stored = (id: string) => expect.poll(() => rowOf(id), { interval: 5, timeout: 8_000 })
const recorded = async (name: string) =>
  (await gateway.db.select().from(events))
    .filter(({ event }) => event === name)
    .map(row => JSON.parse(row.data))
const served = async (messageId: string, chatId: string = BOB) => {
  const file = await gateway.media.open({ sessionId, chatId, messageId })
  const bytes = Buffer.from(await new Response(file.stream).arrayBuffer())
  expect(bytes.length).toBe(file.bytes)
  return { bytes, mimetype: file.mimetype, filename: file.filename }
}
/** Sends a text to Bob and gives its id once he has it. */
async function said(text: string): Promise<WaMessageId> {
  const { messageId } = await gateway.sender.sendText(sessionId, { chatId: BOB, text })
  await bob.next(({ id }) => id === messageId)
  return wa(messageId)
}

describe('a file in', () => {
  it.each([
    ['image', { image: randomBytes(50_000), caption: 'look' }, 'image', 'image/jpeg', 'look', undefined],
    [
      'voice note',
      { audio: randomBytes(3_000), voice: true },
      'voice',
      'audio/ogg; codecs=opus',
      '',
      undefined,
    ],
    [
      'document',
      { document: randomBytes(9_000), fileName: 'a.pdf' },
      'document',
      'application/octet-stream',
      '',
      'a.pdf',
    ],
    ['sticker', { sticker: randomBytes(500) }, 'sticker', 'image/webp', '', undefined],
  ] as const)(
    'reaches the hooks with its bytes and is served: %s',
    async (_what, draft, type, mimetype, body, filename) => {
      const bytes = Buffer.from(Object.values(draft)[0] as Uint8Array)
      const { id } = await bob.write(draft, { to: phone })
      const message = await gateway.hooked.take(each => each.id === id)
      expect(message).toMatchObject({
        type,
        body,
        media: { mimetype, sizeBytes: bytes.length, ...(filename && { filename }) },
      })
      expect(Buffer.from(message.media?.data ?? '', 'base64')).toEqual(bytes)
      await stored(id).toMatchObject({
        type,
        mediaMimetype: mimetype,
        mediaPath: expect.stringMatching(/^media\/[0-9a-f]{2}\/[0-9a-f]{64}$/),
        metadata: { media: { mimetype, sizeBytes: bytes.length, archived: true } },
      })
      expect(await served(id)).toEqual({ bytes, mimetype, filename: filename ?? null })
    },
  )

  it('is named but left out where it is large, and served all the same', async () => {
    const bytes = randomBytes(300_000)
    const { id } = await bob.write({ image: bytes }, { to: phone })
    const { media } = await gateway.hooked.take(each => each.id === id)
    expect(media).toEqual({ mimetype: 'image/jpeg', omitted: true, sizeBytes: 300_000 })
    expect((await served(id)).bytes).toEqual(bytes)
  })

  it('is asked for again of the phone when the media host has dropped it', async () => {
    const bytes = randomBytes(4_000)
    const draft = rig.whatsapp.media.put(bytes, 'Image')
    rig.whatsapp.media.drop(draft)
    const { id } = await bob.write({ imageMessage: { ...draft, mimetype: 'image/png' } }, { to: phone })
    const { media } = await gateway.hooked.take(each => each.id === id)
    expect(Buffer.from(media?.data ?? '', 'base64')).toEqual(bytes)
  })

  it('is given up when the phone has it no more, and the message goes on without it', async () => {
    const draft = rig.whatsapp.media.put(randomBytes(400), 'Image')
    rig.whatsapp.media.drop(draft)
    phone.losesFile('LOST1')
    await bob.write({ imageMessage: { ...draft, mimetype: 'image/png' } }, { to: phone, id: 'LOST1' })
    expect((await gateway.hooked.take(each => each.id === 'LOST1')).media).toMatchObject({ omitted: true })
    await expect(served('LOST1')).rejects.toMatchObject({
      code: 'not_found',
      message: 'No media stored for this message',
    })
  })

  it('is tried again later when the host fails, and never stored changed', async () => {
    const bytes = randomBytes(4_000)
    const draft = rig.whatsapp.media.put(bytes, 'Image')
    rig.whatsapp.media.fault(draft, { wrongByteAt: 100 })
    const { id } = await bob.write({ imageMessage: { ...draft, mimetype: 'image/png' } }, { to: phone })
    await expect.poll(() => rig.whatsapp.media.transfers.all.length, { interval: 5, timeout: 8_000 }).toBe(1)
    await expect(served(id)).rejects.toMatchObject({ code: 'not_found' })
    rig.whatsapp.media.fault(draft, undefined)
    const { all } = rig.whatsapp.media.transfers
    await expect
      .poll(
        () => {
          // Not while it is being fetched: that has a time of its own on this clock.
          if (all.length < 2) rig.clock.advance(60_000)
          return all.length
        },
        { interval: 20, timeout: 8_000 },
      )
      .toBe(2)
    await expect
      .poll(() => served(id).catch(() => null), { interval: 20, timeout: 8_000 })
      .toMatchObject({ bytes })
  })

  it('is fetched after a restart that came between', async () => {
    const bytes = randomBytes(4_000)
    const draft = rig.whatsapp.media.put(bytes, 'Image')
    rig.whatsapp.media.fault(draft, { status: 500 })
    const { id } = await bob.write({ imageMessage: { ...draft, mimetype: 'image/png' } }, { to: phone })
    await stored(id).toBeDefined()
    await expect.poll(() => rig.whatsapp.media.transfers.all.length, { interval: 5, timeout: 8_000 }).toBe(1)
    await gateway.down()
    rig.whatsapp.media.fault(draft, undefined)
    rig.clock.advance(60_000)
    gateway = await rig.gateway()
    await expect
      .poll(() => served(id).catch(() => null), { interval: 20, timeout: 8_000 })
      .toMatchObject({ bytes })
  })
})

describe('a file out', () => {
  it('goes out from base64, and is stored and served', async () => {
    const image = randomBytes(70_000)
    const { messageId } = await gateway.sender.send(sessionId, 'image', {
      chatId: BOB,
      base64: image.toString('base64'),
      mimetype: 'image/png',
      caption: 'mine',
    })
    const { message } = await bob.next(({ id }) => id === messageId)
    expect(message.imageMessage).toMatchObject({ caption: 'mine', mimetype: 'image/png' })
    expect(rig.whatsapp.media.open(message)).toEqual(image)
    expect(await served(messageId)).toEqual({ bytes: image, mimetype: 'image/png', filename: null })
    await stored(messageId).toMatchObject({
      type: 'image',
      body: 'mine',
      direction: 'outgoing',
      status: 'delivered',
    })
  })

  it('says how large it is and how long it plays, and so does what comes in', async () => {
    const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAASwAAADICAYAAABS39xVAAAAAElFTkSuQmCC', 'base64')
    const { messageId } = await gateway.sender.send(sessionId, 'image', {
      chatId: BOB,
      base64: png.toString('base64'),
      mimetype: 'image/png',
    })
    const { message } = await bob.next(({ id }) => id === messageId)
    expect(message.imageMessage).toMatchObject({ width: 300, height: 200 })
    await stored(messageId).toMatchObject({ metadata: { media: { width: 300, height: 200 } } })
    const thumbnail = Buffer.from([0xff, 0xd8, 1])
    const draft = rig.whatsapp.media.put(randomBytes(500), 'Video')
    const look = { width: 640, height: 360, seconds: 9 }
    const { id } = await bob.write(
      { videoMessage: { ...draft, ...look, jpegThumbnail: thumbnail } },
      { to: phone },
    )
    const { media } = await gateway.hooked.take(each => each.id === id)
    expect(media).toMatchObject({ ...look, thumbnail: thumbnail.toString('base64'), sizeBytes: 500 })
    await stored(id).toMatchObject({ metadata: { media: { ...look, archived: true } } })
  })

  it('goes out from a URL, as a document with the name that it has there', async () => {
    const bytes = randomBytes(100_000)
    files.set('/dir/report%20one.pdf', { bytes, type: 'application/pdf' })
    const { messageId } = await gateway.sender.send(sessionId, 'document', {
      chatId: BOB,
      url: `http://${host}/dir/report%20one.pdf`,
    })
    const { message } = await bob.next(({ id }) => id === messageId)
    expect(message.documentMessage).toMatchObject({ fileName: 'report one.pdf', mimetype: 'application/pdf' })
    expect(rig.whatsapp.media.open(message)).toEqual(bytes)
  })

  it('goes out from an upload, as a voice note', async () => {
    // Ten seconds of it, as the last page of an Ogg file says.
    const page = Buffer.alloc(27)
    page.write('OggS')
    page.writeBigInt64LE(480_000n, 6)
    const bytes = Buffer.concat([randomBytes(5_000), page])
    const { hash } = await gateway.media.upload(
      (async function* () {
        yield bytes
      })(),
    )
    const { messageId } = await gateway.sender.send(sessionId, 'voice', {
      chatId: BOB,
      uploadId: hash,
      ptt: true,
    })
    const { message } = await bob.next(({ id }) => id === messageId)
    expect(message.audioMessage).toMatchObject({
      ptt: true,
      seconds: 10,
      mimetype: 'audio/ogg; codecs=opus',
    })
    await stored(messageId).toMatchObject({ type: 'voice' })
  })

  it('is not sent when its URL is refused, missing, too large or no such file', async () => {
    files.set('/huge', { bytes: Buffer.alloc(2_000_001) })
    files.set('/page', { bytes: Buffer.from('<p>'), type: 'text/html' })
    const send = (url: string) => gateway.sender.send(sessionId, 'image', { chatId: BOB, url })
    await expect(send(`http://${host}/none`)).rejects.toMatchObject({ code: 'download_failed' })
    await expect(send(`http://${host}/huge`)).rejects.toMatchObject({ code: 'body_too_large' })
    await expect(send(`http://${host}/page`)).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(send('http://127.0.0.1:9/x')).rejects.toMatchObject({ code: 'address_blocked' })
    expect(await gateway.messages(sessionId)).toEqual([])
  })
})

describe('a place, a card and a poll', () => {
  it('come in with what they say', async () => {
    const place = await bob.write(
      { location: { latitude: 52.5, longitude: 13.4, name: 'Berlin', address: 'Street 1' } },
      { to: phone },
    )
    expect(await gateway.hooked.take(({ id }) => id === place.id)).toMatchObject({
      type: 'location',
      location: { latitude: 52.5, longitude: 13.4, description: 'Berlin', address: 'Street 1' },
    })
    const card = await bob.write({ contact: { name: 'Eve', pn: '15551110002' } }, { to: phone })
    expect(await gateway.hooked.take(({ id }) => id === card.id)).toMatchObject({
      type: 'contact',
      vcards: [expect.stringContaining('waid=15551110002')],
    })
    const poll = await bob.write({ poll: { name: 'When?', options: ['now', 'later'] } }, { to: phone })
    expect(await gateway.hooked.take(({ id }) => id === poll.id)).toMatchObject({
      type: 'poll',
      body: 'When?',
      poll: { name: 'When?', options: ['now', 'later'], allowMultipleAnswers: false },
    })
  })

  it('go out', async () => {
    const place = await gateway.sender.send(sessionId, 'location', {
      chatId: BOB,
      latitude: 1.5,
      longitude: -2.5,
      description: 'Here',
    })
    expect((await bob.next(({ id }) => id === place.messageId)).message.locationMessage).toMatchObject({
      degreesLatitude: 1.5,
      degreesLongitude: -2.5,
      name: 'Here',
    })
    const card = await gateway.sender.send(sessionId, 'contact', {
      chatId: BOB,
      contactName: 'Eve; X',
      contactNumber: '15551110002',
    })
    const { message } = await bob.next(({ id }) => id === card.messageId)
    expect(message.contactMessage?.vcard).toContain(
      'FN:Eve\\; X\nTEL;type=CELL;type=VOICE;waid=15551110002:+15551110002',
    )
  })

  it('the votes on a poll of ours are decrypted and counted, and may change', async () => {
    const { messageId } = await gateway.sender.send(sessionId, 'poll', {
      chatId: BOB,
      name: 'Lunch?',
      options: ['soup', 'rice', 'bread'],
      allowMultipleAnswers: true,
    })
    await bob.next(({ id }) => id === messageId)
    const votes = async () => ((await rowOf(messageId))?.metadata?.poll as { votes?: unknown })?.votes
    await bob.votes(messageId, 'soup', 'bread')
    await expect.poll(votes, { interval: 5, timeout: 8_000 }).toEqual([
      { option: 'soup', voters: [BOB] },
      { option: 'rice', voters: [] },
      { option: 'bread', voters: [BOB] },
    ])
    rig.clock.advance(10)
    await bob.votes(messageId, 'rice')
    await expect.poll(votes, { interval: 5, timeout: 8_000 }).toEqual([
      { option: 'soup', voters: [] },
      { option: 'rice', voters: [BOB] },
      { option: 'bread', voters: [] },
    ])
  })

  it('the votes on a poll of theirs are counted, by lid as well', async () => {
    const poll = await bob.write(
      { poll: { name: 'When?', options: ['now', 'later'] } },
      { to: phone, addressing: 'lid' },
    )
    await stored(poll.id).toBeDefined()
    await phone.votes(poll.id, 'later')
    await expect
      .poll(async () => ((await rowOf(poll.id))?.metadata?.poll as { votes?: unknown })?.votes, {
        interval: 5,
      })
      .toEqual([
        { option: 'now', voters: [] },
        { option: 'later', voters: [ME] },
      ])
  })
})

describe('a change of a message', () => {
  it('a reaction of theirs is kept, told and taken back', async () => {
    const id = await said('hello')
    await bob.reacts(id, '👍')
    await stored(id).toMatchObject({ metadata: { reactions: { [BOB]: { emoji: '👍' } } } })
    await bob.reacts(id, '')
    await expect
      .poll(async () => (await rowOf(id))?.metadata?.reactions, { interval: 5, timeout: 8_000 })
      .toEqual({})
    expect(await recorded('message.reaction')).toMatchObject([
      { messageId: id, chatId: BOB, reaction: '👍', senderId: BOB },
      { messageId: id, chatId: BOB, reaction: '', senderId: BOB },
    ])
  })

  it('an edit of theirs changes the row and is told', async () => {
    const { id } = await bob.write('helo', { to: phone })
    await stored(id).toMatchObject({ body: 'helo' })
    await bob.edits(id, 'hello')
    await stored(id).toMatchObject({ body: 'hello', type: 'text' })
    const told = await gateway.told.take(
      ({ event, data }) =>
        event === 'message:persisted' && (data.message as { body?: string }).body === 'hello',
    )
    expect(told).toMatchObject({ source: 'MessageService', data: { message: { waMessageId: id } } })
    expect(await recorded('message.edited')).toMatchObject([
      {
        messageId: id,
        chatId: BOB,
        body: 'hello',
        senderId: BOB,
        fromMe: false,
        isGroup: false,
        hasMedia: false,
      },
    ])
  })

  it('a deletion of theirs empties the row, takes the file away and is told', async () => {
    const { id } = await bob.write({ image: randomBytes(2_000) }, { to: phone })
    await gateway.hooked.take(each => each.id === id)
    expect((await served(id)).bytes).toHaveLength(2_000)
    await bob.revokes(id)
    await stored(id).toMatchObject({ type: 'revoked', body: '', metadata: null, mediaPath: null })
    await expect(served(id)).rejects.toMatchObject({ code: 'not_found' })
    expect(await recorded('message.revoked')).toMatchObject([
      { revokedId: id, chatId: BOB, from: BOB, to: ME, type: 'revoked', body: '' },
    ])
  })

  it('of another one is not theirs to make', async () => {
    const id = await said('mine')
    const key = { remoteJid: bob.pnJid, fromMe: true, id }
    await bob.write(
      { protocolMessage: { type: 14, key, editedMessage: { conversation: 'forged' } } },
      { to: phone },
    )
    await bob.write({ protocolMessage: { type: 0, key } }, { to: phone })
    await bob.write('after', { to: phone })
    await gateway.hooked.take(({ body }) => body === 'after')
    expect(await rowOf(id)).toMatchObject({ body: 'mine', type: 'text' })
    expect(await recorded('message.edited')).toEqual([])
    expect(await recorded('message.revoked')).toEqual([])
  })

  it('of ours reaches the contact and the row: reaction, edit, pin, deletion', async () => {
    const { id } = await bob.write('hi', { to: phone })
    await stored(id).toBeDefined()
    await gateway.actions.react(sessionId, { chatId: BOB, messageId: wa(id), emoji: '❤️' })
    expect(
      (await bob.next(({ message }) => !!message.reactionMessage)).message.reactionMessage,
    ).toMatchObject({
      text: '❤️',
      key: { id, fromMe: false },
    })
    expect(await rowOf(id)).toMatchObject({ metadata: { reactions: { [ME]: { emoji: '❤️' } } } })

    const mine = await said('typo')
    const edited = await gateway.actions.edit(sessionId, { chatId: BOB, messageId: mine, body: 'type' })
    expect(edited.messageId).toBe(mine)
    const edit = await bob.next(({ message }) => !!message.protocolMessage?.editedMessage)
    expect(edit.message.protocolMessage).toMatchObject({ key: { id: mine, fromMe: true } })
    expect(await rowOf(mine)).toMatchObject({ body: 'type' })

    await gateway.actions.pin(sessionId, { chatId: BOB, messageId: mine, durationSeconds: 604_800 })
    expect(
      (await bob.next(({ message }) => !!message.pinInChatMessage)).message.pinInChatMessage?.key?.id,
    ).toBe(mine)
    expect(await rowOf(mine)).toMatchObject({ metadata: { pinned: { until: expect.any(Number) } } })

    await gateway.actions.remove(sessionId, { chatId: BOB, messageId: mine, forEveryone: true })
    await bob.next(
      ({ message }) => message.protocolMessage?.key?.id === mine && !message.protocolMessage.editedMessage,
    )
    expect(await rowOf(mine)).toMatchObject({ type: 'revoked', body: '', metadata: null })
    expect(await recorded('message.revoked')).toMatchObject([{ revokedId: mine }])
  })

  it('of ours is refused where it is not ours to make, or the message is not there', async () => {
    const { id } = await bob.write('hi', { to: phone })
    await stored(id).toBeDefined()
    const of = { chatId: BOB, messageId: wa(id) }
    await expect(gateway.actions.edit(sessionId, { ...of, body: 'x' })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(gateway.actions.remove(sessionId, { ...of, forEveryone: true })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(
      gateway.actions.react(sessionId, { ...of, messageId: wa('NONE'), emoji: 'x' }),
    ).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('in a group', () => {
  it('reactions have their author, and an admin deletes what others wrote', async () => {
    const eve = rig.whatsapp.contact('15551110002', { name: 'Eve' })
    const group = rig.whatsapp.group('Team', { members: [phone, bob, eve] })
    const chatId = group.jid as ChatId
    const { id } = await bob.write('hello all', { to: group })
    await gateway.hooked.take(each => each.id === id)
    await eve.reacts(id, '👍')
    await stored(id).toMatchObject({ metadata: { reactions: { [EVE]: { emoji: '👍' } } } })
    await gateway.actions.react(sessionId, { chatId, messageId: wa(id), emoji: '🎉' })
    expect(
      (await bob.next(({ message }) => !!message.reactionMessage)).message.reactionMessage?.key,
    ).toMatchObject({
      id,
      remoteJid: group.jid,
    })
    await gateway.actions.remove(sessionId, { chatId, messageId: wa(id), forEveryone: true })
    await eve.next(({ message }) => message.protocolMessage?.key?.id === id)
    expect(await rowOf(id)).toMatchObject({ type: 'revoked', body: '' })
  })
})

describe('a message with buttons', () => {
  it('is answered by pressing one, and by no other', async () => {
    const { id } = await bob.write(
      {
        buttonsMessage: {
          contentText: 'Coffee?',
          headerType: 1,
          buttons: [
            { buttonId: 'y', buttonText: { displayText: 'Yes' }, type: 1 },
            { buttonId: 'n', buttonText: { displayText: 'No' }, type: 1 },
          ],
        },
      },
      { to: phone },
    )
    expect(await gateway.hooked.take(each => each.id === id)).toMatchObject({
      buttons: [{ id: 'y' }, { id: 'n' }],
    })
    const press = (buttonId: string) =>
      gateway.sender.send(sessionId, 'button', {
        chatId: BOB,
        messageId: wa(id),
        quotedMessageId: wa(id),
        buttonId,
      })
    await expect(press('maybe')).rejects.toMatchObject({ code: 'invalid_input' })
    const { messageId } = await press('y')
    const { message } = await bob.next(each => each.id === messageId)
    expect(message.buttonsResponseMessage).toMatchObject({
      selectedButtonId: 'y',
      selectedDisplayText: 'Yes',
      contextInfo: { stanzaId: id },
    })
    await stored(messageId).toMatchObject({
      type: 'text',
      body: 'Yes',
      metadata: { button: { id: 'y', text: 'Yes' }, quotedMessage: { id } },
    })
  })
})

describe('a message forwarded', () => {
  it('goes to another chat with its file, and says that it was forwarded', async () => {
    const eve = rig.whatsapp.contact('15551110002', { name: 'Eve' })
    const image = randomBytes(3_000)
    const { id } = await bob.write({ image, caption: 'see' }, { to: phone })
    await gateway.hooked.take(each => each.id === id)
    const { messageId } = await gateway.sender.send(sessionId, 'forward', {
      chatId: EVE,
      fromChatId: BOB,
      toChatId: EVE,
      messageId: wa(id),
    })
    const { message } = await eve.next(each => each.id === messageId)
    expect(message.imageMessage).toMatchObject({ caption: 'see', contextInfo: { isForwarded: true } })
    expect(rig.whatsapp.media.open(message)).toEqual(image)
    expect((await served(messageId, EVE)).bytes).toEqual(image)
  })
})

describe('a message to be seen once', () => {
  it('is told as such', async () => {
    const { id } = await bob.write({ image: randomBytes(500), viewOnce: true }, { to: phone })
    expect(await gateway.hooked.take(each => each.id === id)).toMatchObject({
      type: 'image',
      isViewOnce: true,
    })
  })

  it('is seen as masked where only the phone may open it', async () => {
    const { id } = await bob.write('secret', { to: phone, withheld: 'view_once' })
    await stored(id).toMatchObject({ type: 'masked', body: null })
  })
})

describe('a chat in which messages disappear', () => {
  it('gets ours with its timer', async () => {
    await bob.write('soon gone', { to: phone, ephemeral: 86_400 })
    expect(await gateway.hooked.take(() => true)).toMatchObject({ ephemeralDuration: 86_400 })
    await bob.write({ protocolMessage: { type: 3, ephemeralExpiration: 86_400 } }, { to: phone })
    await expect
      .poll(
        async () => {
          const { messageId } = await gateway.sender.sendText(sessionId, { chatId: BOB, text: 'me too' })
          const { message } = await bob.next(({ id }) => id === messageId)
          return message.extendedTextMessage?.contextInfo?.expiration
        },
        { interval: 50, timeout: 8_000 },
      )
      .toBe(86_400)
  })
})
