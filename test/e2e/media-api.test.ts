// Files through the whole gateway: in over WhatsApp and out over HTTP, and the other way.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/gateway.ts'
import { type MediaGateway, startMediaGateway } from '../support/media-gateway.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'

const BOB = '15551110001@c.us'

let rig: MediaGateway
let gateway: MediaGateway['gateway']
let whatsapp: MediaGateway['whatsapp']
let phone: Phone
let bob: Contact
let id: string

beforeAll(async () => {
  rig = await startMediaGateway({ allowed: ['localhost'], env: { SIMULATE_TYPING: 'false' } })
  ;({ gateway, whatsapp } = rig)
  phone = whatsapp.phone('15550000001', { name: 'Alice' })
  bob = whatsapp.contact('15551110001', { name: 'Bob' })
  id = await rig.link(phone, { name: 'main' })
}, 60_000)
afterAll(() => rig[Symbol.asyncDispose]())

const media = (messageId: string) =>
  fetch(`${gateway.url}/api/sessions/${id}/messages/${BOB}/${messageId}/media`, {
    headers: { 'X-API-Key': gateway.key },
  })

describe('a file', () => {
  it('from a contact is served by the API', async () => {
    const image = randomBytes(1_500_000)
    const { id: messageId } = await bob.write({ image, caption: 'big' }, { to: phone })
    const response = await until(
      () => media(messageId),
      ({ status }) => status === 200,
    )
    expect(Buffer.from(await response.arrayBuffer()).equals(image)).toBe(true)
    expect(response.headers.get('content-type')).toBe('image/jpeg')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    const M = `/sessions/${id}/messages`
    const [row] = (await gateway.ask('GET', `${M}?messageId=${messageId}`)).body.messages
    expect(row.metadata.media).toMatchObject({ data: image.toString('base64'), sizeBytes: image.length })
    const [named] = (await gateway.ask('GET', `${M}?messageId=${messageId}&inlineMedia=0`)).body.messages
    expect(named.metadata.media).toMatchObject({ omitted: true, sizeBytes: image.length })
    expect(named.metadata.media).not.toHaveProperty('data')
    const history = async (query: string) =>
      (await gateway.ask('GET', `${M}/${BOB}/history${query}`)).body.at(-1)
    expect((await history('?includeMedia=true')).media.data).toBe(image.toString('base64'))
    expect((await history('')).media).toMatchObject({ omitted: true, mimetype: 'image/jpeg' })
  })

  it('from a contact is in the webhook of its message', async () => {
    const posted: { event: string; data: { id: string; media?: object } }[] = []
    const receiver = createServer((request, response) => {
      let text = ''
      request.on('data', chunk => {
        text += chunk
      })
      request.on('end', () => {
        posted.push(JSON.parse(text))
        response.end()
      })
    })
    receiver.listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const { port } = receiver.address() as AddressInfo
    const hook = await gateway.ask('POST', `/sessions/${id}/webhooks`, { url: `http://localhost:${port}/` })
    expect(hook.status).toBe(201)
    const image = randomBytes(5_000)
    const { id: messageId } = await bob.write({ image }, { to: phone })
    await expect
      .poll(() => posted.find(({ data }) => data.id === messageId), { timeout: 10_000 })
      .toMatchObject({
        event: 'message.received',
        data: { media: { mimetype: 'image/jpeg', data: image.toString('base64'), sizeBytes: 5_000 } },
      })
    receiver.close()
  })

  it('is uploaded and sent, larger than the API takes in a request', async () => {
    const bytes = randomBytes(30_000_000)
    const uploaded = await fetch(`${gateway.url}/api/sessions/${id}/uploads`, {
      method: 'POST',
      headers: { 'X-API-Key': gateway.key, 'content-type': 'application/octet-stream' },
      body: bytes,
    })
    expect(uploaded.status).toBe(201)
    const { uploadId } = (await uploaded.json()) as { uploadId: string }
    const sent = await gateway.ask('POST', `/sessions/${id}/messages/send-document`, {
      chatId: BOB,
      uploadId,
      filename: 'big.bin',
    })
    expect(sent.status).toBe(201)
    const { message } = await bob.next(each => each.id === sent.body.messageId)
    expect(whatsapp.media.open(message).equals(bytes)).toBe(true)
  })

  it('is uploaded as the file of a form', async () => {
    const form = new FormData()
    form.set('file', new Blob([randomBytes(200_000)]), 'a.bin')
    const { status, body } = await gateway.ask('POST', `/sessions/${id}/uploads`, form)
    expect(status).toBe(201)
    expect(body).toEqual({ uploadId: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: 200_000 })
  })

  it('is sent from base64, once for one key', async () => {
    const body = { chatId: BOB, base64: randomBytes(500).toString('base64'), mimetype: 'image/png' }
    const send = () =>
      fetch(`${gateway.url}/api/sessions/${id}/messages/send-image?wait=ack`, {
        method: 'POST',
        headers: { 'X-API-Key': gateway.key, 'content-type': 'application/json', 'Idempotency-Key': 'one' },
        body: JSON.stringify(body),
      })
    const first = await send()
    const second = await send()
    expect([first.status, second.status, second.headers.get('idempotent-replayed')]).toEqual([
      201,
      201,
      'true',
    ])
    const { messageId } = (await first.json()) as { messageId: string }
    expect(await second.json()).toMatchObject({ messageId })
    await bob.next(each => each.id === messageId)
    expect(bob.inbox.filter(each => each.id === messageId)).toHaveLength(1)
  })
})

describe('a message', () => {
  it('is reacted to, edited and deleted over the API', async () => {
    const M = `/sessions/${id}/messages`
    const { body } = await gateway.ask('POST', `${M}/send-text`, { chatId: BOB, text: 'typo' })
    const target = { chatId: BOB, messageId: body.messageId }
    await bob.next(each => each.id === body.messageId)
    expect(await gateway.ask('POST', `${M}/react`, { ...target, emoji: '👍' })).toMatchObject({ status: 200 })
    expect((await gateway.ask('GET', `${M}/${BOB}/${body.messageId}/reactions`)).body).toMatchObject([
      { emoji: '👍', senders: [{ senderId: '15550000001@c.us' }] },
    ])
    expect(await gateway.ask('POST', `${M}/edit`, { ...target, body: 'type' })).toMatchObject({
      status: 200,
      body,
    })
    expect(await gateway.ask('POST', `${M}/delete`, target)).toMatchObject({
      status: 200,
      body: { success: true },
    })
    const { messages } = (await gateway.ask('GET', `${M}?messageId=${body.messageId}`)).body
    expect(messages).toMatchObject([{ type: 'revoked', body: '', metadata: null }])
    expect((await gateway.ask('POST', `${M}/edit`, { ...target, body: 'again' })).status).toBe(404)
  })
})
