import { describe, expect, it } from 'vitest'
import { bodyOf, headersOf, toJson, withoutLargeMedia } from './envelope.ts'

const ENVELOPE = {
  event: 'message.received',
  timestamp: '2024-01-01T00:00:00.000Z',
  sessionId: 's',
  idempotencyKey: 'msg_ü_1',
  deliveryId: 'dlv_1',
}
const FACTS = { eventId: 'evt_1', attempts: 2, timestamp: 1_700_000_000 }

describe('bodyOf', () => {
  it('has six keys in the order of OpenWA, and the data as it is stored', () => {
    const text = bodyOf(ENVELOPE, '{"n":12345678901234567890,"s":"\\ud83d"}')
    expect(Object.keys(JSON.parse(text))).toEqual([
      'event',
      'timestamp',
      'sessionId',
      'idempotencyKey',
      'deliveryId',
      'data',
    ])
    expect(text).toContain('"n":12345678901234567890')
    expect(text.isWellFormed()).toBe(true)
  })
})

describe('toJson', () => {
  it('writes what JSON does not know as text', () => {
    expect(toJson({ a: 2n ** 64n, b: undefined })).toBe('{"a":"18446744073709551616"}')
    expect(toJson({ a: '\ud83d' }).isWellFormed()).toBe(true)
  })
})

describe('headersOf', () => {
  it('adds those of the webhook, but none that is the gateway’s', () => {
    const custom = {
      Authorization: 'Bearer x',
      'X-Custom': '1',
      'content-TYPE': 'text/html',
      'Content-Length': '3',
      'X-OpenWA-Signature': 'sha256=00',
      'Webhook-Signature': 'v1,x',
      Host: 'evil',
      TE: 'trailers',
    }
    expect(headersOf(ENVELOPE, { ...FACTS, custom })).toEqual({
      Authorization: 'Bearer x',
      'X-Custom': '1',
      'Content-Type': 'application/json',
      'User-Agent': 'OpenWA-Webhook/1.0.0',
      'X-OpenWA-Event': 'message.received',
      'X-OpenWA-Idempotency-Key': 'msg_?_1',
      'X-OpenWA-Delivery-Id': 'dlv_1',
      'X-OpenWA-Retry-Count': '2',
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1700000000',
    })
  })
})

describe('withoutLargeMedia', () => {
  it.each([
    ['AAAA', 3, false],
    ['AAAA', 2, true],
    ['AAA=', 2, false],
    ['AA==', 1, false],
    ['AA==', 0, true],
  ])('%s with a cap of %i', (data, cap, omitted) => {
    const given = { id: 'M', media: { mimetype: 'image/png', filename: 'a', data } }
    const { media } = withoutLargeMedia(given, cap)
    expect('omitted' in media).toBe(omitted)
    if (omitted) expect(media).toMatchObject({ mimetype: 'image/png', filename: 'a', omitted: true })
    expect('data' in media).toBe(!omitted)
  })

  it('leaves what has no media as it is', () => {
    for (const data of [{}, { media: null }, { media: { mimetype: 'x', omitted: true } }])
      expect(withoutLargeMedia(data, 0)).toBe(data)
  })
})
