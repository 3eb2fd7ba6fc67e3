import { proto, type WAMessage } from 'baileys'
import { describe, expect, it } from 'vitest'
import { toReceived, toUndecrypted } from './incoming.ts'
import { toChange, toHidden } from './incoming-change.ts'
import { createAddressBook } from './people.ts'

const ME = '15550000001@c.us'
const ANN = '15551110001@c.us'
const PHONE = '15551110001@s.whatsapp.net'
const LID = '900001@lid'
const to = { me: { phoneId: ME, lidId: '800001@lid' }, book: createAddressBook(() => null) }

const given = (message: proto.IMessage | null, rest: Partial<WAMessage> = {}): WAMessage => ({
  messageTimestamp: 1_700_000_000,
  pushName: 'Ann',
  message,
  ...rest,
  key: { remoteJid: PHONE, remoteJidAlt: LID, fromMe: false, id: 'A1', ...rest.key },
})
/** Through the wire: what is not set comes as the protobuf's default. */
const wired = (message: proto.IMessage) => proto.Message.decode(proto.Message.encode(message).finish())
const received = (message: proto.IMessage, rest?: Partial<WAMessage>) =>
  toReceived(given(wired(message), rest), to)
const change = (message: proto.IMessage, rest?: Partial<WAMessage>) =>
  toChange(given(wired(message), rest), to)

const file = {
  mediaKey: Buffer.alloc(32, 1),
  fileSha256: Buffer.alloc(32, 2),
  fileEncSha256: Buffer.alloc(32, 3),
  directPath: '/v/1.enc',
  url: 'https://mmg.whatsapp.net/v/1.enc',
  fileLength: 1234,
}

describe('a file', () => {
  it.each<[string, proto.IMessage, object, object]>([
    [
      'an image',
      { imageMessage: { ...file, mimetype: 'image/png', caption: 'x' } },
      { type: 'image', body: 'x' },
      { kind: 'image', mimetype: 'image/png' },
    ],
    ['a video', { videoMessage: { ...file } }, { type: 'video' }, { kind: 'video', mimetype: 'video/mp4' }],
    ['a round video', { ptvMessage: { ...file } }, { type: 'video' }, { kind: 'video' }],
    [
      'a recording',
      { audioMessage: { ...file, mimetype: 'audio/mp4' } },
      { type: 'audio' },
      { kind: 'audio', mimetype: 'audio/mp4' },
    ],
    [
      'a voice note',
      { audioMessage: { ...file, ptt: true } },
      { type: 'voice' },
      { kind: 'audio', mimetype: 'audio/ogg; codecs=opus' },
    ],
    [
      'a sticker',
      { stickerMessage: { ...file } },
      { type: 'sticker' },
      { kind: 'sticker', mimetype: 'image/webp' },
    ],
    [
      'a moving sticker',
      { lottieStickerMessage: { message: { stickerMessage: { ...file } } } },
      { type: 'sticker' },
      { kind: 'sticker' },
    ],
    [
      'a document',
      { documentMessage: { ...file, fileName: 'a.pdf' } },
      { type: 'document' },
      { kind: 'document', filename: 'a.pdf' },
    ],
    [
      'a document with a caption',
      { documentWithCaptionMessage: { message: { documentMessage: { ...file, title: 't', caption: 'c' } } } },
      { type: 'document', body: 'c' },
      { filename: 't' },
    ],
    [
      'a name that is a path',
      { documentMessage: { ...file, fileName: '../../etc/passwd' } },
      {},
      { filename: 'passwd' },
    ],
    [
      'a type that is no type',
      { documentMessage: { ...file, mimetype: 'text/html\r\nX: y' } },
      {},
      { mimetype: 'application/octet-stream' },
    ],
  ])('%s', (_what, content, message, media) => {
    const result = received(content)
    expect(result?.message).toMatchObject({ ...message, media: { omitted: true, sizeBytes: 1234 } })
    expect(result?.media).toMatchObject({ bytes: 1234, directPath: '/v/1.enc', ...media })
  })

  it.each<[string, proto.IMessage, object]>([
    ['an image', { imageMessage: { ...file, width: 640, height: 480 } }, { width: 640, height: 480 }],
    [
      'a film',
      { videoMessage: { ...file, width: 640, height: 480, seconds: 12, gifPlayback: true } },
      { width: 640, height: 480, seconds: 12, gif: true },
    ],
    [
      'a voice note',
      { audioMessage: { ...file, ptt: true, seconds: 3, waveform: Buffer.alloc(64, 7) } },
      { seconds: 3, waveform: Buffer.alloc(64, 7).toString('base64') },
    ],
    ['a document', { documentMessage: { ...file, pageCount: 4 } }, { pages: 4 }],
    [
      'a thumbnail',
      { imageMessage: { ...file, jpegThumbnail: Buffer.from('/9j/2wA=', 'base64') } },
      { thumbnail: '/9j/2wA=' },
    ],
  ])('is shown as it looks: %s', (_what, content, look) => {
    const { mimetype: _, omitted: __, sizeBytes: ___, ...said } = received(content)?.message.media ?? {}
    expect(said).toEqual(look)
  })

  it.each<[string, proto.IMessage]>([
    ['a thumbnail that is no JPEG', { imageMessage: { ...file, jpegThumbnail: Buffer.from('<svg>') } }],
    ['a huge thumbnail', { imageMessage: { ...file, jpegThumbnail: Buffer.alloc(40_000, 0xff) } }],
    ['a huge waveform', { audioMessage: { ...file, waveform: Buffer.alloc(300) } }],
    ['a width without a height', { imageMessage: { ...file, width: 5 } }],
    ['absurd figures', { videoMessage: { ...file, width: 4e9, height: 4e9, seconds: 4e9 } }],
  ])('is not believed: %s', (_what, content) => {
    expect(Object.keys(received(content)?.message.media ?? {})).toEqual(['mimetype', 'omitted', 'sizeBytes'])
  })

  it.each([
    ['its key', { mediaKey: null }],
    ['its digest', { fileSha256: null }],
    ['its place', { directPath: null, url: null }],
  ])('is none without %s', (_what, gap) => {
    const result = received({ imageMessage: { ...file, ...gap } })
    expect(result?.message).toMatchObject({ type: 'image' })
    expect(result?.media).toBeNull()
    expect(result?.message.media).toBeUndefined()
  })
})

describe('a message', () => {
  it.each<[string, proto.IMessage, object]>([
    [
      'a place',
      { locationMessage: { degreesLatitude: 1, degreesLongitude: 2, name: 'n', address: 'a', url: 'u' } },
      { type: 'location', location: { latitude: 1, longitude: 2, description: 'n', address: 'a', url: 'u' } },
    ],
    [
      'a moving place',
      { liveLocationMessage: { degreesLatitude: 1, degreesLongitude: 2, caption: 'c' } },
      { type: 'location', body: 'c', location: { latitude: 1, longitude: 2 } },
    ],
    [
      'a poll with one answer',
      {
        pollCreationMessageV3: {
          name: 'n',
          options: [{ optionName: 'a' }, { optionName: 'b' }],
          selectableOptionsCount: 1,
        },
      },
      { type: 'poll', body: 'n', poll: { name: 'n', options: ['a', 'b'], allowMultipleAnswers: false } },
    ],
    [
      'a poll with many',
      { pollCreationMessage: { name: 'n', options: [{ optionName: 'a' }], selectableOptionsCount: 0 } },
      { poll: { name: 'n', options: ['a'], allowMultipleAnswers: true } },
    ],
    [
      'a wrapped poll',
      { pollCreationMessageV4: { message: { pollCreationMessage: { name: 'n', options: [] } } } },
      { type: 'poll', poll: { name: 'n' } },
    ],
    [
      'a card',
      { contactMessage: { displayName: 'E', vcard: 'BEGIN' } },
      { type: 'contact', vcards: ['BEGIN'] },
    ],
    [
      'several cards',
      { contactsArrayMessage: { contacts: [{ vcard: 'A' }, { vcard: 'B' }] } },
      { type: 'contact', vcards: ['A', 'B'] },
    ],
    [
      'buttons',
      {
        buttonsMessage: {
          contentText: 't',
          buttons: [{ buttonId: '1', buttonText: { displayText: 'One' } }],
        },
      },
      { type: 'text', body: 't', buttons: [{ id: '1', text: 'One' }] },
    ],
    [
      'a list',
      { listMessage: { description: 'd', sections: [{ rows: [{ rowId: 'r', title: 'Row' }] }] } },
      { buttons: [{ id: 'r', text: 'Row' }] },
    ],
    [
      'native buttons',
      {
        interactiveMessage: {
          body: { text: 'b' },
          nativeFlowMessage: {
            buttons: [
              { name: 'quick_reply', buttonParamsJson: '{"id":"x","display_text":"X"}' },
              { buttonParamsJson: 'no json' },
            ],
          },
        },
      },
      { body: 'b', buttons: [{ id: 'x', text: 'X' }] },
    ],
    [
      'a pressed button',
      { buttonsResponseMessage: { selectedButtonId: '1', selectedDisplayText: 'One' } },
      { body: 'One', button: { id: '1', text: 'One' } },
    ],
    [
      'a chosen row',
      { listResponseMessage: { title: 'Row', singleSelectReply: { selectedRowId: 'r' } } },
      { button: { id: 'r', text: 'Row' } },
    ],
    [
      'a pressed native button',
      {
        interactiveResponseMessage: {
          body: { text: 'X' },
          nativeFlowResponseMessage: { paramsJson: '{"id":"x"}' },
        },
      },
      { button: { id: 'x', text: 'X' } },
    ],
    [
      'an order',
      {
        orderMessage: {
          orderId: 'o',
          itemCount: 2,
          token: 't',
          totalAmount1000: 1500,
          totalCurrencyCode: 'EUR',
          sellerJid: PHONE,
          message: 'm',
        },
      },
      {
        type: 'order',
        body: 'm',
        order: { id: 'o', itemCount: 2, token: 't', total: 1.5, currency: 'EUR', sellerId: ANN },
      },
    ],
    [
      'a product',
      { productMessage: { body: 'b', product: { productId: 'p', title: 't', priceAmount1000: 2000 } } },
      { type: 'product', product: { id: 'p', title: 't', price: 2 } },
    ],
    [
      'a missed call',
      { callLogMesssage: { isVideo: true, callOutcome: 1 } },
      { type: 'call', call: { video: true, missed: true } },
    ],
    [
      'a coloured status',
      { extendedTextMessage: { text: 'x', backgroundArgb: 0xff112233, font: 2 } },
      { backgroundColor: '#ff112233', font: 2 },
    ],
    [
      'view-once',
      { viewOnceMessageV2: { message: { imageMessage: { ...file } } } },
      { type: 'image', isViewOnce: true },
    ],
    [
      'view-once that disappears',
      {
        ephemeralMessage: {
          message: {
            viewOnceMessage: { message: { videoMessage: { ...file, contextInfo: { expiration: 60 } } } },
          },
        },
      },
      { type: 'video', isViewOnce: true, ephemeralDuration: 60 },
    ],
    ['a view-once recording', { audioMessage: { ...file, viewOnce: true } }, { isViewOnce: true }],
  ])('says %s', (_what, content, message) => {
    expect(received(content)?.message).toMatchObject(message)
  })

  it('says nothing besides its text where there is nothing', () => {
    expect(Object.keys(received({ extendedTextMessage: { text: 'x' } })?.message ?? {})).toEqual([
      'id',
      'from',
      'to',
      'chatId',
      'body',
      'type',
      'timestamp',
      'fromMe',
      'isGroup',
      'kind',
      'contact',
    ])
  })
})

describe('a message that came without its content', () => {
  it('is told from one that came with it', () => {
    const stub = {
      messageStubType: proto.WebMessageInfo.StubType.CIPHERTEXT,
      messageStubParameters: ['Bad MAC'],
    }
    expect(toUndecrypted(given(null, stub), to)).toMatchObject({
      waMessageId: 'A1',
      chatId: ANN,
      senderId: ANN,
      type: 'unknown',
      reason: 'Bad MAC',
      timestamp: 1_700_000_000,
    })
    expect(toReceived(given(null, stub), to)).toBeNull()
    expect(toUndecrypted(given({ conversation: 'x' }, stub), to)).toBeNull()
    expect(toUndecrypted(given(null), to)).toBeNull()
  })

  it('is masked where only the phone may see it', () => {
    const key = { remoteJid: PHONE, fromMe: false, id: 'A1', isViewOnce: true }
    expect(toUndecrypted(given(null, { key }), to)).toMatchObject({ type: 'masked' })
  })
})

describe('a change', () => {
  const key = { remoteJid: PHONE, id: 'T1', fromMe: true }
  const { REVOKE, MESSAGE_EDIT, EPHEMERAL_SETTING } = proto.Message.ProtocolMessage.Type

  it.each<[string, proto.IMessage, object]>([
    [
      'a reaction',
      { reactionMessage: { key, text: '👍', senderTimestampMs: 5_000 } },
      { targetId: 'T1', at: 5_000, change: { kind: 'reaction', emoji: '👍' } },
    ],
    [
      'a reaction taken back',
      { reactionMessage: { key, text: '' } },
      { at: 1_700_000_000_000, change: { kind: 'reaction', emoji: '' } },
    ],
    [
      'an edit',
      {
        protocolMessage: {
          key,
          type: MESSAGE_EDIT,
          timestampMs: 7_000,
          editedMessage: { conversation: 'new' },
        },
      },
      { at: 7_000, change: { kind: 'edit', body: 'new', type: 'text', mentionedIds: [] } },
    ],
    [
      'an edit in its wrapper',
      {
        editedMessage: {
          message: {
            protocolMessage: { key, type: MESSAGE_EDIT, editedMessage: { imageMessage: { caption: 'new' } } },
          },
        },
      },
      { change: { kind: 'edit', body: 'new', type: 'image' } },
    ],
    [
      'a deletion',
      { protocolMessage: { key, type: REVOKE } },
      { targetId: 'T1', change: { kind: 'revoke' } },
    ],
    [
      'a pin',
      {
        pinInChatMessage: { key, type: 1, senderTimestampMs: 9_000 },
        messageContextInfo: { messageAddOnDurationInSecs: 86_400 },
      },
      { at: 9_000, change: { kind: 'pin', pinned: true, seconds: 86_400 } },
    ],
    [
      'a pin taken away',
      { pinInChatMessage: { key, type: 2 } },
      { change: { kind: 'pin', pinned: false, seconds: 0 } },
    ],
    [
      'a vote',
      {
        pollUpdateMessage: {
          pollCreationMessageKey: key,
          vote: { encPayload: Buffer.from('p'), encIv: Buffer.from('i') },
        },
      },
      { change: { kind: 'vote', payload: 'cA==', iv: 'aQ==' } },
    ],
    [
      'an edit that is sealed',
      {
        secretEncryptedMessage: {
          targetMessageKey: key,
          encPayload: Buffer.from('p'),
          encIv: Buffer.from('i'),
          secretEncType: proto.Message.SecretEncryptedMessage.SecretEncType.MESSAGE_EDIT,
        },
      },
      { targetId: 'T1', change: { kind: 'sealed-edit', payload: 'cA==', iv: 'aQ==' } },
    ],
  ])('is read: %s', (_what, content, wanted) => {
    expect(change(content)).toMatchObject({
      waMessageId: 'A1',
      chatId: ANN,
      chatIds: [ANN, LID],
      senderId: ANN,
      sender: { phoneId: ANN, lidId: LID },
      fromMe: false,
      ...wanted,
    })
    // What changes another message is no message.
    expect(received(content)).toBeNull()
  })

  it('of this account has no sender, and is the account that did it', () => {
    const own = { remoteJid: PHONE, fromMe: true, id: 'A2' }
    expect(change({ reactionMessage: { key, text: 'x' } }, { key: own })).toMatchObject({
      senderId: '',
      sender: to.me,
      from: ME,
      to: ANN,
    })
  })

  it('on another device of the account is a message hidden, under one name however often it is told', () => {
    expect(
      toHidden({ keys: [{ remoteJid: LID, remoteJidAlt: PHONE, id: 'T1', fromMe: false }] }, to, 5)[0],
    ).toMatchObject({
      waMessageId: 'T1:deleted',
      chatId: ANN,
      chatIds: [ANN, LID],
      senderId: '',
      fromMe: true,
      from: ME,
      targetId: 'T1',
      at: 5,
      change: { kind: 'hide' },
    })
    expect(toHidden({ keys: [{ remoteJid: PHONE }] }, to, 5)).toEqual([])
    expect(toHidden({ jid: PHONE, all: true }, to, 5)).toEqual([])
  })

  it('in a group has its author', () => {
    const inGroup = { remoteJid: '1@g.us', participant: LID, participantAlt: PHONE, fromMe: false, id: 'A3' }
    expect(change({ reactionMessage: { key, text: 'x' } }, { key: inGroup })).toMatchObject({
      chatId: '1@g.us',
      chatIds: ['1@g.us'],
      senderId: ANN,
      author: ANN,
      isGroup: true,
    })
  })

  it.each<[string, proto.IMessage]>([
    ['a text', { conversation: 'x' }],
    ['a vote without its content', { pollUpdateMessage: { pollCreationMessageKey: key } }],
    ['an edit without words', { protocolMessage: { key, type: MESSAGE_EDIT } }],
    ['a deletion of nothing', { protocolMessage: { type: REVOKE } }],
    ['the timer of a chat', { protocolMessage: { type: EPHEMERAL_SETTING, ephemeralExpiration: 60 } }],
    ['a reaction to nothing', { reactionMessage: { text: 'x' } }],
  ])('is none: %s', (_what, content) => expect(change(content)).toBeNull())
})
