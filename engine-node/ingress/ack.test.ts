import * as v from 'valibot'
import { expect, it } from 'vitest'
import { heldAckHeaders, IngressRoute } from '../../src/contract/ingress.ts'
import { renderAck } from './ack.ts'

const ackOf = (ack: Record<string, unknown>) =>
  v.parse(IngressRoute, { route: 'r', signature: { scheme: 'none' }, response: { ack } }).response?.ack
const values = { rawBody: '{"$&":"{id}"}', timestamp: 1_700_000_000, id: 'd1' }
const plain = 'text/plain; charset=utf-8'

it('is 202 where the route says nothing', () => {
  expect(renderAck(undefined, values)).toEqual({
    status: 202,
    headers: { 'content-type': plain },
    body: 'accepted',
  })
})

it('fills in its tokens, once', () => {
  const ack = ackOf({ status: 200, body: '{id} {id} {timestamp} {rawBody} {other}' })
  expect(renderAck(ack, values).body).toBe('d1 d1 1700000000 {"$&":"{id}"} {other}')
})

it.each([
  ['application/json', 'application/json'],
  ['application/json; charset=utf-8', 'application/json; charset=utf-8'],
  ['Text/Plain; charset="UTF-8"', 'Text/Plain; charset="UTF-8"'],
  ['text/html', plain],
  ['image/svg+xml', plain],
  ['application/json; charset=utf-7', plain],
  ['application/json, text/html', plain],
])('with the type %s is sent as %s', (declared, sent) => {
  expect(renderAck(ackOf({ headers: { 'Content-Type': declared } }), values).headers['content-type']).toBe(
    sent,
  )
})

it('leaves out the headers that are not the plugin’s to set', () => {
  const others = [
    'Access-Control-Allow-Origin',
    'Cache-Control',
    'Clear-Site-Data',
    'Connection',
    'Content-Encoding',
    'Content-Length',
    'Content-Security-Policy',
    'Link',
    'Location',
    'Refresh',
    'Retry-After',
    'Set-Cookie',
    'Strict-Transport-Security',
    'Transfer-Encoding',
    'Upgrade',
    'X-Accel-Redirect',
    'X-Content-Type-Options',
    'X-Frame-Options',
    'X-RateLimit-Limit-short',
    'X-Sendfile',
    ...heldAckHeaders.map(held => `${held}more`),
  ]
  const headers = Object.fromEntries(others.map(name => [name, 'x']))
  expect(renderAck(ackOf({ headers: { ...headers, 'X-Mine': 'y' } }), values).headers).toEqual({
    'content-type': plain,
    'x-mine': 'y',
  })
})

it('has no body where the status allows none', () => {
  expect(renderAck(ackOf({ status: 204, body: 'x' }), values)).toMatchObject({ status: 204, body: '' })
})
