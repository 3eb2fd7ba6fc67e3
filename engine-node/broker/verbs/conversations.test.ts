import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { capabilities, type Verb, type VerbArgs } from '../../../src/contract/capabilities.ts'
import { GatewayError } from '../../../src/contract/errors.ts'
import { openIngress, type TestIngress } from '../../../test/support/ingress.ts'
import type { CallOrigin } from '../verb.ts'
import { type ConversationSender, createConversationVerbs } from './conversations.ts'

const S1 = '00000000-0000-4000-8000-000000000001'
const S2 = '00000000-0000-4000-8000-000000000002'
const CHAT = '15550000001@c.us'
const key = { sessionId: S1, chatId: CHAT, instanceId: 'i' }
const result = { messageId: 'M1', timestamp: 1 }

let ingress: TestIngress
let sent: unknown[]
let sessions: Set<string>
let told: unknown[]
let verbs: ReturnType<typeof createConversationVerbs>
let denied: string | null

const record = (kind: string) => async (sessionId: string, input: object) => {
  sent.push({ kind, sessionId, ...input })
  return result
}
const whole: ConversationSender = {
  sendText: record('text'),
  reply: record('reply'),
  sendMedia: record('media'),
  sendLocation: record('location'),
}
const build = (sender: ConversationSender) =>
  createConversationVerbs({
    db: ingress.now.db,
    writer: ingress.now.writer,
    sender,
    sessionExists: async id => sessions.has(id),
    handedOver: (...args) => told.push(args),
    now: () => 1,
  })

beforeEach(async () => {
  ingress = await openIngress()
  sent = []
  told = []
  sessions = new Set([S1, S2])
  denied = null
  verbs = build(whole)
})
afterEach(() => ingress[Symbol.asyncDispose]())

const origin: CallOrigin = {
  pluginId: 'desk',
  inFlight: [],
  signal: new AbortController().signal,
  assertStillAllowed: () => {},
  assertActiveFor(sessionId) {
    if (sessionId === denied) throw new GatewayError('capability_denied', 'not activated')
  },
}
/** As the broker calls: with arguments that the row has parsed. */
async function call<K extends Extract<Verb, keyof typeof verbs>>(verb: K, ...args: unknown[]) {
  const parsed = v.parse(capabilities[verb].args, args) as VerbArgs<K>
  const run = verbs[verb] as (args: VerbArgs<K>, origin: CallOrigin) => Promise<unknown>
  return await run(parsed, origin)
}
const send = (envelope: object) =>
  call('conversations.send', { sessionId: S1, chatId: CHAT, type: 'text', ...envelope })

describe('conversations.send', () => {
  it.each<[object, object]>([
    [{ text: 'hi' }, { kind: 'text', sessionId: S1, chatId: CHAT, text: 'hi' }],
    [
      { text: 'hi', linkPreview: false },
      { kind: 'text', text: 'hi', linkPreview: false },
    ],
    [
      { text: 'hi', replyTo: 'Q1' },
      { kind: 'reply', text: 'hi', quotedMessageId: 'Q1' },
    ],
    [
      { type: 'image', mediaUrl: 'https://x.example/a.png', text: 'cap' },
      { kind: 'media', type: 'image', url: 'https://x.example/a.png', caption: 'cap', ptt: false },
    ],
    [
      { type: 'voice', mediaUrl: 'https://x.example/a.ogg' },
      { kind: 'media', type: 'voice', ptt: true, caption: '' },
    ],
    [
      { type: 'file', text: 'no url' },
      { kind: 'text', text: 'no url' },
    ],
    [
      { type: 'location', latitude: 0, longitude: -180, text: 'here' },
      { kind: 'location', latitude: 0, longitude: -180, description: 'here' },
    ],
  ])('sends %j', async (envelope, expected) => {
    expect(await send(envelope)).toEqual(result)
    expect(sent).toMatchObject([expected])
  })

  it.each<[object, string]>([
    [{ type: 'location', latitude: 1 }, 'a location needs latitude and longitude'],
    [
      { type: 'location', latitude: 1, longitude: 1, replyTo: 'Q' },
      'replyTo is not supported for a location',
    ],
    [{ type: 'image', mediaUrl: 'https://x.example', replyTo: 'Q' }, 'replyTo is not supported for media'],
    [{ chatId: null, text: 'x' }, 'chatId is required'],
    [{ chatId: null, text: 'x', instanceId: 'i' }, 'chatId is required'],
    [
      { chatId: null, text: 'x', instanceId: 'i', source: { provider: 'p', externalConversationId: 'c9' } },
      'no chat is mapped',
    ],
    [{ chatId: 'not a chat', text: 'x' }, 'chatId must look like'],
  ])('refuses %j', async (envelope, message) => {
    await expect(send(envelope)).rejects.toThrow(message)
    expect(sent).toEqual([])
  })

  it.each<[object, RegExp]>([
    [{ sessionId: undefined }, /conversation\.send: sessionId is required/],
    [{ sessionId: '' }, /conversation\.send: sessionId is required/],
    [{ type: 'sticker' }, /type must be one of text, image/],
    [{ latitude: 91 }, /91/],
  ])('does not take %j for an envelope', async (envelope, message) => {
    const parsed = v.safeParse(capabilities['conversations.send'].args, [
      { sessionId: S1, type: 'text', ...envelope },
    ])
    expect(parsed.issues?.[0].message).toMatch(message)
  })

  it('says which kinds of message this gateway does not send', async () => {
    verbs = build({ sendText: whole.sendText, reply: whole.reply })
    await expect(send({ type: 'image', mediaUrl: 'https://x.example/a.png' })).rejects.toMatchObject({
      code: 'not_supported',
      message: 'conversation.send: this gateway does not send type image yet',
    })
    await expect(send({ type: 'location', latitude: 1, longitude: 1 })).rejects.toMatchObject({
      code: 'not_supported',
    })
    expect(await send({ type: 'image', text: 'no url' })).toEqual(result)
  })

  describe('to a mapped conversation', () => {
    const toMapped = (sessionId = S1) =>
      send({
        sessionId,
        chatId: undefined,
        instanceId: 'i',
        text: 'hi',
        source: { provider: 'p', externalConversationId: 'c1' },
      })
    beforeEach(() => call('mappings.upsert', key, 'c1'))

    it('finds the chat', async () => {
      await toMapped()
      expect(sent).toMatchObject([{ kind: 'text', sessionId: S1, chatId: CHAT }])
    })
    it('does not reach into another session', async () => {
      await expect(toMapped(S2)).rejects.toMatchObject({ code: 'mapping_taken' })
    })
    it('follows a session that was deleted and linked again, with who answers there', async () => {
      await call('handover.set', key, 'human')
      sessions.delete(S1)
      told = []
      await toMapped(S2)
      expect(sent).toMatchObject([{ sessionId: S2, chatId: CHAT }])
      expect(await call('mappings.get', { ...key, sessionId: S2 })).toEqual({
        providerConversationId: 'c1',
        handoverState: 'human',
      })
      expect(told).toMatchObject([
        [{ sessionId: S1 }, 'bot'],
        [{ sessionId: S2 }, 'human'],
      ])
    })
    it('is not found by another plugin', async () => {
      await expect(
        verbs['conversations.send'](
          v.parse(capabilities['conversations.send'].args, [
            {
              sessionId: S1,
              type: 'text',
              text: 'x',
              instanceId: 'i',
              source: { externalConversationId: 'c1' },
            },
          ]),
          { ...origin, pluginId: 'other' },
        ),
      ).rejects.toMatchObject({ code: 'not_found' })
    })
  })
})

describe('mappings', () => {
  it('begin with the bot, are read both ways, and keep their state when they move', async () => {
    expect(await call('mappings.get', key)).toBe(null)
    expect(await call('mappings.getByProvider', 'i', 'c1')).toBe(null)
    await call('mappings.upsert', key, 'c1')
    expect(await call('mappings.get', key)).toEqual({ providerConversationId: 'c1', handoverState: 'bot' })
    await call('handover.set', key, 'human')
    await call('mappings.upsert', key, 'c2')
    expect(await call('mappings.get', key)).toEqual({ providerConversationId: 'c2', handoverState: 'human' })
    expect(await call('mappings.getByProvider', 'i', 'c2')).toEqual({
      sessionId: S1,
      chatId: CHAT,
      handoverState: 'human',
    })
    expect(await call('mappings.getByProvider', 'i', 'c1')).toBe(null)
  })

  it('give a conversation to one chat, also when two ask at once', async () => {
    const other = { ...key, chatId: '15550000002@c.us' }
    const answers = await Promise.allSettled([
      call('mappings.upsert', key, 'c1'),
      call('mappings.upsert', other, 'c1'),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await expect(call('mappings.upsert', other, 'c1')).rejects.toMatchObject({ code: 'mapping_taken' })
    await call('mappings.upsert', { ...other, instanceId: 'j' }, 'c1')
  })

  it('give a conversation on when its session is gone', async () => {
    await call('mappings.upsert', key, 'c1')
    sessions.delete(S1)
    await call('mappings.upsert', { ...key, sessionId: S2 }, 'c1')
    expect(await call('mappings.get', key)).toBe(null)
    expect(await call('mappings.getByProvider', 'i', 'c1')).toMatchObject({ sessionId: S2 })
  })

  it('are not told to a plugin that may not act on their session', async () => {
    await call('mappings.upsert', key, 'c1')
    denied = S1
    await expect(call('mappings.getByProvider', 'i', 'c1')).rejects.toMatchObject({
      code: 'capability_denied',
    })
  })
})

describe('handover.set', () => {
  it('needs a mapping, and tells who must know', async () => {
    await expect(call('handover.set', key, 'human')).rejects.toMatchObject({ code: 'not_found' })
    expect(told).toEqual([])
    await call('mappings.upsert', key, 'c1')
    await call('handover.set', key, 'closed')
    expect(told).toEqual([[{ pluginId: 'desk', ...key }, 'closed']])
  })
  it.each(['robot', '', null])('does not know the state %j', state => {
    expect(v.safeParse(capabilities['handover.set'].args, [key, state]).success).toBe(false)
  })
})
