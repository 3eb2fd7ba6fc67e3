import type { Context } from 'hono'
import { expect, it } from 'vitest'
import { createClientIp } from './client-ip.ts'

const ipOf = (trustedProxies: string[], peer: string | undefined, forwarded?: string) => {
  const headers = new Headers(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded })
  const c = { req: { raw: { headers } } } as Context
  return createClientIp({ peer: () => peer, trustedProxies })(c)
}

it.each<[string, string[], string | undefined, string | undefined, string]>([
  ['nobody is trusted', [], '192.0.2.1', '203.0.113.7', '192.0.2.1'],
  ['the peer is not trusted', ['10.0.0.0/8'], '192.0.2.1', '203.0.113.7', '192.0.2.1'],
  ['the proxy is trusted', ['10.0.0.0/8'], '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['in its IPv6 spelling too', ['10.0.0.0/8'], '::ffff:10.0.0.1', '203.0.113.7', '203.0.113.7'],
  [
    'only the rightmost stranger counts',
    ['10.0.0.0/8'],
    '10.0.0.1',
    '1.1.1.1, 203.0.113.7, 10.0.0.2',
    '203.0.113.7',
  ],
  ['all are proxies', ['10.0.0.0/8'], '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['there is no header', ['10.0.0.0/8'], '10.0.0.1', undefined, '10.0.0.1'],
  ['junk ends the search', ['10.0.0.0/8'], '10.0.0.1', '203.0.113.7, junk', '10.0.0.1'],
  ['ports are dropped', ['10.0.0.0/8'], '10.0.0.1', '203.0.113.7:443', '203.0.113.7'],
  ['also from IPv6', ['10.0.0.0/8'], '10.0.0.1', '[2001:db8::1]:443', '2001:db8::1'],
  ['the runtime does not tell', ['10.0.0.0/8'], undefined, '203.0.113.7', 'unknown'],
])('%s', (_name, trusted, peer, forwarded, address) => {
  expect(ipOf(trusted, peer, forwarded)).toBe(address)
})
