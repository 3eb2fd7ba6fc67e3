import { createHash, createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MAX_INGRESS_BODY_BYTES } from '../../src/contract/ingress.ts'
import { statement } from '../../src/db/db.ts'
import { plugins } from '../../src/db/schema.ts'
import { openIngress, SECRET, type TestIngress } from '../../test/support/ingress.ts'

let ingress: TestIngress
beforeEach(async () => {
  ingress = await openIngress()
  await ingress.provision()
})
afterEach(async () => {
  await ingress.now.dispatcher.idle()
  await ingress[Symbol.asyncDispose]()
})

const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const stored = async () => (await ingress.rows()).length
async function expectRefusal(
  answer: Promise<{ status: number; body: string }>,
  status: number,
  body: string,
) {
  const { status: given, body: text } = await answer
  expect([given, text]).toEqual([status, body])
  expect(await stored()).toBe(0)
}

describe('1 the limit per address', () => {
  it('counts an IPv6 network as one, tells how it stands, and answers JSON', async () => {
    await using narrow = await openIngress({ ipLimit: 2 })
    await narrow.provision()
    const first = await narrow.receive({ clientIp: '2001:db8:1:2::1', headers: { 'x-token': 'wrong' } })
    expect(first.headers).toMatchObject({
      'x-ratelimit-limit-ingress-ip': '2',
      'x-ratelimit-remaining-ingress-ip': '1',
      'x-ratelimit-reset-ingress-ip': '60',
    })
    await narrow.receive({ clientIp: '2001:db8:1:2::2', pluginId: 'nobody' })
    const third = await narrow.receive({ clientIp: '2001:db8:1:2:ffff::3' })
    expect(third.status).toBe(429)
    expect(third.headers).toMatchObject({ 'retry-after': '60', 'retry-after-ingress-ip': '60' })
    expect(JSON.parse(third.body)).toMatchObject({ statusCode: 429 })
    expect((await narrow.receive({ clientIp: '2001:db8:1:3::1' })).status).toBe(202)
    narrow.clock.advance(60_000)
    expect((await narrow.receive({ clientIp: '2001:db8:1:2::1' })).status).toBe(202)
    await narrow.now.dispatcher.idle()
  })
})

describe('2 the target', () => {
  it.each([
    ['another plugin', { pluginId: 'nobody' }, 'unknown instance'],
    ['another instance', { instanceId: 'other' }, 'unknown instance'],
    ['a path for an instance', { instanceId: '../main' }, 'unknown instance'],
    ['another route', { route: 'nowhere' }, 'unknown route'],
    ['a route of the prototype', { route: 'constructor' }, 'unknown route'],
    ['another case', { route: 'Chat' }, 'unknown route'],
  ])('is unknown: %s', async (_, request, body) => {
    await expectRefusal(ingress.receive(request), 404, body)
  })
  it('is unknown while its instance is disabled', async () => {
    await ingress.now.instances.update('desk', 'main', { enabled: false })
    await expectRefusal(ingress.receive(), 404, 'unknown instance')
  })
  it('is unknown while its plugin is disabled', async () => {
    await ingress.now.writer.commit([
      statement(ingress.now.db.update(plugins).set({ enabledByOperator: false })),
    ])
    await expectRefusal(ingress.receive(), 404, 'unknown instance')
  })
  it('is unknown when it is unsigned and the operator does not allow that any more', async () => {
    ingress.allowUnsigned(false)
    await expectRefusal(ingress.receive({ route: 'open' }), 404, 'unknown route')
  })
  it.each(['HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'post'])('does not know the method %s', async method => {
    await expectRefusal(ingress.receive({ method }), 405, 'method not allowed')
  })
})

describe('3 the challenge', () => {
  const ask = (query: Record<string, string>, method = 'GET') =>
    ingress.receive({ route: 'asked', method, body: '', query })
  beforeEach(() => ingress.provision({ instanceId: 'asked', verifyToken: 'verify-me' }))
  const asked = (query: Record<string, string>) =>
    ingress.receive({ instanceId: 'asked', route: 'asked', method: 'GET', body: '', query })

  it('is echoed as plain text for the right token', async () => {
    const answer = await asked({ 'hub.verify_token': 'verify-me', 'hub.challenge': '<b>1' })
    expect(answer).toMatchObject({
      status: 200,
      body: '<b>1',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
    expect(await stored()).toBe(0)
  })
  it.each([{}, { 'hub.verify_token': '' }, { 'hub.verify_token': 'verify-mE' }])(
    'fails for %j',
    async query => {
      await expectRefusal(asked(query), 403, 'challenge failed')
    },
  )
  it('fails where the instance has no token, also for an empty one', async () => {
    await expectRefusal(ask({ 'hub.verify_token': '' }), 403, 'challenge failed')
    await expectRefusal(ask({}), 403, 'challenge failed')
  })
})

describe('4 the body', () => {
  it.each([
    'text/plain',
    'application/xml',
    '',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-7',
    'application/jsonp',
  ])('is refused as %j', async type => {
    await expectRefusal(
      ingress.receive({ headers: { 'content-type': type } }),
      415,
      'unsupported ingress content type',
    )
  })
  it('is refused when it is compressed', async () => {
    await expectRefusal(
      ingress.receive({ headers: { 'content-encoding': 'gzip' } }),
      415,
      'unsupported ingress content type',
    )
  })
  it.each(['application/json', 'application/json; charset=UTF-8', 'Application/JSON;charset="utf-8"'])(
    'is taken as %s',
    async type => {
      expect((await ingress.receive({ headers: { 'content-type': type } })).status).toBe(202)
    },
  )
  it('is taken as a form', async () => {
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    expect((await ingress.receive({ ...form, body: 'a=1&b=%00' })).status).toBe(202)
    expect((await ingress.receive({ ...form, body: 'a=\u0000' })).status).toBe(400)
  })
  it('may be as long as the route says, counted in bytes', async () => {
    const of = (bytes: number) => `{"a":"${'ü'.repeat((bytes - 8) / 2)}"}`
    expect((await ingress.receive({ body: of(1_000) })).status).toBe(202)
    expect((await ingress.receive({ body: of(1_002) })).status).toBe(413)
  })
  it('may be no longer than the gateway takes, where the route does not say', async () => {
    const body = `"${'x'.repeat(MAX_INGRESS_BODY_BYTES - 1)}"`
    expect((await ingress.receive({ route: 'open', body })).status).toBe(413)
  })
  it('is judged by its signature before it is parsed', async () => {
    const wrong = { 'x-token': 'wrong' }
    await expectRefusal(ingress.receive({ body: '{', headers: wrong }), 401, 'signature verification failed')
    expect((await ingress.receive({ body: '{' })).status).toBe(400)
    expect(await stored()).toBe(0)
  })
  it.each(['{', '\ufeff{}', '{"a":1}x', '['.repeat(400)])(
    'is refused where it is no JSON: %j',
    async body => {
      expect((await ingress.receive({ body })).status).toBe(400)
      expect(await stored()).toBe(0)
    },
  )
  it('is refused where it is nested to cost time, before it is parsed', async () => {
    const parsed = vi.spyOn(JSON, 'parse')
    const body = '['.repeat(2_000) + ']'.repeat(2_000)
    try {
      expect((await ingress.receive({ route: 'open', body })).status).toBe(400)
      expect(parsed.mock.calls.filter(([text]) => text === body)).toEqual([])
    } finally {
      parsed.mockRestore()
    }
    expect(await stored()).toBe(0)
  })
  it('is refused where it is no text', async () => {
    const answer = await ingress.now.pipeline.receive({
      pluginId: 'desk',
      instanceId: 'main',
      route: 'chat',
      method: 'POST',
      query: {},
      clientIp: '203.0.113.7',
      headers: { 'content-type': 'application/json', 'x-token': SECRET },
      rawBody: Buffer.of(0x22, 0xff, 0x22).toString('base64'),
    })
    expect(answer.status).toBe(400)
  })
})

describe('5 the signature', () => {
  it.each(['', 'wrong', `${SECRET}x`, SECRET.slice(1)])('is refused: %j', async token => {
    await expectRefusal(
      ingress.receive({ headers: { 'x-token': token } }),
      401,
      'signature verification failed',
    )
  })
  it('of another instance is refused, and so is the old one once there is a new one', async () => {
    await ingress.provision({ instanceId: 'second', secret: 'secret-of-the-second' })
    await expectRefusal(ingress.receive({ instanceId: 'second' }), 401, 'signature verification failed')
    const { secret } = await ingress.now.instances.regenerateSecret('desk', 'main')
    await expectRefusal(ingress.receive(), 401, 'signature verification failed')
    expect((await ingress.receive({ headers: { 'x-token': secret } })).status).toBe(202)
  })
  it('is over the bytes on the wire', async () => {
    const body = '{"b":1,  "a":"\\u00fc"}'
    const manifest = {
      ingress: [
        {
          route: 'signed',
          signature: {
            scheme: 'hmac-sha256',
            header: 'X-Sig',
            prefix: 'sha256=',
            contentTemplate: '{timestamp}.{rawBody}',
            timestampHeader: 'X-Time',
          },
        },
      ],
    }
    await ingress.now.writer.commit([statement(ingress.now.db.update(plugins).set({ manifest }))])
    const time = Math.floor(ingress.clock.now() / 1000)
    const sign = (text: string) => createHmac('sha256', SECRET).update(`${time}.${text}`).digest('hex')
    const send = (signature: string) =>
      ingress.receive({
        route: 'signed',
        body,
        headers: { 'x-sig': `sha256=${signature}`, 'x-time': `${time}` },
      })
    await expectRefusal(send(sign(JSON.stringify(JSON.parse(body)))), 401, 'signature verification failed')
    expect((await send(sign(body))).status).toBe(202)
    ingress.clock.advance(301_000)
    expect((await send(sign(body))).status).toBe(401)
  })
})

describe('6 the limit per instance', () => {
  it('counts authentic requests only, for each instance by itself', async () => {
    await using narrow = await openIngress({ instanceLimit: 2 })
    await narrow.provision()
    await narrow.provision({ instanceId: 'second' })
    for (let wrong = 0; wrong < 5; wrong += 1) await narrow.receive({ headers: { 'x-token': 'wrong' } })
    const [first, second, third] = [await narrow.receive(), await narrow.receive(), await narrow.receive()]
    expect([first.status, second.status, third.status]).toEqual([202, 202, 429])
    expect(first.headers).toMatchObject({
      'x-ratelimit-limit-instance': '2',
      'x-ratelimit-remaining-instance': '1',
    })
    expect(third.headers).toMatchObject({ 'retry-after': '60', 'retry-after-instance': '60' })
    expect((await narrow.receive({ instanceId: 'second' })).status).toBe(202)
    await narrow.now.dispatcher.idle()
  })
})

describe('7 the preflight', () => {
  it('turns away while the session is down, without taking the repeat for a duplicate', async () => {
    await ingress.provision({ instanceId: 'bound', sessionScope: 's1' })
    const send = () => ingress.receive({ instanceId: 'bound', route: 'asked' })
    const down = await send()
    expect(down).toMatchObject({ status: 503, headers: { 'retry-after': '30' } })
    expect(await stored()).toBe(0)
    ingress.alive.add('s1')
    expect((await send()).status).toBe(200)
    expect(await stored()).toBe(1)
  })
  it('asks nothing of an instance for all sessions, or of a route that does not ask', async () => {
    expect((await ingress.receive({ route: 'asked' })).status).toBe(200)
    await ingress.provision({ instanceId: 'bound', sessionScope: 's1' })
    expect((await ingress.receive({ instanceId: 'bound' })).status).toBe(202)
  })
})

describe('8 to 10 what is accepted', () => {
  it('is known by its header, by its body where there is none, or where the route says so', async () => {
    const send = (route: string, id: string | null, body: string) =>
      ingress.receive({ route, body, headers: id === null ? {} : { 'x-delivery': id } })
    for (const [id, body] of [
      ['1', '{}'],
      ['1', '{"a":1}'],
      [null, '{"b":1}'],
      [null, '{"b":1}'],
      ['  ', '{"b":1}'],
      ['  ', '{"c":1}'],
    ] as const)
      await send('open', id, body)
    expect((await ingress.rows()).map(row => row.deliveryId)).toEqual(['1', hash('{"b":1}'), hash('{"c":1}')])
    await send('asked', '1', '{}')
    await send('asked', '2', '{}')
    expect(await stored()).toBe(4)
  })
  it('has an id of bounded length', async () => {
    await ingress.receive({ headers: { 'x-delivery': 'x'.repeat(8_000) } })
    await ingress.receive({ headers: { 'x-delivery': `${'x'.repeat(7_999)}y` } })
    expect((await ingress.rows()).map(row => row.deliveryId.length)).toEqual([71, 71])
  })
  it('is answered with 202, or as the route says, also when it comes again', async () => {
    for (let round = 0; round < 2; round += 1) {
      expect(await ingress.receive({ headers: { 'x-delivery': 'a' } })).toMatchObject({
        status: 202,
        body: 'accepted',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
      })
      const asked = await ingress.receive({ route: 'asked' })
      expect(asked).toMatchObject({
        status: 200,
        body: '{"ok":true}',
        headers: { 'content-type': 'application/json' },
      })
      expect(asked.headers['set-cookie']).toBe(undefined)
    }
    expect(await stored()).toBe(2)
  })
  it('lies in the database without a readable word of it', async () => {
    ingress.handle(() => Promise.reject(new Error('not now')))
    await ingress.receive({ body: '{"code":"one-time-password"}' })
    await ingress.now.dispatcher.idle()
    const [row] = await ingress.rows()
    expect(Buffer.from(row?.requestSealed ?? []).toString('latin1')).not.toContain('one-time')
    expect(JSON.stringify(row)).not.toContain('one-time')
    expect(row?.requestSealed).not.toBe(null)
  })
})
