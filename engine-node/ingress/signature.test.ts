import { createHmac } from 'node:crypto'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { IngressRoute, type IngressSignature } from '../../src/contract/ingress.ts'
import { credentialHeader, type SignedRequest, verifySignature } from './signature.ts'

const NOW = 1_700_000_000
const SECRET = 'a-secret-of-the-instance'
const BODY = '{"text":"Grüße 👋","n":12345678901234567890}'
const bytes = (text: string) => Buffer.from(text)

const specOf = (signature: Record<string, unknown>): IngressSignature =>
  v.parse(IngressRoute, { route: 'r', signature }).signature

const request = (headers: Record<string, string>, more: Partial<SignedRequest> = {}): SignedRequest => ({
  rawBody: bytes(BODY),
  headers,
  instanceId: 'main',
  secret: SECRET,
  now: NOW * 1000,
  tolerance: { fallback: 300, max: 7 * 86_400 },
  ...more,
})

const mac = (content: string, encoding: 'hex' | 'base64', key: string | Buffer = SECRET) =>
  createHmac('sha256', key).update(content).digest(encoding)

describe('hmac-sha256', () => {
  const plain = specOf({ scheme: 'hmac-sha256', header: 'X-Hub-Signature-256', prefix: 'sha256=' })
  const timed = specOf({
    scheme: 'hmac-sha256',
    header: 'X-Sig',
    prefix: 'v0=',
    contentTemplate: 'v0:{timestamp}:{rawBody}:{id}',
    timestampHeader: 'X-Time',
  })
  const base64 = specOf({ scheme: 'hmac-sha256', header: 'x-sig', encoding: 'base64' })
  const good = mac(BODY, 'hex')
  const timedMac = (time: string) => `v0=${mac(`v0:${time}:${BODY}:main`, 'hex')}`

  it.each([
    ['with its prefix', plain, { 'x-hub-signature-256': `sha256=${good}` }],
    ['in capital hex', plain, { 'x-hub-signature-256': `sha256=${good.toUpperCase()}` }],
    ['in base64', base64, { 'x-sig': mac(BODY, 'base64') }],
    ['over time and id', timed, { 'x-sig': timedMac(`${NOW}`), 'x-time': `${NOW}` }],
    ['at the edge of the past', timed, { 'x-sig': timedMac(`${NOW - 300}`), 'x-time': `${NOW - 300}` }],
    ['at the edge of the future', timed, { 'x-sig': timedMac(`${NOW + 300}`), 'x-time': `${NOW + 300}` }],
  ])('accepts a signature %s', (_, spec, headers) => {
    expect(verifySignature(spec, request(headers))).toEqual({ ok: true })
  })

  it('signs the body as it is, whatever tokens and dollars it holds', () => {
    const body = '$& $1 {timestamp} {id}'
    const headers = { 'x-hub-signature-256': `sha256=${mac(body, 'hex')}` }
    expect(verifySignature(plain, request(headers, { rawBody: bytes(body) })).ok).toBe(true)
    const binary = Buffer.of(0xff, 0xfe, 0x00)
    const signed = {
      'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(binary).digest('hex')}`,
    }
    expect(verifySignature(plain, request(signed, { rawBody: binary })).ok).toBe(true)
  })

  const reserialised = mac(JSON.stringify(JSON.parse(BODY)), 'hex')
  it.each<readonly [string, IngressSignature, Record<string, string>]>([
    ['no header', plain, {}],
    ['an empty header', plain, { 'x-hub-signature-256': '' }],
    ['no prefix', plain, { 'x-hub-signature-256': good }],
    ['only the prefix', plain, { 'x-hub-signature-256': 'sha256=' }],
    [
      'SHA-1',
      plain,
      { 'x-hub-signature-256': `sha1=${createHmac('sha1', SECRET).update(BODY).digest('hex')}` },
    ],
    [
      'SHA-1 under the right prefix',
      plain,
      { 'x-hub-signature-256': `sha256=${createHmac('sha1', SECRET).update(BODY).digest('hex')}` },
    ],
    ['one character less', plain, { 'x-hub-signature-256': `sha256=${good.slice(1)}` }],
    ['one byte less', plain, { 'x-hub-signature-256': `sha256=${good.slice(2)}` }],
    ['one byte more', plain, { 'x-hub-signature-256': `sha256=${good}00` }],
    ['two in one header', plain, { 'x-hub-signature-256': `sha256=${good},sha256=${good}` }],
    ['space around', plain, { 'x-hub-signature-256': `sha256= ${good}` }],
    ['the JSON written again', plain, { 'x-hub-signature-256': `sha256=${reserialised}` }],
    ['another secret', plain, { 'x-hub-signature-256': `sha256=${mac(BODY, 'hex', 'a-secret-of-another')}` }],
    [
      'url-safe base64',
      base64,
      { 'x-sig': mac(BODY, 'base64').replaceAll('+', '-').replaceAll('/', '_').replace('=', '') },
    ],
    ['hex for base64', base64, { 'x-sig': good }],
    ['a Stripe header', plain, { 'x-hub-signature-256': `t=${NOW},v1=${good},v1=${good}` }],
    ['time 301 s back', timed, { 'x-sig': timedMac(`${NOW - 301}`), 'x-time': `${NOW - 301}` }],
    ['time 301 s ahead', timed, { 'x-sig': timedMac(`${NOW + 301}`), 'x-time': `${NOW + 301}` }],
    ['no time', timed, { 'x-sig': timedMac('') }],
    ['another time than signed', timed, { 'x-sig': timedMac(`${NOW}`), 'x-time': `${NOW - 1}` }],
    ...['NaN', `${NOW}.5`, '1e20', '-1', ` ${NOW}`, `${NOW}x`, '0x6553f100'].map(
      time => [`time ${time}`, timed, { 'x-sig': timedMac(time), 'x-time': time }] as const,
    ),
  ])('refuses %s', (_, spec, headers) => {
    expect(verifySignature(spec, request(headers)).ok).toBe(false)
  })

  it('refuses the signature of another instance', () => {
    const headers = { 'x-sig': timedMac(`${NOW}`), 'x-time': `${NOW}` }
    expect(verifySignature(timed, request(headers, { instanceId: 'other' })).ok).toBe(false)
  })

  it('refuses everything where the secret is empty', () => {
    const headers = { 'x-hub-signature-256': `sha256=${mac(BODY, 'hex', '')}` }
    expect(verifySignature(plain, request(headers, { secret: '' })).ok).toBe(false)
  })

  it('takes the tolerance of the route, up to the most that replays are remembered for', () => {
    const wide = specOf({
      scheme: 'hmac-sha256',
      header: 'x-sig',
      timestampHeader: 'x-time',
      toleranceSec: 1e9,
    })
    const old = { 'x-sig': good, 'x-time': `${NOW - 8 * 86_400}` }
    expect(verifySignature(wide, request(old)).ok).toBe(false)
    expect(verifySignature(wide, request({ ...old, 'x-time': `${NOW - 6 * 86_400}` })).ok).toBe(true)
  })
})

describe('shared-secret', () => {
  const spec = specOf({ scheme: 'shared-secret', header: 'X-Token' })
  it.each([
    [SECRET, true],
    ['', false],
    [`${SECRET} `, false],
    [SECRET.slice(1), false],
    [SECRET.toUpperCase(), false],
  ])('judges %j', (token, ok) => {
    expect(verifySignature(spec, request({ 'x-token': token })).ok).toBe(ok)
  })
  it('refuses a route that names no header, and one without it', () => {
    expect(verifySignature(specOf({ scheme: 'shared-secret' }), request({ '': SECRET })).ok).toBe(false)
    expect(verifySignature(spec, request({})).ok).toBe(false)
  })
})

describe('standard-webhooks', () => {
  const spec = specOf({ scheme: 'standard-webhooks' })
  // The example of the specification.
  const key = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const known = {
    headers: {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
    body: '{"test": 2432232314}',
    now: 1_614_265_330_000,
  }
  const check = (change: Record<string, string> = {}, more: Partial<SignedRequest> = {}) =>
    verifySignature(
      spec,
      request(
        { ...known.headers, ...change },
        { rawBody: bytes(known.body), now: known.now, secret: `whsec_${key}`, ...more },
      ),
    ).ok
  const good = known.headers['webhook-signature']
  const signed = (id: string, time: string, body: string) =>
    `v1,${mac(`${id}.${time}.${body}`, 'base64', Buffer.from(key, 'base64'))}`

  it('accepts the known answer, whichever way the secret is written', () => {
    for (const secret of [`whsec_${key}`, `v1,whsec_${key}`, key]) expect(check({}, { secret })).toBe(true)
  })
  it('accepts one good signature among others', () => {
    expect(check({ 'webhook-signature': `v1,${'A'.repeat(43)}= ${good}` })).toBe(true)
    expect(check({ 'webhook-signature': `v1a,xyz ${good}` })).toBe(true)
  })
  it('looks at ten signatures and no more', () => {
    const junk = `v1,${'A'.repeat(43)}=`
    expect(check({ 'webhook-signature': [...Array(9).fill(junk), good].join(' ') })).toBe(true)
    expect(check({ 'webhook-signature': [...Array(10).fill(junk), good].join(' ') })).toBe(false)
    expect(check({ 'webhook-signature': [...Array(1_000).fill(junk), good].join(' ') })).toBe(false)
  })

  it.each([
    ['no id', { 'webhook-id': '' }],
    ['no timestamp', { 'webhook-timestamp': '' }],
    ['no signature', { 'webhook-signature': '' }],
    ['a bare signature', { 'webhook-signature': good.slice(3) }],
    ['another version', { 'webhook-signature': good.replace('v1', 'v1a') }],
    ['a later version', { 'webhook-signature': good.replace('v1', 'v2') }],
    ['commas for spaces', { 'webhook-signature': `v1,xx,${good}` }],
    ['what is not base64', { 'webhook-signature': 'v1,!!!!' }],
    ['url-safe base64', { 'webhook-signature': good.replaceAll('+', '-').replaceAll('/', '_') }],
    ['bits behind the last byte', { 'webhook-signature': good.replace('OE=', 'OF=') }],
    ['no padding', { 'webhook-signature': good.replace('=', '') }],
    ['another length', { 'webhook-signature': `v1,${Buffer.from('short').toString('base64')}` }],
    ['another id', { 'webhook-id': 'msg_other' }],
    ['another timestamp', { 'webhook-timestamp': '1614265331' }],
    ['a timestamp with a fraction', { 'webhook-timestamp': '1614265330.0' }],
  ])('refuses %s', (_, change) => {
    expect(check(change)).toBe(false)
  })

  it.each([-301, 301])('refuses what is %i s away', seconds => {
    const time = `${1_614_265_330 + seconds}`
    expect(
      check({
        'webhook-timestamp': time,
        'webhook-signature': signed('m', time, known.body),
        'webhook-id': 'm',
      }),
    ).toBe(false)
  })
  it('refuses a dot that moved: part of a signed body is no timestamp', () => {
    const [first, second] = ['1614265330', '1614265331']
    const signature = signed('msg', first, `${second}.{"a":1}`)
    const original = { 'webhook-id': 'msg', 'webhook-timestamp': first, 'webhook-signature': signature }
    expect(check(original, { rawBody: bytes(`${second}.{"a":1}`) })).toBe(true)
    expect(
      check(
        { ...original, 'webhook-id': `msg.${first}`, 'webhook-timestamp': second },
        { rawBody: bytes('{"a":1}') },
      ),
    ).toBe(false)
  })
  it.each([
    ['wrong padding', `whsec_${key}=`],
    ['nothing behind the prefix', 'v1,whsec_'],
    ['what is not base64', 'whsec_not base64 at all'],
    ['another endpoint', `whsec_${Buffer.from('another key of 24 bytes!').toString('base64')}`],
    ['nothing', ''],
  ])('refuses with a secret of %s', (_, secret) => {
    expect(check({}, { secret })).toBe(false)
  })
  it('refuses the body written again', () => {
    expect(check({}, { rawBody: bytes('{"test":2432232314}') })).toBe(false)
  })
})

it('names the header that authenticates', () => {
  expect(credentialHeader(specOf({ scheme: 'hmac-sha256', header: 'X-Sig' }))).toBe('x-sig')
  expect(credentialHeader(specOf({ scheme: 'standard-webhooks' }))).toBe('webhook-signature')
  expect(credentialHeader(specOf({ scheme: 'none' }))).toBe(null)
})
