import { proto, type WAMessage } from 'baileys'
import { describe, expect, it } from 'vitest'
import { toReceived } from './incoming.ts'
import { createAddressBook } from './people.ts'

const ME = '15550000001@c.us'
const PHONE = '15551110001@s.whatsapp.net'
const LID = '900001@lid'
const to = {
  me: { phoneId: ME, lidId: '800001@lid' },
  book: createAddressBook(key => ({ '15551110009': '900009', '900009_reverse': '15551110009' })[key]),
}

const received = (
  message: proto.IMessage | null,
  rest: Partial<WAMessage> & { key?: WAMessage['key'] } = {},
) =>
  toReceived(
    {
      messageTimestamp: 1_700_000_000,
      pushName: 'Ann',
      ...rest,
      key: { remoteJid: PHONE, remoteJidAlt: LID, fromMe: false, id: 'A1', ...rest.key },
      message,
    },
    to,
  )
const text = (conversation: string, rest?: Parameters<typeof received>[1]) =>
  received({ conversation }, rest)?.message

describe('incoming', () => {
  it("becomes OpenWA's message with the phone in front and both ids beside it", () => {
    const result = received({ conversation: 'hello' })
    expect(result?.message).toEqual({
      id: 'A1',
      from: '15551110001@c.us',
      to: ME,
      chatId: '15551110001@c.us',
      body: 'hello',
      type: 'text',
      timestamp: 1_700_000_000,
      fromMe: false,
      isGroup: false,
      kind: 'individual',
      contact: { id: '15551110001@c.us', number: '15551110001', name: 'Ann', pushName: 'Ann' },
    })
    expect(result?.person).toEqual({ phoneId: '15551110001@c.us', lidId: LID })
    expect(result?.senderId).toBe('15551110001@c.us')
  })

  it('prefers the phone of a contact who writes by lid', () => {
    const result = received(
      { conversation: 'x' },
      { key: { remoteJid: '900001:4@lid', remoteJidAlt: PHONE } },
    )
    expect(result?.message).toMatchObject({ chatId: '15551110001@c.us' })
    expect(result?.message.isLidSender).toBeUndefined()
    expect(result?.person).toEqual({ phoneId: '15551110001@c.us', lidId: LID })
  })

  it('looks the phone up when the envelope has none', () => {
    const key = { remoteJid: '900009@lid', remoteJidAlt: undefined as unknown as string }
    expect(received({ conversation: 'x' }, { key })?.person).toEqual({
      phoneId: '15551110009@c.us',
      lidId: '900009@lid',
    })
  })

  it('keeps the lid where no phone is known, and says so', () => {
    const key = { remoteJid: LID, remoteJidAlt: undefined as unknown as string }
    expect(text('x', { key })).toMatchObject({
      from: LID,
      chatId: LID,
      isLidSender: true,
      contact: { id: LID },
    })
  })

  it('names the author in a group, by phone where it is known', () => {
    const key = { remoteJid: '1203@g.us', participant: '900001@lid', participantAlt: PHONE }
    expect(received({ conversation: 'x' }, { key })).toMatchObject({
      message: {
        chatId: '1203@g.us',
        from: '1203@g.us',
        author: '15551110001@c.us',
        isGroup: true,
        kind: 'group',
      },
      senderId: '15551110001@c.us',
      person: { phoneId: '15551110001@c.us', lidId: LID },
    })
  })

  it('turns direction and sender for own messages, and does not take the own lid for theirs', () => {
    const result = received({ conversation: 'x' }, { key: { fromMe: true, remoteJidAlt: '800001@lid' } })
    expect(result).toMatchObject({
      message: { from: ME, to: '15551110001@c.us', chatId: '15551110001@c.us', fromMe: true },
      senderId: '',
      person: { phoneId: '15551110001@c.us', lidId: null },
    })
    expect(result?.message.contact).toBeUndefined()
  })

  it('knows status and channels', () => {
    const status = { remoteJid: 'status@broadcast', participant: PHONE }
    expect(text('x', { key: status })).toMatchObject({
      kind: 'status',
      isStatusBroadcast: true,
      chatId: 'status@broadcast',
    })
    expect(text('x', { key: { remoteJid: '12@newsletter' } })).toMatchObject({
      kind: 'channel',
      isGroup: false,
    })
  })

  it.each<[string, proto.IMessage, string, string]>([
    ['extended text', { extendedTextMessage: { text: 'e' } }, 'text', 'e'],
    ['ephemeral', { ephemeralMessage: { message: { conversation: 'e' } } }, 'text', 'e'],
    ['view once', { viewOnceMessageV2: { message: { imageMessage: { caption: 'v' } } } }, 'image', 'v'],
    ['picture', { imageMessage: { caption: 'c' } }, 'image', 'c'],
    ['picture without words', { imageMessage: {} }, 'image', ''],
    ['audio', { audioMessage: {} }, 'audio', ''],
    ['voice', { audioMessage: { ptt: true } }, 'voice', ''],
    [
      'document',
      { documentWithCaptionMessage: { message: { documentMessage: { caption: 'd' } } } },
      'document',
      'd',
    ],
    ['sticker', { stickerMessage: {} }, 'sticker', ''],
    ['location', { locationMessage: {} }, 'location', ''],
    ['contact', { contactMessage: { vcard: 'x' } }, 'contact', ''],
    ['poll', { pollCreationMessageV3: { name: 'q?' } }, 'poll', 'q?'],
    ['button', { buttonsResponseMessage: { selectedDisplayText: 'yes' } }, 'text', 'yes'],
    ['product', { productMessage: {} }, 'product', ''],
    ['something new', { newsletterAdminInviteMessage: {} }, 'unknown', ''],
    ['text with a sender key', { senderKeyDistributionMessage: {}, conversation: 'k' }, 'text', 'k'],
  ])('reads %s', (_name, content, type, body) => {
    expect(received(content)?.message).toMatchObject({ type, body })
  })

  it.each<[string, proto.IMessage | null]>([
    ['a stub', null],
    ['an empty content', {}],
    ['a protocol message', { protocolMessage: { type: proto.Message.ProtocolMessage.Type.REVOKE } }],
    ['an edit', { editedMessage: { message: { protocolMessage: {} } } }],
    ['a reaction', { reactionMessage: { text: '+' } }],
    ['a vote', { pollUpdateMessage: {} }],
    ['a sender key', { senderKeyDistributionMessage: {} }],
  ])('takes %s for no message', (_name, content) => expect(received(content)).toBeNull())

  it('reads quote, mentions and timer', () => {
    const contextInfo = {
      stanzaId: 'Q1',
      quotedMessage: { conversation: 'before' },
      mentionedJid: ['900009@lid', '15559990000@s.whatsapp.net'],
      expiration: 86_400,
    }
    expect(received({ extendedTextMessage: { text: 'x', contextInfo } })?.message).toMatchObject({
      quotedMessage: { id: 'Q1', body: 'before' },
      mentionedIds: ['15551110009@c.us', '15559990000@c.us'],
      ephemeralDuration: 86_400,
    })
  })

  it('keeps key and content for quoting', () => {
    const bytes = received({ conversation: 'hello' })?.proto ?? new Uint8Array()
    const { key, message } = proto.WebMessageInfo.decode(bytes)
    expect({ ...key }).toMatchObject({ remoteJid: PHONE, id: 'A1', fromMe: false })
    expect(message?.conversation).toBe('hello')
  })
})
