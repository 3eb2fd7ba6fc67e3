import { describe, expect, it } from 'vitest'
import { GatewayError } from '../contract/errors.ts'
import type { SessionId } from '../contract/ids.ts'
import { createHttpEngine } from './http.ts'
import { toFailure } from './wire.ts'

const sessionId = 'c0000000-0000-4000-8000-000000000001' as SessionId
const send = {
  sessionId,
  input: { chatId: '15550000001@c.us', text: 'hello' },
} as never

function setUp(answer: (request: { url: string; init: RequestInit }) => Response | Promise<Response>) {
  const requests: { url: string; init: RequestInit }[] = []
  const deadlines: number[] = []
  const engine = createHttpEngine({
    url: 'http://engine.test:3000/',
    token: 'shared',
    fetch: (async (url: string, init: RequestInit) => {
      requests.push({ url, init })
      return await answer({ url, init })
    }) as typeof fetch,
    deadline: ms => {
      deadlines.push(ms)
      return new AbortController().signal
    },
  })
  return { engine, requests, deadlines }
}

describe('createHttpEngine', () => {
  it('posts the parameters with the token, and gives the result', async () => {
    const { engine, requests, deadlines } = setUp(() =>
      Response.json({ result: { messageId: '3EB0', timestamp: 1_800_000_000 } }),
    )
    expect(await engine.call('message.sendText', send)).toEqual({
      messageId: '3EB0',
      timestamp: 1_800_000_000,
    })
    expect(requests[0]?.url).toBe('http://engine.test:3000/engine/v1/message.sendText')
    expect(requests[0]?.init).toMatchObject({
      method: 'POST',
      headers: { authorization: 'Bearer shared', 'content-type': 'application/json' },
      body: JSON.stringify(send),
    })
    expect(deadlines).toEqual([120_000])
  })

  it('throws again what the engine threw, with its code, details and certainty', async () => {
    const thrown = new GatewayError('transport_failed', 'The socket closed', {
      details: { a: 1 },
      certain: true,
    })
    const { engine } = setUp(() => {
      const { status, body } = toFailure(thrown)
      return Response.json(body, { status })
    })
    const rejected = await engine.call('message.sendText', send).catch((error: unknown) => error)
    expect(rejected).toBeInstanceOf(GatewayError)
    expect(rejected).toMatchObject({
      code: 'transport_failed',
      message: 'The socket closed',
      details: { a: 1 },
      certain: true,
    })
  })

  it.each([
    ['a refused connection', () => Promise.reject(new TypeError('fetch failed'))],
    ['a deadline', () => Promise.reject(new DOMException('timed out', 'TimeoutError'))],
    ['a 502 of a proxy', () => new Response('<html>Bad Gateway</html>', { status: 502 })],
    ['an empty 500', () => new Response(null, { status: 500 })],
    [
      'a code that is not in the table',
      () => Response.json({ error: { code: 'x', message: '' } }, { status: 500 }),
    ],
    ['a result of another shape', () => Response.json({ result: { messageId: 5 } })],
    ['a 200 of something else', () => Response.json({ hello: 'world' })],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'http://elsewhere.test' } })],
  ])('takes %s for an engine that is away, and asks no second time', async (_name, answer) => {
    const { engine, requests } = setUp(answer)
    await expect(engine.call('message.sendText', send)).rejects.toMatchObject({
      code: 'engine_unavailable',
      certain: false,
    })
    expect(requests).toHaveLength(1)
  })

  it('says nothing about certainty where nothing is sent', async () => {
    const { engine, deadlines } = setUp(() => Promise.reject(new TypeError('fetch failed')))
    await expect(engine.call('session.stop', { sessionId })).rejects.toMatchObject({
      code: 'engine_unavailable',
      certain: undefined,
    })
    expect(deadlines).toEqual([30_000])
  })
})
