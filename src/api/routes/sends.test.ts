import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashKey, openApp, type TestApp } from '../../../test/support/api-app.ts'
import type { Engine } from '../../contract/engine.ts'
import { GatewayError } from '../../contract/errors.ts'
import { insertApiKey } from '../../db/api-keys.ts'
import { insertMessage } from '../../db/message-writes.ts'
import type { NewMessageRow } from '../../db/messages.ts'
import { insertSession } from '../../db/sessions.ts'

const SESSION = '11111111-1111-4111-8111-111111111111'
const BOB = '15551110001@c.us'
const M = `/sessions/${SESSION}/messages`

let app: TestApp
let calls: { method: string; params: Record<string, unknown> }[]
let uploaded: string[]
let files: Engine['files']

beforeEach(async () => {
  calls = []
  uploaded = []
  files = {
    async open({ messageId }) {
      if (messageId === 'NONE') throw new GatewayError('not_found', 'No media stored for this message')
      const mimetype = messageId === 'HTML' ? 'text/html' : 'image/png'
      const filename = messageId === 'HTML' ? 'a"\r\nb ä.html' : null
      return { stream: new Blob(['<b>']).stream(), bytes: 3, mimetype, filename }
    },
    async put(chunks) {
      const parts: Uint8Array[] = []
      for await (const part of chunks) parts.push(part)
      uploaded.push(Buffer.concat(parts).toString())
      return { uploadId: 'a'.repeat(64), bytes: 5 }
    },
  }
  const engine = {
    get files() {
      return files
    },
    async call(method: string, params: Record<string, unknown>) {
      calls.push({ method, params })
      return /send|forward|edit|click/.test(method) ? { messageId: 'X', timestamp: 1 } : { success: true }
    },
  } as unknown as Engine
  app = await openApp({ deps: { engine } })
  const { db, writer } = app.database
  const row: NewMessageRow = {
    id: '22222222-2222-4222-8222-222222222222',
    sessionId: SESSION,
    waMessageId: 'T1',
    chatId: BOB,
    senderId: BOB,
    from: BOB,
    to: 'me@c.us',
    body: 'hi',
    type: 'location',
    direction: 'incoming',
    timestamp: 9,
    status: 'delivered',
    metadata: {
      location: { latitude: 1, longitude: 2 },
      reactions: {
        [BOB]: { emoji: '👍', timestamp: 5 },
        'me@c.us': { emoji: '👍', timestamp: 6 },
        'c@c.us': { emoji: '🎉', timestamp: 7 },
      },
    },
    createdAt: 1,
  }
  await writer.commit([
    insertSession(db, { id: SESSION, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
    insertMessage(row),
    insertApiKey(db, {
      id: crypto.randomUUID(),
      name: 'chats',
      keyPrefix: 'chats',
      keyHash: hashKey('key-of-bob'),
      role: 'operator',
      allowedChats: [BOB],
      createdAt: 0,
    }),
  ])
})
afterEach(() => app[Symbol.asyncDispose]())

async function call(method: string, path: string, body?: unknown, key?: string) {
  const response = await app.ask(method, path, { ...(body !== undefined && { body }), ...(key && { key }) })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text), headers: response.headers }
}

const image = { chatId: BOB, base64: 'AAAA', mimetype: 'image/png' }
const target = { chatId: BOB, messageId: 'T1' }

describe('sends', () => {
  it.each<[string, object, string, object]>([
    [
      'click-button',
      { ...target, buttonId: 'b' },
      'message.clickButton',
      { input: { ...target, buttonId: 'b' } },
    ],
    [
      'send-image',
      { ...image, caption: 'c', mentions: ['1@lid'], quotedMessageId: 'Q' },
      'message.sendMedia',
      { kind: 'image' },
    ],
    ['send-video', { chatId: BOB, url: 'https://a.example/v.mp4' }, 'message.sendMedia', { kind: 'video' }],
    ['send-audio', { chatId: BOB, base64: 'AAAA', ptt: true }, 'message.sendMedia', { kind: 'audio' }],
    [
      'send-document',
      { chatId: BOB, uploadId: 'a'.repeat(64), filename: 'a.pdf' },
      'message.sendMedia',
      { kind: 'document' },
    ],
    ['send-sticker', image, 'message.sendMedia', { kind: 'sticker' }],
    ['send-location', { chatId: BOB, latitude: -90, longitude: 180 }, 'message.sendLocation', {}],
    [
      'send-contact',
      { chatId: BOB, contactName: 'E', contactNumber: '+1 (555) 111-0002' },
      'message.sendContact',
      {},
    ],
    ['send-poll', { chatId: BOB, name: 'n', options: ['a', 'b'] }, 'message.sendPoll', {}],
    ['forward', { fromChatId: BOB, toChatId: '2@g.us', messageId: 'T1' }, 'message.forward', {}],
  ])('%s is a call of the engine', async (path, body, method, params) => {
    expect(await call('POST', `${M}/${path}?wait=ack`, body)).toMatchObject({
      status: 201,
      body: { messageId: 'X', timestamp: 1 },
    })
    expect(calls).toMatchObject([{ method, params: { sessionId: SESSION, wait: 'ack', ...params } }])
  })

  it('takes an Idempotency-Key', async () => {
    await app.ask('POST', `${M}/send-poll`, {
      body: { chatId: BOB, name: 'n', options: ['a', 'b'] },
      headers: { 'idempotency-key': 'k1' },
    })
    expect(calls[0]?.params).toMatchObject({ idempotency: { key: 'k1', hash: expect.any(String) } })
  })

  it('reads a number and a data URL as people write them', async () => {
    await call('POST', `${M}/send-contact`, {
      chatId: BOB,
      contactName: 'E',
      contactNumber: '+1 (555) 111-0002',
    })
    await call('POST', `${M}/send-image`, { ...image, base64: 'data:image/png;base64,AAAA' })
    expect(calls).toMatchObject([
      { params: { input: { contactNumber: '15551110002' } } },
      { params: { input: { base64: 'AAAA' } } },
    ])
  })

  it.each<[string, object]>([
    ['send-image', { chatId: BOB }],
    ['send-image', { ...image, url: 'https://a.example' }],
    ['send-image', { chatId: BOB, base64: 'AAAA' }],
    ['send-image', { ...image, base64: '***' }],
    ['send-image', { ...image, mimetype: 'image/png\r\nx: y' }],
    ['send-image', { ...image, caption: 'x'.repeat(1025) }],
    ['send-image', { ...image, ptt: true }],
    ['send-image', { chatId: BOB, url: 'file:///etc/passwd' }],
    ['send-image', { chatId: BOB, uploadId: '../x' }],
    ['send-location', { chatId: BOB, latitude: 90.1, longitude: 0 }],
    ['send-location', { chatId: BOB, latitude: 0, longitude: '0' }],
    ['send-contact', { chatId: BOB, contactName: 'E', contactNumber: 'call me' }],
    ['send-poll', { chatId: BOB, name: 'n', options: ['a'] }],
    ['send-poll', { chatId: BOB, name: 'n', options: ['a', 'a'] }],
    ['send-poll', { chatId: BOB, name: 'n', options: Array.from({ length: 13 }, (_, i) => `${i}`) }],
    ['send-poll', { chatId: BOB, name: 'n', options: ['a', 'x'.repeat(101)] }],
    ['forward', { fromChatId: BOB, messageId: 'T1' }],
    ['react', target],
    ['delete', { ...target, forEveryone: 'yes' }],
    ['edit', { ...target, body: '' }],
    ['pin', { ...target, durationSeconds: 5 }],
    ['star', target],
  ])('%s refuses %j', async (path, body) => {
    expect((await call('POST', `${M}/${path}`, body)).status).toBe(400)
    expect(calls).toEqual([])
  })

  it.each([
    ['vote-poll', { chatId: BOB, pollMessageId: 'P', options: ['a'] }],
    ['send-product', { chatId: BOB, productId: 'p' }],
  ])('%s is not supported, and says so', async (path, body) => {
    expect(await call('POST', `${M}/${path}`, body)).toMatchObject({
      status: 501,
      body: { code: 'NOT_SUPPORTED' },
    })
  })

  it('a key for some chats forwards only between them, and quotes nothing elsewhere', async () => {
    const key = 'key-of-bob'
    const out = { fromChatId: BOB, toChatId: '2@g.us', messageId: 'T1' }
    expect((await call('POST', `${M}/forward`, out, key)).status).toBe(403)
    expect((await call('POST', `${M}/forward`, { ...out, toChatId: BOB }, key)).status).toBe(201)
    expect((await call('POST', `${M}/send-image`, { ...image, quotedMessageId: 'Q' }, key)).status).toBe(403)
    expect((await call('GET', `${M}/2@g.us/T1/media`, undefined, key)).status).toBe(403)
    expect((await call('POST', `/sessions/${SESSION}/uploads`, {}, key)).status).toBe(403)
  })
})

describe('what is done to a message', () => {
  it.each([
    ['react', { ...target, emoji: '' }, 'message.react', { success: true }],
    ['delete', target, 'message.delete', { success: true }],
    ['edit', { ...target, body: 'new' }, 'message.edit', { messageId: 'X', timestamp: 1 }],
    ['pin', target, 'message.pin', { success: true }],
    ['unpin', target, 'message.unpin', { success: true }],
    ['star', { ...target, star: false }, 'message.star', { success: true }],
  ])('%s answers 200', async (path, body, method, answer) => {
    expect(await call('POST', `${M}/${path}`, body)).toMatchObject({ status: 200, body: answer })
    expect(calls[0]?.method).toBe(method)
  })

  it('fills in what is not said', async () => {
    await call('POST', `${M}/delete`, target)
    await call('POST', `${M}/pin`, target)
    expect(calls).toMatchObject([
      { params: { input: { forEveryone: true } } },
      { params: { input: { durationSeconds: 86_400 } } },
    ])
  })

  it('reactions are listed by emoji', async () => {
    expect((await call('GET', `${M}/${BOB}/T1/reactions`)).body).toEqual([
      {
        emoji: '👍',
        senders: [
          { senderId: BOB, emoji: '👍', timestamp: 5 },
          { senderId: 'me@c.us', emoji: '👍', timestamp: 6 },
        ],
      },
      { emoji: '🎉', senders: [{ senderId: 'c@c.us', emoji: '🎉', timestamp: 7 }] },
    ])
    expect((await call('GET', `${M}/${BOB}/T2/reactions`)).status).toBe(404)
  })

  it('the history of a chat says what the messages say', async () => {
    expect((await call('GET', `${M}/${BOB}/history?limit=5`)).body).toEqual([
      {
        id: 'T1',
        from: BOB,
        to: 'me@c.us',
        chatId: BOB,
        body: 'hi',
        type: 'location',
        timestamp: 9,
        fromMe: false,
        isGroup: false,
        kind: 'individual',
        location: { latitude: 1, longitude: 2 },
      },
    ])
  })
})

describe('files', () => {
  it('are given as they are, to be saved', async () => {
    const response = await app.ask('GET', `${M}/${BOB}/T1/media`)
    expect(await response.text()).toBe('<b>')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': '3',
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
    })
  })

  it('are bytes where a browser could run them, and their name breaks no header', async () => {
    const { headers } = await app.ask('GET', `${M}/${BOB}/HTML/media`)
    expect(headers.get('content-type')).toBe('application/octet-stream')
    expect(headers.get('content-disposition')).toBe(
      `attachment; filename="a___b _.html"; filename*=UTF-8''a%22%0D%0Ab%20%C3%A4.html`,
    )
  })

  it('are 404 where there are none, and 501 where the engine is elsewhere', async () => {
    expect(await call('GET', `${M}/${BOB}/NONE/media`)).toMatchObject({
      status: 404,
      body: { message: 'No media stored for this message' },
    })
    files = undefined
    expect((await call('GET', `${M}/${BOB}/T1/media`)).status).toBe(501)
    expect((await call('POST', `/sessions/${SESSION}/uploads`, {})).status).toBe(501)
  })

  it('are uploaded as the body of a request', async () => {
    const answer = await call('POST', `/sessions/${SESSION}/uploads`, { any: 'bytes' })
    expect(answer).toMatchObject({ status: 201, body: { uploadId: 'a'.repeat(64), bytes: 5 } })
    expect(uploaded).toEqual(['{"any":"bytes"}'])
    const packed = await app.ask('POST', `/sessions/${SESSION}/uploads`, {
      body: {},
      headers: { 'content-encoding': 'gzip' },
    })
    expect(packed.status).toBe(415)
  })
})
