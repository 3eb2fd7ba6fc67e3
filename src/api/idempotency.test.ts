import { describe, expect, it } from 'vitest'
import { openApp } from '../../test/support/api-app.ts'
import type { Engine } from '../contract/engine.ts'
import { readIdempotency } from './idempotency.ts'

const read = (key: string | null, body: unknown, route = 'POST /a') =>
  readIdempotency(new Headers(key === null ? {} : { 'idempotency-key': key }), route, body)
const hashOf = async (body: unknown, route?: string) => (await read('k', body, route))?.hash

describe('an idempotency key', () => {
  it('is optional', async () => {
    expect(await read(null, {})).toBeUndefined()
  })

  it.each(['a', '!~', 'x'.repeat(255)])('may be %j', async key => {
    expect(await read(key, {})).toMatchObject({ key })
  })

  it.each(['', 'a b', 'x'.repeat(256), 'ä'])('may not be %j', async key => {
    await expect(read(key, {})).rejects.toMatchObject({ code: 'idempotency_key_invalid' })
  })

  it('may not come twice', async () => {
    const headers = new Headers([
      ['idempotency-key', 'a'],
      ['idempotency-key', 'b'],
    ])
    await expect(readIdempotency(headers, 'POST /a', {})).rejects.toMatchObject({
      code: 'idempotency_key_invalid',
    })
  })

  it('stands for the route and the body, whatever the order of its names', async () => {
    const hash = await hashOf({ a: 1, b: { c: [1, { d: 2, e: null }], f: undefined } })
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(await hashOf({ b: { c: [1, { e: null, d: 2 }] }, a: 1 })).toBe(hash)
    for (const other of [
      { a: 1 },
      { a: 1, b: { c: [{ d: 2, e: null }, 1] } },
      { a: '1', b: { c: [1, { d: 2, e: null }] } },
    ])
      expect(await hashOf(other)).not.toBe(hash)
    expect(await hashOf({ a: 1, b: { c: [1, { d: 2, e: null }] } }, 'POST /b')).not.toBe(hash)
  })
})

describe('a send', () => {
  const sid = '0b0d6a57-6f0f-4d0e-8a55-2f0e7a9d9f10'
  const body = { chatId: '1555@c.us', text: 'hi' }

  it('hands its key to the engine, and tells a replay from a first answer', async () => {
    const calls: unknown[] = []
    const engine = {
      async call(method: string, params: unknown) {
        calls.push([method, params])
        return { messageId: 'M', timestamp: 1, ...(calls.length > 1 && { replayed: true }) }
      },
    } as Engine
    await using app = await openApp({ deps: { engine } })
    const headers = { 'idempotency-key': 'k' }
    const send = (query = '') =>
      app.ask('POST', `/sessions/${sid}/messages/send-text${query}`, { body, headers })
    const first = await send()
    expect(first.status).toBe(201)
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    const second = await send('?wait=ack')
    expect(second.status).toBe(201)
    expect(second.headers.get('idempotent-replayed')).toBe('true')
    expect(await second.json()).toEqual({ messageId: 'M', timestamp: 1 })
    expect(calls).toMatchObject([
      ['message.sendText', { sessionId: sid, input: body, idempotency: { key: 'k' } }],
      ['message.sendText', { sessionId: sid, input: body, idempotency: { key: 'k' }, wait: 'ack' }],
    ])
    expect((await send('?wait=long')).status).toBe(400)
  })

  it('with a key that is none is refused before the engine is asked', async () => {
    await using app = await openApp()
    const answer = await app.ask('POST', `/sessions/${sid}/messages/reply`, {
      body: { ...body, quotedMessageId: 'Q' },
      headers: { 'idempotency-key': 'a b' },
    })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_INVALID' })
  })
})
