import { createHmac, timingSafeEqual } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { bodyOf, toJson } from './envelope.ts'
import { createSigner } from './sign.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const ENVELOPE = {
  event: 'message.received',
  timestamp: '2024-01-01T00:00:00.000Z',
  sessionId: 's',
  idempotencyKey: 'k',
  deliveryId: 'd',
}
const bodies: Record<string, unknown> = {
  ascii: { body: 'hello' },
  emoji: { body: '🦊👩‍👩‍👧‍👦 ёж' },
  'half surrogate pairs': { body: 'a\ud83d b\udc00' },
  'large integers': { n: Number.MAX_SAFE_INTEGER, big: 2n ** 70n },
  'line separators and NUL': { body: '\u2028\u2029\u0000"\\' },
  nothing: {},
}
const whsec = (key: string) => `whsec_${btoa(key)}`

describe('signatures', () => {
  it('are those of the vector that Standard Webhooks publishes', async () => {
    const { sign } = await createSigner(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])
    const headers = await sign('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, bytes('{"test": 2432232314}'))
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it.each(Object.entries(bodies))('verify by other code over the bytes sent: %s', async (_name, data) => {
    const body = bytes(bodyOf(ENVELOPE, toJson(data)))
    const now = Math.floor(Date.now() / 1_000)
    for (const secret of [whsec('a key of twenty-four bytes'), 'a plain secret of OpenWA']) {
      const headers = await (await createSigner([secret])).sign('evt_1', now, body)
      const received = Buffer.from(body)
      const verifier = secret.startsWith('whsec_')
        ? new Webhook(secret)
        : new Webhook(secret, { format: 'raw' })
      const presented = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(now), ...headers }
      expect(verifier.verify(received, presented)).toMatchObject({ event: 'message.received' })
      const openwa = `sha256=${createHmac('sha256', secret).update(received).digest('hex')}`
      expect(timingSafeEqual(Buffer.from(openwa), Buffer.from(headers['X-OpenWA-Signature'] ?? ''))).toBe(
        true,
      )
      expect(() => verifier.verify(Buffer.concat([received, Buffer.from(' ')]), presented)).toThrow()
    }
  })

  it('are made with both secrets during a rotation, and none without a secret', async () => {
    const [current, previous] = [whsec('the new key of 24 bytes.'), whsec('the old key of 24 bytes.')]
    const now = Math.floor(Date.now() / 1_000)
    const headers = await (await createSigner([current, previous])).sign('evt_1', now, bytes('{}'))
    const presented = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(now), ...headers }
    for (const secret of [current, previous]) expect(new Webhook(secret).verify('{}', presented)).toEqual({})
    expect(() => new Webhook(whsec('another key of 24 bytes.')).verify('{}', presented)).toThrow()
    expect(await (await createSigner([])).sign('evt_1', now, bytes('{}'))).toEqual({})
  })
})
