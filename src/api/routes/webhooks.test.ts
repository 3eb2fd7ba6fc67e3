import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashKey, openApp, type TestApp } from '../../../test/support/api-app.ts'
import { message, openOutbox, SESSION } from '../../../test/support/outbox.ts'
import type { Engine } from '../../contract/engine.ts'
import { GatewayError } from '../../contract/errors.ts'
import { insertApiKey } from '../../db/api-keys.ts'
import { insertSession } from '../../db/sessions.ts'

const URL = 'https://a.example/hook'
const OTHER = '22222222-2222-4222-8222-222222222222'
const PATH = `/sessions/${SESSION}/webhooks`

let box: Awaited<ReturnType<typeof openOutbox>>
let app: TestApp

beforeEach(async () => {
  box = await openOutbox({
    deps: {
      checkUrl(url) {
        if (url.includes('127.0.0.1')) throw new GatewayError('address_blocked', '127.0.0.1 is not public')
      },
    },
  })
  const { db, writer, clock, outbox } = box
  const handlers = outbox.handlers as unknown as Record<string, (params: unknown) => Promise<never>>
  const engine: Engine = { call: (method, params) => handlers[method]!(params) }
  app = await openApp({ deps: { db, writer, engine, now: clock.now, after: clock.after } })
  await writer.commit([
    insertSession(db, { id: OTHER, name: 'other', status: 'ready', createdAt: 0, updatedAt: 0 }),
    insertApiKey(db, {
      id: crypto.randomUUID(),
      name: 'other',
      keyPrefix: 'other',
      keyHash: hashKey('key-of-other'),
      role: 'admin',
      allowedSessions: [OTHER],
      createdAt: 0,
    }),
  ])
})

afterEach(async () => {
  await app[Symbol.asyncDispose]()
  await box.stop()
  box.remove()
})

async function call(method: string, path: string, body?: unknown, key?: string) {
  const response = await app.ask(method, path, {
    ...(body !== undefined && { body }),
    ...(key !== undefined && { key }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

describe('webhooks', () => {
  it('are created, shown without their secrets, changed and deleted', async () => {
    const made = await call('POST', PATH, {
      url: URL,
      secret: 'a secret of OpenWA',
      headers: { 'X-A': 'value' },
    })
    expect(made).toMatchObject({
      status: 201,
      body: { sessionId: SESSION, url: URL, events: ['message.received'], filters: null, active: true },
    })
    const { id } = made.body
    expect(JSON.stringify(made.body)).not.toMatch(/secret of|value|X-A/)
    expect((await call('GET', `${PATH}/${id}`)).body).toEqual(made.body)
    expect((await call('GET', PATH)).body).toEqual([made.body])
    expect((await call('GET', '/webhooks')).body).toEqual([made.body])
    const changed = await call('PUT', `${PATH}/${id}`, { events: ['*'], active: false, retryCount: 2 })
    expect(changed).toMatchObject({
      status: 200,
      body: { events: ['*'], active: false, retryCount: 2, url: URL },
    })
    expect(await call('DELETE', `${PATH}/${id}`)).toEqual({ status: 204, body: null })
    expect(await call('GET', `${PATH}/${id}`)).toMatchObject({
      status: 404,
      body: { message: `Webhook with id '${id}' not found` },
    })
    expect((await call('DELETE', `${PATH}/${id}`)).status).toBe(404)
  })

  it('keep nothing secret in the database in clear', async () => {
    await call('POST', PATH, { url: URL, secret: 'a secret of OpenWA', headers: { 'X-A': 'header value' } })
    const [row] = await box.db.query.webhooks.findMany()
    const stored = Buffer.from(row!.secretsSealed).toString('latin1') + JSON.stringify(row)
    expect(stored).not.toMatch(/a secret of|header value/)
  })

  it('belong to their session and are found under no other', async () => {
    const { id } = (await call('POST', PATH, { url: URL })).body
    const foreign = `/sessions/${OTHER}/webhooks/${id}`
    for (const [method, path] of [
      ['GET', foreign],
      ['PUT', foreign],
      ['DELETE', foreign],
      ['POST', `${foreign}/test`],
    ])
      expect(
        (await call(method!, path!, method === 'GET' || method === 'DELETE' ? undefined : {})).status,
      ).toBe(404)
    expect((await call('GET', '/webhooks', undefined, 'key-of-other')).body).toEqual([])
  })

  it('are sixteen per session at most, however fast they come', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => call('POST', PATH, { url: URL })))
    expect(made.filter(({ status }) => status === 201).length).toBe(16)
    expect(made.filter(({ status }) => status === 400).length).toBe(4)
  })

  it('are refused for a blocked address, on saving and on changing, but not for one that stays', async () => {
    expect(await call('POST', PATH, { url: 'http://127.0.0.1/' })).toMatchObject({
      status: 400,
      body: { code: 'ADDRESS_BLOCKED' },
    })
    const { id } = (await call('POST', PATH, { url: URL })).body
    expect((await call('PUT', `${PATH}/${id}`, { url: 'http://127.0.0.1/' })).status).toBe(400)
    expect((await call('PUT', `${PATH}/${id}`, { url: URL, active: true })).status).toBe(200)
    expect((await call('POST', `/sessions/${crypto.randomUUID()}/webhooks`, { url: URL })).status).toBe(404)
  })

  it('sign with both secrets for a day after a rotation, and with none once it is cleared', async () => {
    const { id } = (await call('POST', PATH, { url: URL, secret: 'the first secret' })).body
    const signatures = async () => {
      await box.receive(message('1@c.us', String(box.received.length)))
      await box.dispatcher.idle()
      return box.received.at(-1)?.headers['webhook-signature']?.split(' ').length
    }
    expect(await signatures()).toBe(1)
    await call('PUT', `${PATH}/${id}`, { secret: 'the second secret' })
    expect(await signatures()).toBe(2)
    await box.pass(24 * 3_600_000)
    expect(await signatures()).toBe(1)
    await call('PUT', `${PATH}/${id}`, { secret: '' })
    expect(await signatures()).toBeUndefined()
  })

  it('are tested by one signed post that never throws and tells nothing of the answer', async () => {
    const { id } = (await call('POST', PATH, { url: URL, secret: 'a secret of OpenWA' })).body
    const test = () => call('POST', `${PATH}/${id}/test`)
    expect(await test()).toEqual({ status: 200, body: { success: true, statusCode: 200 } })
    const [posted] = box.received
    expect(posted?.json).toMatchObject({ event: 'test', sessionId: SESSION })
    expect(posted?.json.idempotencyKey).toBe(`test_${posted?.json.deliveryId}_${id}`)
    expect(posted?.headers['X-OpenWA-Signature']).toMatch(/^sha256=[0-9a-f]{64}$/)
    box.behaviours.set(URL, () => ({ status: 500, body: new TextEncoder().encode('inner secret') }))
    expect((await test()).body).toEqual({
      success: false,
      statusCode: 500,
      error: 'The endpoint answered 500',
    })
    box.behaviours.set(URL, () => {
      throw new Error('ECONNREFUSED 10.0.0.7:5432')
    })
    expect((await test()).body).toEqual({ success: false, error: 'The request could not be made' })
    expect(await box.deliveries()).toEqual([])
  })
})

describe('deliveries', () => {
  async function fail(count = 1) {
    const { id } = (
      await call('POST', PATH, {
        url: URL,
        secret: 'a secret of OpenWA',
        headers: { 'X-A': 'v' },
        retryCount: 1,
      })
    ).body
    box.behaviours.set(URL, () => ({ status: 500, body: new TextEncoder().encode('it broke') }))
    for (let index = 0; index < count; index += 1) await box.receive(message(`${index}@c.us`, String(index)))
    await box.dispatcher.idle()
    return id as string
  }

  it('are listed with their tries, and one with the request that would be sent', async () => {
    const webhookId = await fail()
    const [row] = (await call('GET', '/webhooks/deliveries?status=dead')).body
    expect(row).toMatchObject({
      webhookId,
      event: 'message.received',
      chatId: '0@c.us',
      status: 'dead',
      attempts: 1,
      responseCode: 500,
      result: '5xx',
      nextAttemptAt: null,
      replayable: true,
    })
    const detail = (await call('GET', `/webhooks/deliveries/${row.id}`)).body
    expect(detail.responseBody).toBe('it broke')
    expect(detail.request).toMatchObject({
      method: 'POST',
      url: URL,
      headers: { 'X-A': '***', 'webhook-id': row.eventId, 'X-OpenWA-Delivery-Id': row.id },
    })
    expect(JSON.parse(detail.request.body)).toEqual({
      ...box.received[0]?.json,
      timestamp: expect.any(String),
    })
    expect(JSON.stringify(detail)).not.toContain('secret of')
    expect((await call('GET', '/webhooks/deliveries?status=delivered')).body).toEqual([])
    expect((await call('GET', '/webhooks/deliveries?status=lost')).status).toBe(400)
    expect((await call('GET', '/webhooks/deliveries?event=message.sent')).body).toEqual([])
  })

  it('are seen and sent again by keys of their session alone', async () => {
    await fail()
    const [row] = (await call('GET', '/webhooks/deliveries')).body
    const as = 'key-of-other'
    expect((await call('GET', '/webhooks/deliveries', undefined, as)).body).toEqual([])
    expect((await call('GET', '/webhooks/delivery-failures', undefined, as)).body).toEqual([])
    expect((await call('GET', `/webhooks/deliveries/${row.id}`, undefined, as)).status).toBe(404)
    expect((await call('POST', `/webhooks/deliveries/${row.id}/replay`, {}, as)).status).toBe(404)
    const asked = { ids: [row.id] }
    expect((await call('POST', '/webhooks/deliveries/replay', asked, as)).body.replayed).toBe(0)
    expect((await call('POST', '/webhooks/delivery-failures/redrive', asked, as)).body.redriven).toBe(0)
  })

  it('that were given up have OpenWA’s shape, and are sent again', async () => {
    const webhookId = await fail(3)
    const failures = (await call('GET', '/webhooks/delivery-failures')).body
    expect(failures.length).toBe(3)
    expect(failures[0]).toEqual({
      id: expect.stringMatching(/^dlv_/),
      webhookId,
      sessionId: SESSION,
      event: 'message.received',
      url: URL,
      idempotencyKey: `msg_${SESSION}_2_${webhookId}`,
      deliveryId: failures[0].id,
      attempts: 1,
      lastStatusCode: 500,
      lastError: 'The endpoint answered 500',
      createdAt: expect.any(String),
      replayable: true,
    })
    box.behaviours.set(URL, () => ({ status: 200 }))
    const one = await call('POST', `/webhooks/deliveries/${failures[0].id}/replay`)
    expect(one).toMatchObject({
      status: 200,
      body: { replayed: 1, deliveries: [{ replayOf: failures[0].id }] },
    })
    expect((await call('POST', `/webhooks/deliveries/${failures[0].id}/replay`)).status).toBe(400)
    expect((await call('POST', '/webhooks/delivery-failures/redrive', { webhookId })).body).toEqual({
      redriven: 2,
      delivered: 2,
      enqueued: 0,
      failed: 0,
      skipped: 0,
      remaining: 0,
    })
    expect((await call('GET', '/webhooks/delivery-failures')).body).toEqual([])
  })
})
