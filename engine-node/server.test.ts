import { describe, expect, it } from 'vitest'
import type { EngineHandlers } from '../src/contract/engine.ts'
import { GatewayError } from '../src/contract/errors.ts'
import type { SessionId } from '../src/contract/ids.ts'
import { createHttpEngine } from '../src/engine-client/http.ts'
import { MAX_CALL_BYTES } from '../src/engine-client/wire.ts'
import { createLocalEngine, serveApi, serveEngine } from './server.ts'

const token = 'a token that both sides share'
const sessionId = 'c0000000-0000-4000-8000-000000000001' as SessionId

async function open(handlers: Partial<EngineHandlers>) {
  const logged: unknown[] = []
  const server = await serveEngine({
    handlers: handlers as EngineHandlers,
    token,
    host: '127.0.0.1',
    port: 0,
    log: { error: (...words: unknown[]) => logged.push(words) } as never,
  })
  const url = `http://127.0.0.1:${server.port}`
  const engine = createHttpEngine({ url, token, fetch, deadline: ms => AbortSignal.timeout(ms) })
  const post = (method: string, headers: Record<string, string>, body = '{}') =>
    fetch(`${url}/engine/v1/${method}`, { method: 'POST', headers, body })
  return { server, url, engine, post, logged }
}

describe('serveEngine', () => {
  it('does what a client asks, and gives its errors back by their code', async () => {
    const asked: unknown[] = []
    const { server, engine } = await open({
      'session.delete': async params => {
        asked.push(params)
        return null
      },
      'session.start': async () => {
        throw new GatewayError('session_limit', 'Maximum concurrent sessions reached (3)', { certain: true })
      },
    })
    await using _ = server
    expect(await engine.call('session.delete', { sessionId })).toBeNull()
    expect(asked).toEqual([{ sessionId }])
    await expect(engine.call('session.start', { sessionId })).rejects.toMatchObject({
      code: 'session_limit',
      message: 'Maximum concurrent sessions reached (3)',
      certain: true,
    })
  })

  it('tells a stranger nothing, whatever the method', async () => {
    const { server, post } = await open({})
    await using _ = server
    const strangers: Record<string, string>[] = [{}, { authorization: 'Bearer x' }, { authorization: token }]
    for (const headers of strangers)
      for (const method of ['session.delete', 'nothing'])
        expect((await post(method, headers)).status).toBe(401)
  })

  it.each([
    ['nothing', '{}', 404],
    ['constructor', '{}', 404],
    ['session.delete/x', '{}', 404],
    ['session.delete', '{}', 400],
    ['session.delete', '{"sessionId":"x"}', 400],
    ['session.delete', 'x', 400],
  ])('refuses %s with %s: %i', async (method, body, status) => {
    const { server, post } = await open({})
    await using _ = server
    expect((await post(method, { authorization: `Bearer ${token}` }, body)).status).toBe(status)
  })

  it('refuses a call that is larger than any call, by what it says it is', async () => {
    const { server, post } = await open({})
    await using _ = server
    const large = await post(
      'session.delete',
      { authorization: `Bearer ${token}` },
      ' '.repeat(MAX_CALL_BYTES + 1),
    )
    expect(large.status).toBe(413)
  })

  it('logs an error without a name, and sends no word of it', async () => {
    const { server, engine, logged } = await open({
      'session.delete': async () => {
        throw new Error('/srv/secret')
      },
    })
    await using _ = server
    await expect(engine.call('session.delete', { sessionId })).rejects.toMatchObject({
      code: 'internal',
      message: 'Internal server error',
    })
    expect(logged).toHaveLength(1)
  })

  it('finishes what it has begun when it closes, and takes nothing new', async () => {
    const { promise, resolve } = Promise.withResolvers<null>()
    const begun = Promise.withResolvers<void>()
    const { server, engine } = await open({
      'session.delete': () => {
        begun.resolve()
        return promise
      },
    })
    const answer = engine.call('session.delete', { sessionId })
    await begun.promise
    const closed = server[Symbol.asyncDispose]()
    await expect(engine.call('session.stop', { sessionId })).rejects.toMatchObject({
      code: 'engine_unavailable',
    })
    resolve(null)
    expect(await answer).toBeNull()
    await closed
  })
})

it('serves an app on the port that it says', async () => {
  await using server = await serveApi({
    app: { fetch: request => new Response(new URL(request.url).pathname) },
    host: '127.0.0.1',
    port: 0,
  })
  expect(await (await fetch(`http://127.0.0.1:${server.port}/x`)).text()).toBe('/x')
})

it('rejects when the port is taken', async () => {
  const app = { fetch: () => new Response() }
  await using server = await serveApi({ app, host: '127.0.0.1', port: 0 })
  await expect(serveApi({ app, host: '127.0.0.1', port: server.port })).rejects.toThrow('EADDRINUSE')
})

it('calls handlers directly where both share a process, and rejects rather than throws', async () => {
  const engine = createLocalEngine({
    'session.delete': () => {
      throw new GatewayError('not_found', 'gone')
    },
  } as unknown as EngineHandlers)
  await expect(engine.call('session.delete', { sessionId })).rejects.toMatchObject({ code: 'not_found' })
})
