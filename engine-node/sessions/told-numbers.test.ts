// What strangers write as numbers, through the wire and through each reader.
import { proto, type WAMessage } from 'baileys'
import { describe, expect, it } from 'vitest'
import { createCalls } from './calls.ts'
import { toReceived } from './incoming.ts'
import { toChange } from './incoming-change.ts'
import { createAddressBook } from './people.ts'
import { finiteOf, momentOf, secondsOf, sentAt, wholeOf } from './told-numbers.ts'

const SECONDS = 1_700_000_000
const NOW = SECONDS * 1000
const DAY = 86_400_000
const book = createAddressBook(() => null)
const to = { me: { phoneId: '1@c.us', lidId: null }, book }
const given = (message: proto.IMessage, messageTimestamp: number = SECONDS): WAMessage => ({
  key: { remoteJid: '2@s.whatsapp.net', fromMe: false, id: 'A' },
  message: proto.Message.decode(proto.Message.encode(message).finish()),
  messageTimestamp,
})

describe('a number of a stranger', () => {
  it.each([
    [undefined, NOW],
    [0, NOW],
    [-5, NOW],
    [Number.NaN, NOW],
    [5_000, 5_000],
    [NOW + DAY, NOW + DAY],
    [NOW + DAY + 1, NOW],
    [9_000_000_000_000_000, NOW],
    [2 ** 62, NOW],
  ])('is a moment only within a day of the envelope: %s', (told, at) => {
    expect(momentOf(told, NOW)).toBe(at)
    const key = { id: 'T' }
    const senderTimestampMs = told ?? null
    if (!Number.isNaN(told))
      expect(toChange(given({ reactionMessage: { key, text: 'x', senderTimestampMs } }), to)?.at).toBe(at)
  })

  it.each([
    [Number.NaN, 0],
    [-1, 0],
    [2 ** 60, 0],
    [253_402_300_800, 0],
    [253_402_300_799, 253_402_300_799],
  ])('is a time of sending only where it is a date: %s', (told, seconds) => {
    expect(sentAt(told)).toBe(seconds)
    expect(toReceived(given({ conversation: 'x' }, told), to)?.message.timestamp).toBe(seconds)
    const calls = createCalls({
      ...{ sessionId: 's', book, autoReject: () => false, rejectCall: async () => {}, onError() {} },
    })
    const call = { id: 'C', chatId: '2@lid', from: '2@lid', status: 'offer' as const, offline: false }
    expect(calls.hear([{ ...call, date: new Date(told * 1000) }])).toMatchObject([
      { data: { timestamp: seconds } },
    ])
  })

  it.each([
    [2 ** 60, null],
    [2 ** 53, null],
    [2 ** 53 - 1, 2 ** 53 - 1],
    [0, 0],
  ])('is a size only where a column and JSON hold it: %s', (fileLength, bytes) => {
    expect(wholeOf(fileLength)).toBe(bytes)
    const file = { mediaKey: Buffer.alloc(32), fileSha256: Buffer.alloc(32), directPath: '/a', fileLength }
    const received = toReceived(given({ imageMessage: file }), to)
    expect(received?.media?.bytes).toBe(bytes)
    expect(received?.message.media?.sizeBytes).toBe(bytes ?? undefined)
  })

  it.each([
    [Number.NaN, 1],
    [1, Number.POSITIVE_INFINITY],
  ])('is a place only where there is one: %s %s', (degreesLatitude, degreesLongitude) => {
    const message = { locationMessage: { degreesLatitude, degreesLongitude } }
    expect(toReceived(given(message), to)?.message).not.toHaveProperty('location')
    expect([finiteOf(degreesLatitude), finiteOf(degreesLongitude)]).toContain(null)
  })

  it('may be left out', () => {
    expect([wholeOf(null), secondsOf(null), finiteOf(undefined)]).toEqual([null, 0, null])
  })
})
