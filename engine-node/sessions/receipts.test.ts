import { proto } from 'baileys'
import { describe, expect, it } from 'vitest'
import { ackOf, playedOf, receiptsOf, statusesOf } from './receipts.ts'

const chat = '1@s.whatsapp.net'
const key = { id: 'A1', fromMe: true, remoteJid: chat }

describe('receipts', () => {
  it.each([
    ['DELIVERY_ACK', 'delivered'],
    ['READ', 'read'],
    ['PLAYED', 'played'],
  ] as const)('reads %s as %s', (name, status) => {
    const update = { status: proto.WebMessageInfo.Status[name] }
    expect(statusesOf([{ key, update }])).toEqual([{ waMessageId: 'A1', chat, status }])
  })

  it('leaves out what is not of own messages or not a receipt', () => {
    const update = { status: proto.WebMessageInfo.Status.READ }
    expect(statusesOf([{ key: { ...key, fromMe: false }, update }])).toEqual([])
    expect(statusesOf([{ key, update: { message: {} } }])).toEqual([])
    expect(statusesOf([{ key, update: { status: proto.WebMessageInfo.Status.ERROR } }])).toEqual([])
  })

  it('reads the receipts of group members', () => {
    expect(receiptsOf([{ key, receipt: { userJid: '2', receiptTimestamp: 1 } }])).toEqual([
      { waMessageId: 'A1', chat, status: 'delivered' },
    ])
    expect(receiptsOf([{ key, receipt: { userJid: '2', readTimestamp: 1 } }])).toEqual([
      { waMessageId: 'A1', chat, status: 'read' },
    ])
  })

  it('reads who has played a voice note of ours in a group', () => {
    const attrs = { id: 'A1', from: '1@g.us', participant: '2@lid', type: 'played' }
    const items = [{ tag: 'item', attrs: { id: 'A2' } }]
    expect(
      playedOf({ tag: 'receipt', attrs, content: [{ tag: 'list', attrs: {}, content: items }] }),
    ).toEqual([
      { waMessageId: 'A1', chat: '1@g.us', status: 'played' },
      { waMessageId: 'A2', chat: '1@g.us', status: 'played' },
    ])
    // Told by Baileys, and one of ours.
    expect(playedOf({ tag: 'receipt', attrs: { id: 'A1', from: '2@s.whatsapp.net' } })).toEqual([])
    expect(playedOf({ tag: 'receipt', attrs: { id: 'A1', from: '1@g.us' } })).toEqual([])
  })

  it('reads acks and nacks', () => {
    const attrs = { id: 'A1', from: chat }
    expect(ackOf({ tag: 'ack', attrs })).toEqual([{ waMessageId: 'A1', chat, status: 'sent' }])
    expect(ackOf({ tag: 'ack', attrs: { ...attrs, error: '463' } })).toEqual([
      { waMessageId: 'A1', chat, status: 'failed', error: '463' },
    ])
    expect(ackOf({ tag: 'ack', attrs: {} })).toEqual([])
  })
})
