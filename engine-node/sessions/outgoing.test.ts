import { proto } from 'baileys'
import { describe, expect, it } from 'vitest'
import { compose, readProto } from './outgoing.ts'

const composeText = (
  { text, ...rest }: { chatId: string; text: string; mentions?: string[]; quoted?: Uint8Array },
  given: typeof by,
) => compose({ ...rest, content: { kind: 'text', text } }, given)
const by = { meJid: '15550000001:3@s.whatsapp.net', now: 1_700_000_000_500 }

describe('outgoing', () => {
  it('composes a text with an id of its own', () => {
    const one = composeText({ chatId: '15551110001@c.us', text: 'see https://example.com/x' }, by)
    const two = composeText({ chatId: '15551110001@c.us', text: 'see' }, by)
    expect(one.waMessageId).not.toBe(two.waMessageId)
    expect(one.timestamp).toBe(1_700_000_000)
    const { key, message } = readProto(one.proto)
    expect(key).toMatchObject({ remoteJid: '15551110001@s.whatsapp.net', fromMe: true, id: one.waMessageId })
    expect(message?.extendedTextMessage?.text).toBe('see https://example.com/x')
  })

  it('mentions people by jid', () => {
    const { proto: bytes } = composeText(
      { chatId: '1@g.us', text: '@1', mentions: ['15551110001@c.us', '9@lid'] },
      by,
    )
    expect(readProto(bytes).message?.extendedTextMessage?.contextInfo?.mentionedJid).toEqual([
      '15551110001@s.whatsapp.net',
      '9@lid',
    ])
  })

  it('quotes what a row holds, with its author', () => {
    const quoted = proto.WebMessageInfo.encode({
      key: { remoteJid: '1@g.us', participant: '9@lid', id: 'Q1', fromMe: false },
      message: { conversation: 'before' },
    }).finish()
    const { proto: bytes } = composeText({ chatId: '1@g.us', text: 'after', quoted }, by)
    expect(readProto(bytes).message?.extendedTextMessage?.contextInfo).toMatchObject({
      stanzaId: 'Q1',
      participant: '9@lid',
      quotedMessage: { conversation: 'before' },
    })
  })

  it('quotes an own message as from this account', () => {
    const quoted = composeText({ chatId: '15551110001@c.us', text: 'mine' }, by).proto
    const { proto: bytes } = composeText({ chatId: '15551110001@c.us', text: 'again', quoted }, by)
    expect(readProto(bytes).message?.extendedTextMessage?.contextInfo?.participant).toBe(
      '15550000001@s.whatsapp.net',
    )
  })
})
