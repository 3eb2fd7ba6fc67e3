import { Hono } from 'hono'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../contract/errors.ts'
import { Uuid } from '../contract/ids.ts'
import { route } from './route.ts'
import { clamped, parseRequest, pathId, refuseNul } from './validate.ts'

const row = route({
  method: 'POST',
  path: '/things/:id',
  summary: 'Test',
  role: 'viewer',
  params: v.object({ id: pathId(Uuid, id => `Thing ${id} not found`) }),
  query: v.object({
    limit: clamped({ min: 1, max: 100, fallback: 50 }),
    name: v.optional(v.string('must be one name')),
  }),
  body: v.strictObject({
    a: v.number('must be a number'),
    list: v.optional(v.array(v.number('must be a number'))),
    inner: v.optional(v.strictObject({ b: v.string() })),
  }),
  status: 200,
  result: null,
  handle: () => null,
})
const ID = 'c0000000-0000-4000-8000-000000000001'

/** What the row makes of a request, or the faults that it finds. */
async function parse(
  path: string,
  body: string | ReadableStream = '{"a":1}',
  headers: Record<string, string> = {},
) {
  let outcome: unknown
  const app = new Hono()
  app.post('/things/:id', async c => {
    outcome = await parseRequest(c, row, c.req.param(), { limit: 1000, grow() {} }).catch(
      (thrown: GatewayError) => thrown,
    )
    return c.body(null)
  })
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    duplex: 'half',
  }
  await app.request(path, init as RequestInit)
  return outcome instanceof GatewayError
    ? [outcome.code, outcome.details.messages ?? outcome.message]
    : outcome
}

describe('parseRequest', () => {
  it('gives path, query and body as the row has them', async () => {
    expect(await parse(`/things/${ID}?limit=7&name=x&other=1`, '{"a":1,"inner":{"b":"c"}}')).toMatchObject({
      params: { id: ID },
      query: { limit: 7, name: 'x' },
      body: { a: 1, inner: { b: 'c' } },
    })
  })

  it.each([
    ['', 50],
    ['limit=0', 1],
    ['limit=101', 100],
    ['limit=x', 50],
    ['limit=1.5', 50],
    ['limit=1&limit=2', 50],
    ['limit=', 50],
  ])('makes a sensible number of %j', async (query, limit) => {
    expect(await parse(`/things/${ID}?${query}`)).toMatchObject({ query: { limit } })
  })

  it('names the fault and where it is', async () => {
    expect(await parse(`/things/${ID}`, '{"a":"x","inner":{"c":1},"d":2}')).toEqual([
      'invalid_input',
      [
        'a must be a number',
        'inner.b is required',
        'property inner.c should not exist',
        'property d should not exist',
      ],
    ])
    expect(await parse(`/things/${ID}?name=a&name=b`)).toEqual(['invalid_input', ['name must be one name']])
    expect(await parse('/things/x')).toEqual(['not_found', 'Thing x not found'])
  })

  it('lists no more faults than a person reads, and no long names', async () => {
    const many = { a: 1, list: Array(30).fill('x') }
    const [, messages] = (await parse(`/things/${ID}`, JSON.stringify(many))) as [string, string[]]
    expect(messages).toHaveLength(20)
    const [, [long]] = (await parse(`/things/${ID}`, JSON.stringify({ a: 1, ['y'.repeat(900)]: 1 }))) as [
      string,
      string[],
    ]
    expect(long).toHaveLength(200)
  })

  it('reads no more of a body than it may hold, whether or not its length is said', async () => {
    const tooMuch = ['body_too_large', 'The request body is larger than 1000 bytes']
    expect(await parse(`/things/${ID}`, 'x'.repeat(1001), { 'content-length': '1001' })).toEqual(tooMuch)
    let pulled = 0
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(400))
      },
    })
    expect(await parse(`/things/${ID}`, endless)).toEqual(tooMuch)
    expect(pulled).toBeLessThan(6)
  })

  it('tells a body that breaks off from one that is wrong', async () => {
    const broken = new ReadableStream({ pull: controller => controller.error(new Error('reset')) })
    expect(await parse(`/things/${ID}`, broken)).toEqual([
      'invalid_input',
      ['body could not be read to its end'],
    ])
  })
})

it('refuses NUL in a URL', () => {
  expect(() => refuseNul('http://api.test/api/x?a=%00')).toThrow(GatewayError)
  expect(() => refuseNul('http://api.test/api/x?a=%20')).not.toThrow()
})
