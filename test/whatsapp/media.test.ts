import { randomBytes } from 'node:crypto'
import { Agent as HttpsAgent } from 'node:https'
import { downloadMediaMessage, type WAMessage } from 'baileys'
import { Agent } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLinked, type Linked } from './linked.fixtures.ts'
import type { DownloadFault } from './media-host.ts'
import { openMedia, sealMedia } from './media-seal.ts'

let linked: Linked
let dispatcher: Agent

/** Node's types of fetch do not know the dispatchers that its fetch takes. */
const trusting = () => ({ dispatcher }) as unknown as RequestInit

beforeAll(async () => {
  linked = await createLinked({
    config({ media: { ca } }) {
      dispatcher = new Agent({ connect: { ca } })
      return { fetchAgent: new HttpsAgent({ ca }), options: trusting() }
    },
  })
})

afterAll(async () => {
  await linked[Symbol.asyncDispose]()
  await dispatcher.close()
})

const bytes = (length = 50_000) => randomBytes(length)
const download = (message: WAMessage) => downloadMediaMessage(message, 'buffer', { options: trusting() })

/** A message with an image from Bob, as the client sees it. */
async function receiveImage(image = bytes()): Promise<WAMessage> {
  const { bob, phone, client } = linked
  const { id } = await bob.write({ image }, { to: phone })
  return (await client.upserts.find(({ message }) => message.key.id === id)).message
}

async function receiveFaulty(fault: DownloadFault): Promise<{ url: string; mediaKey: Uint8Array }> {
  const { message } = await receiveImage()
  linked.whatsapp.media.fault(message!, fault)
  const { url, mediaKey } = message!.imageMessage!
  return { url: url!, mediaKey: mediaKey! }
}

describe('a file from a contact', () => {
  it.each([
    ['image', { image: bytes(), caption: 'look' }, 'imageMessage'],
    ['video', { video: bytes(), caption: 'look' }, 'videoMessage'],
    ['voice note', { audio: bytes(), voice: true }, 'audioMessage'],
    ['document', { document: bytes(), fileName: 'a.pdf' }, 'documentMessage'],
    ['sticker', { sticker: bytes() }, 'stickerMessage'],
  ] as const)('is downloaded and read: %s', async (_what, draft, field) => {
    const { bob, phone, client } = linked
    const { id } = await bob.write(draft, { to: phone })
    const { message } = await client.upserts.find(each => each.message.key.id === id)
    expect(message.message).toHaveProperty(field)
    expect(await download(message)).toEqual(Buffer.from(Object.values(draft)[0] as Uint8Array))
  })

  it('is refused by a client that does not trust the host', async () => {
    const message = await receiveImage()
    await expect(downloadMediaMessage(message, 'buffer', {})).rejects.toThrow('fetch failed')
  })

  it.each([404, 410])('is gone with %i once it was dropped', async status => {
    const message = await receiveImage()
    linked.whatsapp.media.drop(message.message!, status)
    await expect(download(message)).rejects.toMatchObject({ output: { statusCode: status } })
  })

  // Baileys hangs on a connection that is cut and takes a short file for whole, so these look at the host itself.
  it('can be cut off', async () => {
    const { url } = await receiveFaulty({ cutAfter: 20_000 })
    await expect(fetch(url, trusting()).then(response => response.arrayBuffer())).rejects.toThrow(
      'terminated',
    )
  })

  it.each<[string, DownloadFault, number]>([
    ['short, which only its code shows', { shortBy: 16 }, -16],
    ['changed, which only its code shows', { wrongByteAt: 100 }, 0],
  ])('can be %s', async (_what, fault, missing) => {
    const { url, mediaKey } = await receiveFaulty(fault)
    const response = await fetch(url, trusting())
    const file = Buffer.from(await response.arrayBuffer())
    expect(response.status).toBe(200)
    expect(file.length).toBe(sealMedia(bytes(), 'Image').file.length + missing)
    expect(() => openMedia(file, 'Image', mediaKey)).toThrow('changed on the way')
  })

  it('is whole again when the fault is over', async () => {
    const message = await receiveImage()
    linked.whatsapp.media.fault(message.message!, { status: 500 })
    await expect(download(message)).rejects.toThrow('Failed to fetch')
    linked.whatsapp.media.fault(message.message!, undefined)
    expect(await download(message)).toHaveLength(50_000)
  })

  it('comes slowly, but comes', async () => {
    const image = bytes(2_000)
    const message = await receiveImage(image)
    linked.whatsapp.media.fault(message.message!, { bytesPerSecond: 20_000 })
    const begun = performance.now()
    expect(await download(message)).toEqual(image)
    expect(performance.now() - begun).toBeGreaterThan(50)
  })

  it('never comes to an end when the download stalls', async () => {
    const message = await receiveImage()
    linked.whatsapp.media.fault(message.message!, { stallAfter: 1_000 })
    const { url } = message.message!.imageMessage!
    const response = await fetch(url!, trusting())
    const reader = response.body!.getReader()
    let got = 0
    while (got < 1_000) got += (await reader.read()).value?.length ?? 0
    expect(got).toBe(1_000)
    await reader.cancel()
  })
})

describe('a file the server has dropped', () => {
  it('is uploaded again by the phone, and is then where it says', async () => {
    const { client, whatsapp } = linked
    const image = bytes()
    const message = await receiveImage(image)
    whatsapp.media.drop(message.message!)
    const { directPath } = message.message!.imageMessage!
    // The client fills in the host of uploads, which it learns with the first of them.
    await client.socket.refreshMediaConn(true)
    const updated = await client.socket.updateMediaMessage(message)
    expect(updated.message?.imageMessage?.directPath).not.toBe(directPath)
    expect(await download(updated)).toEqual(image)
  })

  it('stays away when the phone has it no more', async () => {
    const { client, phone, whatsapp } = linked
    const message = await receiveImage()
    whatsapp.media.drop(message.message!)
    phone.losesFile(message.key.id!)
    await expect(client.socket.updateMediaMessage(message)).rejects.toMatchObject({
      output: { statusCode: 404 },
    })
  })

  it('is not given to a client that does not know its key', async () => {
    const { client } = linked
    const message = await receiveImage()
    message.message!.imageMessage!.mediaKey = randomBytes(32)
    await expect(client.socket.updateMediaMessage(message)).rejects.toMatchObject({
      output: { statusCode: 412 },
    })
  })
})

describe('a file from the client', () => {
  it('is uploaded, and read by the contact', async () => {
    const { client, bob, whatsapp } = linked
    const document = bytes(300_000)
    const sent = await client.socket.sendMessage(bob.pnJid, {
      document,
      mimetype: 'application/pdf',
      fileName: 'a.pdf',
    })
    const received = await bob.next(({ id }) => id === sent?.key.id)
    expect(received.message.documentMessage).toMatchObject({ fileName: 'a.pdf', mimetype: 'application/pdf' })
    expect(whatsapp.media.open(received.message)).toEqual(document)
    expect(
      whatsapp.media.transfers.all.some(({ direction, status }) => direction === 'up' && status === 200),
    ).toBe(true)
  })

  it('is not sent when the upload fails', async () => {
    const { client, bob, whatsapp } = linked
    whatsapp.media.failUploads({ status: 507 })
    const content = { document: bytes(), mimetype: 'a/b', fileName: 'lost.bin' }
    await expect(client.socket.sendMessage(bob.pnJid, content)).rejects.toThrow('Media upload failed')
    whatsapp.media.failUploads(undefined)
    const sent = await client.socket.sendMessage(bob.pnJid, content)
    await bob.next(({ id }) => id === sent?.key.id)
    expect(bob.inbox.filter(({ message }) => message.documentMessage?.fileName === 'lost.bin')).toHaveLength(
      1,
    )
  })
})

describe('a picture', () => {
  it('is shown on the profile, or is not there', async () => {
    const { client, bob, eve } = linked
    const picture = bytes(500)
    bob.picture = picture
    const url = await client.socket.profilePictureUrl(bob.pnJid)
    const response = await fetch(url!, trusting())
    expect(Buffer.from(await response.arrayBuffer())).toEqual(picture)
    await expect(client.socket.profilePictureUrl(eve.pnJid)).rejects.toThrow('item-not-found')
  })
})

describe('a sealed file', () => {
  it('opens with its key and no other, whole and not changed', () => {
    const plain = bytes(1_000)
    const { file, mediaKey } = sealMedia(plain, 'Image')
    expect(openMedia(file, 'Image', mediaKey)).toEqual(plain)
    expect(() => openMedia(file, 'Image', randomBytes(32))).toThrow('changed on the way')
    expect(() => openMedia(file, 'Video', mediaKey)).toThrow('changed on the way')
    expect(() => openMedia(file.subarray(0, -16), 'Image', mediaKey)).toThrow('changed on the way')
  })
})
