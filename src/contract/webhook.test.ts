import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { CreateWebhook, Replay, UpdateWebhook, WebhookFilters } from './webhook.ts'

const URL = 'https://a.example/hook'

describe('CreateWebhook', () => {
  it('fills in what OpenWA fills in', () => {
    expect(v.parse(CreateWebhook, { url: URL })).toEqual({
      url: URL,
      events: ['message.received'],
      headers: {},
      filters: null,
      retryCount: null,
      ordered: true,
    })
  })

  it.each<[string, object]>([
    ['another scheme', { url: 'ftp://a.example/' }],
    ['credentials', { url: 'https://user:pass@a.example/' }],
    ['empty credentials', { url: 'https://@a.example/' }],
    ['a long URL', { url: `${URL}/${'x'.repeat(2_048)}` }],
    ['no events', { url: URL, events: [] }],
    ['an unknown event', { url: URL, events: ['message.receive'] }],
    ['a short secret', { url: URL, secret: 'x'.repeat(15) }],
    ['a long secret', { url: URL, secret: 'x'.repeat(256) }],
    ['a secret that is no base64', { url: URL, secret: 'whsec_not base64 at all' }],
    ['a secret with wrong padding', { url: URL, secret: 'whsec_AAAAAAAAAAAAA' }],
    ['a secret without a key', { url: URL, secret: 'whsec_' }],
    ['too many tries', { url: URL, retryCount: 6 }],
    ['an unknown property', { url: URL, active: true }],
    ['a header twice', { url: URL, headers: { 'X-A': '1', 'x-a': '2' } }],
    ['a split header', { url: URL, headers: { 'X-A': 'a\r\nX-B: b' } }],
    ['a header name with a colon', { url: URL, headers: { 'X-A:': '1' } }],
    ['a header beyond latin-1', { url: URL, headers: { 'X-A': '€' } }],
    ['a long header', { url: URL, headers: { 'X-A': 'a'.repeat(1_025) } }],
    ['the signature', { url: URL, headers: { 'Webhook-Signature': 'v1,x' } }],
    ['the host', { url: URL, headers: { Host: 'x' } }],
    [
      '51 headers',
      { url: URL, headers: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`x-${i}`, '1'])) },
    ],
  ])('refuses %s', (_name, input) => expect(v.safeParse(CreateWebhook, input).success).toBe(false))

  it.each<object>([
    { url: 'http://localhost:8080/x' },
    {
      url: URL,
      events: ['*'],
      secret: 'x'.repeat(16),
      headers: { Authorization: 'Bearer x', 'Content-Type': 'y' },
    },
    { url: URL, secret: `whsec_${btoa('x'.repeat(24))}`, retryCount: 0, ordered: false },
  ])('takes %j', input => expect(v.safeParse(CreateWebhook, input).success).toBe(true))
})

describe('the others', () => {
  it('let an update clear the secret and the filters, and nothing else be null', () => {
    expect(v.safeParse(UpdateWebhook, { secret: '', filters: null }).success).toBe(true)
    expect(v.safeParse(UpdateWebhook, { url: null }).success).toBe(false)
    expect(v.safeParse(UpdateWebhook, { secret: 'short' }).success).toBe(false)
  })

  it('hold a filter to its field', () => {
    const filter = (condition: object) => v.safeParse(WebhookFilters, { conditions: [condition] }).success
    expect(filter({ field: 'body', operator: 'contains', value: 'x' })).toBe(true)
    expect(filter({ field: 'isGroup', operator: 'is', value: true })).toBe(true)
    expect(filter({ field: 'isGroup', operator: 'is', value: 'true' })).toBe(false)
    expect(filter({ field: 'isGroup', operator: 'contains', value: true })).toBe(false)
    expect(filter({ field: 'body', operator: 'is', value: true })).toBe(false)
    expect(filter({ field: 'constructor', operator: 'is', value: 'x' })).toBe(false)
    const many = { conditions: Array(21).fill({ field: 'body', operator: 'is', value: 'x' }) }
    expect(v.safeParse(WebhookFilters, many).success).toBe(false)
  })

  it('do not replay everything by an empty request', () => {
    expect(v.safeParse(Replay, {}).success).toBe(false)
    expect(v.safeParse(Replay, { status: 'dead' }).success).toBe(false)
    expect(v.safeParse(Replay, { since: '2024-01-01T00:00:00Z' }).success).toBe(true)
    expect(v.safeParse(Replay, { since: 'yesterday' }).success).toBe(false)
  })
})
