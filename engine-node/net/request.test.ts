import { describe, expect, it } from 'vitest'
import { parseRequest } from './request.ts'

const least = { url: 'https://a.example/', hosts: 'any-public', timeoutMs: 1_000, maxBytes: 10 }

describe('a request', () => {
  it('has what it does not say filled in, and its headers in lower case', () => {
    expect(parseRequest({ ...least, body: undefined, method: undefined })).toMatchObject({
      ...least,
      method: 'GET',
      headers: { 'accept-encoding': 'identity' },
      httpsOnly: false,
      redirects: 0,
      sha256: false,
    })
    const given = { ...least, method: 'POST', body: 'x', hosts: ['a.example'], keep: 'w', redirects: 5 }
    expect(parseRequest({ ...given, headers: { 'X-A': '1' } })).toMatchObject({
      ...given,
      headers: { 'x-a': '1' },
    })
    expect(parseRequest({ ...least, headers: [['X-A', '1']] }).headers).toEqual({
      'x-a': '1',
      'accept-encoding': 'identity',
    })
    const asked = { ...least, headers: { 'Accept-Encoding': 'br' } }
    expect(parseRequest(asked).headers).toEqual({ 'accept-encoding': 'br' })
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'https://a.example/'],
    ['a URL that is none', { ...least, url: new URL(least.url) }],
    ['no URL', { ...least, url: undefined }],
    ['a method that is not known', { ...least, method: 'CONNECT' }],
    ['a method in small letters', { ...least, method: 'get' }],
    ['a field that is not known', { ...least, proxy: 'http://b.example/' }],
    ['no list of hosts', { ...least, hosts: undefined }],
    ['a list of others', { ...least, hosts: [1] }],
    ['another word for hosts', { ...least, hosts: 'any' }],
    ['a flag as a text', { ...least, httpsOnly: 'true' }],
    ['too many redirects', { ...least, redirects: 6 }],
    ['half a redirect', { ...least, redirects: 0.5 }],
    ['no time', { ...least, timeoutMs: 0 }],
    ['time without end', { ...least, timeoutMs: Number.POSITIVE_INFINITY }],
    ['time that is no number', { ...least, timeoutMs: Number.NaN }],
    ['a negative size', { ...least, maxBytes: -1 }],
    ['a size beyond what is held in memory', { ...least, maxBytes: 65 * 1024 * 1024 }],
    ['a size beyond all', { ...least, maxBytes: 3 * 1024 ** 3, sink: async () => {} }],
    ['a body of a GET', { ...least, body: '' }],
    ['a body that is no text', { ...least, method: 'POST', body: {} }],
    ['a signal that is none', { ...least, signal: { aborted: false } }],
    ['a sink that is kept', { ...least, keep: 'w', sink: async () => {} }],
    ['headers that are none', { ...least, headers: 'a: b' }],
    ['a header without a value', { ...least, headers: [['a']] }],
    ['a header in three parts', { ...least, headers: [['a', 'b', 'c']] }],
    ['a header that is no pair', { ...least, headers: ['ab'] }],
    ['a name with a line break', { ...least, headers: { 'a\r\nb': 'c' } }],
    ['a name without a letter', { ...least, headers: { '': 'c' } }],
    ['a value with a line break', { ...least, headers: { a: 'b\r\nc: d' } }],
    ['a value that is a number', { ...least, headers: { a: 1 } }],
    ['a value that is a list', { ...least, headers: { a: ['b'] } }],
    ['a header of the gateway', { ...least, headers: { Host: 'b.example' } }],
    ['a header twice', { ...least, headers: { a: '1', A: '2' } }],
    ['headers that are too many', { ...least, headers: Array.from({ length: 65 }, (_, n) => [`h${n}`, '']) }],
    ['headers that are too long', { ...least, headers: { a: 'x'.repeat(16 * 1024) } }],
  ])('is refused with %s', (_, input) => {
    expect(() => parseRequest(input)).toThrow(
      expect.objectContaining({ code: 'invalid_input', certain: true, details: { stage: 'request' } }),
    )
  })
})
