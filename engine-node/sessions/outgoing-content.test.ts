import { proto } from 'baileys'
import { describe, expect, it } from 'vitest'
import { toReceived } from './incoming.ts'
import { compose, readProto } from './outgoing.ts'
import { type OutgoingContent, outsideOf, toContent } from './outgoing-content.ts'
import { createAddressBook } from './people.ts'

const BOB = '15551110001@c.us'
const by = { meJid: '15550000001:3@s.whatsapp.net', now: 1_700_000_000_500 }
const target = (
  fromMe = false,
  remoteJid = '15551110001@s.whatsapp.net',
  message: proto.IMessage = { conversation: 'x' },
) => proto.WebMessageInfo.encode({ key: { remoteJid, id: 'T1', fromMe }, message }).finish()
const media = {
  kind: 'image',
  mimetype: 'image/png',
  filename: 'a.png',
  bytes: 10,
  mediaKey: Buffer.alloc(32, 1),
  sha256: Buffer.alloc(32, 2),
  encSha256: Buffer.alloc(32, 3),
  directPath: '/v/1',
  url: 'https://mmg.whatsapp.net/v/1',
  uploadedAt: 5,
} as const
const secret = Buffer.alloc(32, 7)

/** What the other end makes of it, with the code that reads what comes in. */
function arrives(
  content: OutgoingContent,
  rest: { mentions?: string[]; quoted?: Uint8Array; expiration?: number } = {},
) {
  const { proto: bytes, waMessageId } = compose({ chatId: BOB, content, ...rest }, by)
  const { key, message } = readProto(bytes)
  expect(key).toMatchObject({ remoteJid: '15551110001@s.whatsapp.net', fromMe: true, id: waMessageId })
  const them = { me: { phoneId: BOB, lidId: null }, book: createAddressBook(() => null) }
  const result = toReceived(
    {
      key: { remoteJid: by.meJid, fromMe: false, id: waMessageId },
      message: message ?? null,
      messageTimestamp: 1,
    },
    them,
  )
  return { ...result?.message, file: result?.media }
}

describe('an answer to buttons', () => {
  const original = (message: proto.IMessage) =>
    proto.WebMessageInfo.encode(proto.WebMessageInfo.create({ key: { id: 'Q' }, message })).finish()
  it.each<[string, proto.IMessage, proto.IMessage]>([
    [
      'buttons',
      { buttonsMessage: {} },
      { buttonsResponseMessage: { selectedButtonId: 'a', selectedDisplayText: 'A' } },
    ],
    [
      'a template',
      { templateMessage: {} },
      { templateButtonReplyMessage: { selectedId: 'a', selectedDisplayText: 'A' } },
    ],
    [
      'a list',
      { listMessage: {} },
      { listResponseMessage: { title: 'A', singleSelectReply: { selectedRowId: 'a' } } },
    ],
    [
      'native buttons',
      { interactiveMessage: {} },
      {
        interactiveResponseMessage: {
          body: { text: 'A' },
          nativeFlowResponseMessage: { paramsJson: '{"id":"a"}' },
        },
      },
    ],
  ])('has the form of %s', (_what, message, wanted) =>
    expect(toContent({ kind: 'button', original: original(message), id: 'a', text: 'A' })).toMatchObject(
      wanted,
    ),
  )
})

describe('outgoing-content', () => {
  it.each<[string, OutgoingContent, object]>([
    ['text', { kind: 'text', text: 'x' }, { type: 'text', body: 'x' }],
    [
      'image',
      { kind: 'media', media, caption: 'c', ptt: false, look: { width: 3, height: 2 } },
      { type: 'image', body: 'c', file: { bytes: 10, mimetype: 'image/png', directPath: '/v/1' } },
    ],
    [
      'video',
      { kind: 'media', media: { ...media, kind: 'video' }, caption: null, ptt: false, look: {} },
      { type: 'video', body: '' },
    ],
    [
      'recording',
      { kind: 'media', media: { ...media, kind: 'audio' }, caption: null, ptt: false, look: { seconds: 3 } },
      { type: 'audio' },
    ],
    [
      'voice',
      { kind: 'media', media: { ...media, kind: 'audio' }, caption: null, ptt: true, look: {} },
      { type: 'voice' },
    ],
    [
      'sticker',
      { kind: 'media', media: { ...media, kind: 'sticker' }, caption: null, ptt: false, look: {} },
      { type: 'sticker' },
    ],
    [
      'document',
      { kind: 'media', media: { ...media, kind: 'document' }, caption: null, ptt: false, look: {} },
      { type: 'document', file: { filename: 'a.png' } },
    ],
    [
      'document without a name',
      {
        kind: 'media',
        media: { ...media, kind: 'document', filename: null },
        caption: 'c',
        ptt: false,
        look: {},
      },
      { type: 'document', body: 'c', file: { filename: 'file' } },
    ],
    [
      'location',
      { kind: 'location', latitude: 1, longitude: -2, description: 'd', address: null },
      { type: 'location', location: { latitude: 1, longitude: -2, description: 'd' } },
    ],
    [
      'contact',
      { kind: 'contact', name: 'A\nTEL:evil', number: '1555' },
      { type: 'contact', vcards: [expect.stringContaining('FN:A TEL:evil\nTEL;type=CELL')] },
    ],
    [
      'poll',
      { kind: 'poll', name: 'n', options: ['a', 'b'], allowMultipleAnswers: false, secret },
      { type: 'poll', poll: { name: 'n', options: ['a', 'b'], allowMultipleAnswers: false } },
    ],
    [
      'poll with many answers',
      { kind: 'poll', name: 'n', options: ['a', 'b'], allowMultipleAnswers: true, secret },
      { poll: { allowMultipleAnswers: true } },
    ],
    ['forward', { kind: 'forward', original: target(), secret }, { type: 'text', body: 'x' }],
  ])('arrives: %s', (_what, content, wanted) => expect(arrives(content)).toMatchObject(wanted))

  it.each<[string, OutgoingContent]>([
    ['text', { kind: 'text', text: 'x' }],
    ['image', { kind: 'media', media, caption: 'c', ptt: false, look: {} }],
    [
      'document with caption',
      { kind: 'media', media: { ...media, kind: 'document' }, caption: 'c', ptt: false, look: {} },
    ],
    ['location', { kind: 'location', latitude: 1, longitude: 2, description: null, address: null }],
    ['contact', { kind: 'contact', name: 'A', number: '1555' }],
    ['poll', { kind: 'poll', name: 'n', options: ['a', 'b'], allowMultipleAnswers: true, secret }],
  ])('quotes, mentions and disappears: %s', (_what, content) => {
    const rest = { mentions: ['15559990000@c.us'], quoted: target(), expiration: 60 }
    expect(arrives(content, rest)).toMatchObject({
      quotedMessage: { id: 'T1', body: 'x' },
      mentionedIds: ['15559990000@c.us'],
      ephemeralDuration: 60,
    })
  })

  it('shows what is behind a link only where that was read', () => {
    const preview = { url: 'https://a.example', title: 'T', description: null }
    expect(toContent({ kind: 'text', text: 'x', preview }).extendedTextMessage).toMatchObject({
      matchedText: 'https://a.example',
      title: 'T',
    })
    expect(toContent({ kind: 'text', text: 'https://a.example' }).extendedTextMessage).toEqual({
      text: 'https://a.example',
    })
  })

  it('forwards what the message says, and neither its place nor its secrets', () => {
    const original = target(false, '1@g.us', {
      senderKeyDistributionMessage: { groupId: '1@g.us' },
      imageMessage: { caption: 'c', contextInfo: { stanzaId: 'Q', forwardingScore: 2 } },
      messageContextInfo: { messageSecret: Buffer.alloc(32) },
    })
    const made = toContent({ kind: 'forward', original, secret })
    expect(Object.keys(made).filter(name => made[name as keyof proto.IMessage] != null)).toEqual([
      'imageMessage',
    ])
    expect(made.imageMessage?.contextInfo).toMatchObject({ isForwarded: true, forwardingScore: 3 })
    expect(made.imageMessage?.contextInfo?.stanzaId).toBeFalsy()
    const poll = target(false, '1@g.us', { pollCreationMessage: { name: 'n', options: [] } })
    expect(toContent({ kind: 'forward', original: poll, secret }).messageContextInfo?.messageSecret).toEqual(
      secret,
    )
  })

  it.each<[string, OutgoingContent, object]>([
    [
      'own message deleted',
      { kind: 'revoke', target: target(true) },
      { additionalAttributes: { edit: '7' } },
    ],
    [
      "another's in a group",
      { kind: 'revoke', target: target(false, '1@g.us') },
      { additionalAttributes: { edit: '8' } },
    ],
    [
      'an edit',
      { kind: 'edit', target: target(true), body: 'x', at: 1 },
      { additionalAttributes: { edit: '1' } },
    ],
    [
      'a pin',
      { kind: 'pin', target: target(), seconds: 86_400, at: 1 },
      { additionalAttributes: { edit: '2' } },
    ],
    [
      'a poll',
      { kind: 'poll', name: 'n', options: ['a', 'b'], allowMultipleAnswers: true, secret },
      { additionalNodes: [{ tag: 'meta', attrs: { polltype: 'creation' } }] },
    ],
    ['a reaction', { kind: 'reaction', target: target(), emoji: 'x', at: 1 }, {}],
    ['a text', { kind: 'text', text: 'x' }, {}],
  ])('says on its outside what the server acts on: %s', (_what, content, outside) => {
    // From the bytes: that is what is sent, also after a restart.
    const { message } = readProto(compose({ chatId: BOB, content }, by).proto)
    expect(outsideOf(message ?? {})).toEqual(outside)
  })

  it('edits the caption of a file as such, with its mentions', () => {
    const image = target(true, undefined, { imageMessage: { caption: 'old' } })
    const made = toContent({ kind: 'edit', target: image, body: 'new', at: 1 }, ['15559990000@c.us'])
    expect(made.protocolMessage?.editedMessage?.imageMessage).toMatchObject({
      caption: 'new',
      contextInfo: { mentionedJid: ['15559990000@s.whatsapp.net'] },
    })
  })

  it('puts no timer on what changes another message', () => {
    const { proto: bytes } = compose(
      { chatId: BOB, content: { kind: 'reaction', target: target(), emoji: 'x', at: 1 }, expiration: 60 },
      by,
    )
    expect(readProto(bytes).message).toMatchObject({ reactionMessage: { text: 'x' } })
  })
})
