import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { HookName } from '../../src/contract/hooks.ts'
import { retryTable } from '../../src/webhooks/schedule.ts'
import { type Behaviour, message, openOutbox, SESSION, until } from '../../test/support/outbox.ts'
import { ELSEWHERE_MS } from './dispatcher.ts'

const A = 'https://a.example/hook'
const B = 'https://b.example/hook'
const DAY = 24 * 3_600_000
const opened: { stop(): Promise<void>; remove(): void }[] = []

async function open(options: Parameters<typeof openOutbox>[0] = {}) {
  const box = await openOutbox(options)
  opened.push(box)
  return box
}

afterEach(async () => {
  for (const box of opened.splice(0)) {
    await box.stop().catch(() => {})
    box.remove()
  }
})

const reset = () => {
  throw new GatewayError('transport_failed', 'a.example did not answer as HTTP asks', {
    certain: false,
    details: { stage: 'response' },
  })
}

describe('what an answer means', () => {
  const rows: { name: string; behaviour: Behaviour; status: string; result: string; nextIn?: number }[] = [
    { name: '204', behaviour: () => ({ status: 204 }), status: 'delivered', result: '2xx' },
    { name: '500', behaviour: () => ({ status: 500 }), status: 'due', result: '5xx', nextIn: 5_000 },
    { name: '404', behaviour: () => ({ status: 404 }), status: 'due', result: '4xx', nextIn: 5_000 },
    { name: '410', behaviour: () => ({ status: 410 }), status: 'dead', result: '410' },
    { name: '301', behaviour: () => ({ status: 301 }), status: 'due', result: '3xx', nextIn: 5_000 },
    ...[
      { after: '0', nextIn: 5_000 },
      { after: '1000000000', nextIn: 3_600_000 },
      { after: '60', nextIn: 60_000 },
      { after: new Date(1_700_000_090_000).toUTCString(), nextIn: 90_000 },
      { after: 'soon', nextIn: 5_000 },
      { after: '-1', nextIn: 5_000 },
    ].map(({ after, nextIn }) => ({
      name: `429 with Retry-After ${after}`,
      behaviour: () => ({ status: 429, headers: { 'retry-after': after } }),
      status: 'due',
      result: '429',
      nextIn,
    })),
    {
      name: 'a body that is cut',
      behaviour: () => ({ status: 200, body: new Uint8Array(1_000_000) }),
      status: 'delivered',
      result: '2xx',
    },
    { name: 'a reset', behaviour: reset, status: 'due', result: 'broken', nextIn: 5_000 },
    {
      name: 'an address that is blocked',
      behaviour: () => {
        throw new GatewayError('address_blocked', 'a.example does not lead to the public internet')
      },
      status: 'due',
      result: 'blocked',
      nextIn: 5_000,
    },
    {
      name: 'a bug',
      behaviour: () => {
        throw new TypeError('secret detail')
      },
      status: 'due',
      result: 'error',
      nextIn: 5_000,
    },
  ]
  it.each(rows)('$name', async ({ behaviour, status, result, nextIn }) => {
    const box = await open()
    await box.addWebhook(A)
    box.behaviours.set(A, behaviour)
    await box.receive(message('1@c.us', 'M1'))
    await box.dispatcher.idle()
    const [row] = await box.deliveries()
    expect(row).toMatchObject({ status, lastResult: result, attempts: 1 })
    expect(row?.lastError ?? '').not.toContain('secret')
    if (nextIn !== undefined) expect((row?.nextAt ?? 0) - box.clock.now()).toBe(nextIn)
  })

  it('gives up waiting after 15 seconds, for one that hangs', async () => {
    const box = await open()
    await box.addWebhook(A)
    box.behaviours.set(A, () => new Promise(() => {}))
    await box.receive(message('1@c.us', 'M1'))
    await until(() => box.received.length === 1)
    box.clock.advance(14_999)
    expect((await box.deliveries())[0]?.attempts).toBe(0)
    await box.pass(1)
    expect((await box.deliveries())[0]).toMatchObject({
      attempts: 1,
      lastResult: 'timeout',
      responseMs: 15_000,
    })
  })
})

describe('retries', () => {
  it('follow the table for three days under one id with a fresh time, and end as a dead letter', async () => {
    const box = await open()
    await box.addWebhook(A, { secret: 'a secret of 16 characters' })
    box.behaviours.set(A, () => ({ status: 500 }))
    await box.receive(message('1@c.us', 'M1'))
    const start = box.clock.now()
    await box.dispatcher.idle()
    for (const pause of retryTable) await box.pass(pause)
    const sums = [0]
    for (const pause of retryTable) sums.push((sums.at(-1) ?? 0) + pause)
    expect(box.received.map(({ at }) => at - start)).toEqual(sums)
    expect(new Set(box.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(new Set(box.received.map(({ json }) => json.deliveryId)).size).toBe(1)
    expect(new Set(box.received.map(({ json }) => json.idempotencyKey)).size).toBe(1)
    expect(new Set(box.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10)
    expect(new Set(box.received.map(({ headers }) => headers['webhook-signature'])).size).toBe(10)
    expect(box.received.map(({ headers }) => headers['X-OpenWA-Retry-Count'])).toEqual([...'0123456789'])
    expect(await box.deliveries()).toMatchObject([{ status: 'dead', attempts: 10 }])
  })

  it.each([
    [0, [0]],
    [1, [0]],
    [3, [0, 5_000, 15_000]],
    [5, [0, 5_000, 15_000, 35_000, 75_000]],
  ])('of a webhook with retryCount %i are those of OpenWA', async (retryCount, at) => {
    const box = await open()
    await box.addWebhook(A, { retryCount })
    box.behaviours.set(A, () => ({ status: 503 }))
    await box.receive(message('1@c.us', 'M1'))
    const start = box.clock.now()
    await box.dispatcher.idle()
    await box.pass(120_000, 5_000)
    expect(box.received.map(request => request.at - start)).toEqual(at)
  })

  it('use a changed URL and stop for a webhook that was deleted, switched off or wants other events', async () => {
    const box = await open()
    for (const [index, change] of [
      { url: B },
      { active: false },
      { events: ['message.sent' as const] },
    ].entries()) {
      const webhook = await box.addWebhook(A)
      const of = { sessionId: SESSION, webhookId: webhook.id }
      box.behaviours.set(A, () => ({ status: 500 }))
      await box.receive(message('1@c.us', `M${index}`))
      await box.dispatcher.idle()
      await box.handlers['webhook.update']({ ...of, input: change })
      await box.pass(5_000)
      const [row] = (await box.deliveries()).slice(-1)
      if (change.url) expect([row?.status, box.received.at(-1)?.url]).toEqual(['delivered', B])
      else expect([row?.status, row?.lastError]).toEqual(['cancelled', expect.stringContaining('webhook')])
      await box.handlers['webhook.delete'](of)
    }
    const webhook = await box.addWebhook(A)
    await box.receive(message('1@c.us', 'M'), message('1@c.us', 'N'))
    await box.dispatcher.idle()
    await box.handlers['webhook.delete']({ sessionId: SESSION, webhookId: webhook.id })
    await box.dispatcher.idle()
    const rows = (await box.deliveries()).slice(-2)
    expect(rows.map(row => [row.status, row.lastError])).toEqual(
      Array(2).fill(['cancelled', 'The webhook was deleted']),
    )
  })
})

describe('order', () => {
  it('holds within a chat over failures, and no other chat waits', async () => {
    const box = await open()
    await box.addWebhook(A)
    let down = true
    box.behaviours.set(A, ({ json }) => ({ status: down && json.data.id === 'a1' ? 500 : 200 }))
    await box.receive(...['a1', 'b1', 'a2', 'b2', 'a3'].map(id => message(`${id[0]}@c.us`, id)))
    await box.dispatcher.idle()
    expect(box.received.map(({ json }) => json.data.id).sort()).toEqual(['a1', 'b1', 'b2'])
    down = false
    await box.pass(5_000)
    expect(box.received.map(({ json }) => json.data.id).filter(id => id[0] === 'a')).toEqual([
      'a1',
      'a1',
      'a2',
      'a3',
    ])
  })

  it('is given up where the webhook says so', async () => {
    const box = await open()
    const webhook = await box.addWebhook(A, { ordered: false })
    box.behaviours.set(A, ({ json }) => ({ status: json.data.id === 'a1' ? 500 : 200 }))
    await box.receive(message('a@c.us', 'a1'), message('a@c.us', 'a2'))
    await box.dispatcher.idle()
    expect((await box.deliveries()).map(row => row.status)).toEqual(['due', 'delivered'])
    await box.receive(message('a@c.us', 'a3'))
    await box.dispatcher.idle()
    await box.handlers['webhook.update']({
      sessionId: SESSION,
      webhookId: webhook.id,
      input: { ordered: true },
    })
    await box.receive(message('a@c.us', 'a4'))
    await box.dispatcher.idle()
    expect((await box.deliveries()).map(row => row.status)).toEqual([
      'due',
      'delivered',
      'delivered',
      'waiting',
    ])
  })

  it('is taken up while deliveries are under way, without sending them again', async () => {
    const box = await open()
    const webhook = await box.addWebhook(A, { ordered: false })
    const gate = Promise.withResolvers<void>()
    box.behaviours.set(A, async ({ json }) => {
      if (json.data.id === 'a2') await gate.promise
      return { status: json.data.id === 'a1' ? 500 : 200 }
    })
    await box.receive(message('a@c.us', 'a1'), message('a@c.us', 'a2'))
    await until(() => box.received.length === 2)
    const input = { ordered: true }
    await box.handlers['webhook.update']({ sessionId: SESSION, webhookId: webhook.id, input })
    await box.receive(message('a@c.us', 'a3'))
    gate.resolve()
    await box.dispatcher.idle()
    expect(box.received.map(({ json }) => json.data.id)).toEqual(['a1', 'a2'])
    expect((await box.deliveries()).map(row => row.status)).toEqual(['due', 'delivered', 'waiting'])
    box.behaviours.clear()
    await box.pass(5_000)
    expect(box.received.map(({ json }) => json.data.id)).toEqual(['a1', 'a2', 'a1', 'a3'])
  })

  it('is taken up behind the one that is under way', async () => {
    const box = await open()
    const webhook = await box.addWebhook(A, { ordered: false })
    const gate = Promise.withResolvers<void>()
    box.behaviours.set(A, async () => {
      await gate.promise
      return { status: 200 }
    })
    await box.receive(message('a@c.us', 'a1'))
    await until(() => box.received.length === 1)
    const input = { ordered: true }
    await box.handlers['webhook.update']({ sessionId: SESSION, webhookId: webhook.id, input })
    await box.receive(message('a@c.us', 'a2'))
    gate.resolve()
    await box.dispatcher.idle()
    expect(box.received.map(({ json }) => json.data.id)).toEqual(['a1', 'a2'])
  })

  it('holds for hundreds of messages of many chats at once', async () => {
    const box = await open()
    await box.addWebhook(A)
    let [underWay, most] = [0, 0]
    box.behaviours.set(A, async () => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise(setImmediate)
      underWay -= 1
      return { status: 200 }
    })
    for (let index = 0; index < 400; index += 20)
      await box.receive(
        ...Array.from({ length: 20 }, (_, chat) => message(`${chat}@c.us`, String(index + chat))),
      )
    await box.dispatcher.idle()
    for (let chat = 0; chat < 20; chat += 1) {
      const ids = box.received.filter(({ json }) => json.data.chatId === `${chat}@c.us`)
      expect(ids.map(({ json }) => Number(json.data.id))).toEqual(
        Array.from({ length: 20 }, (_, index) => index * 20 + chat),
      )
    }
    expect(most).toBeLessThanOrEqual(16)
    expect(most).toBeGreaterThan(1)
  })
})

describe('a chat that goes on before what came of it is durable', () => {
  /** An outbox whose commits wait for `go`, once it is told to hold them. */
  async function openHeld(unnoted: number) {
    const held = { isOn: false, count: 0, gate: Promise.withResolvers<void>(), error: null as Error | null }
    const box = await open({
      deps: { limits: { perEndpoint: 16, total: 128, unnoted } },
      wrap: writer => ({
        ...writer,
        async commit(statements) {
          if (held.isOn && statements.some(({ sql }) => sql.startsWith('UPDATE deliveries'))) {
            held.count += 1
            await held.gate.promise
            if (held.error) throw held.error
          }
          return await writer.commit(statements)
        },
      }),
    })
    await box.addWebhook(A)
    return { box, held }
  }
  const ids = (box: { received: { json: { data: { id: string } } }[] }) =>
    box.received.map(({ json }) => json.data.id)

  it('does so up to a limit, over all chats', async () => {
    const { box, held } = await openHeld(8)
    held.isOn = true
    const many = ['a', 'b'].flatMap(chat => Array.from({ length: 20 }, (_, index) => `${chat}${index}`))
    await box.receive(...many.map(id => message(`${id[0]}@c.us`, id)))
    await until(() => box.received.length >= 8)
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
    // One more may have been under way when the limit was reached.
    expect(box.received.length).toBeLessThanOrEqual(9)
    expect((await box.deliveries()).every(({ attempts }) => attempts === 0)).toBe(true)
    held.gate.resolve()
    await box.dispatcher.idle()
    for (const chat of ['a', 'b'])
      expect(ids(box).filter(id => id[0] === chat)).toEqual(many.filter(id => id[0] === chat))
    expect((await box.deliveries()).every(({ status }) => status === 'delivered')).toBe(true)
  })

  it('counts an answer with much text for several', async () => {
    const { box, held } = await openHeld(8)
    held.isOn = true
    box.behaviours.set(A, () => ({ status: 200, body: new Uint8Array(64 * 1024) }))
    await box.receive(...Array.from({ length: 20 }, (_, index) => message('a@c.us', String(index))))
    await until(() => box.received.length === 2)
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
    expect(box.received.length).toBe(2)
    held.gate.resolve()
    await box.dispatcher.idle()
    expect(box.received.length).toBe(20)
  })

  it('has what was answered noted as delivered, though its webhook is switched off before', async () => {
    const { box, held } = await openHeld(8)
    const { id } = await box.addWebhook(B)
    held.isOn = true
    const gate = Promise.withResolvers<void>()
    box.behaviours.set(B, async ({ json }) => {
      if (json.data.id === 'a2') await gate.promise
      return { status: json.data.id === 'a2' ? 500 : 200 }
    })
    await box.receive(...['a0', 'a1', 'a2', 'a3'].map(name => message('a@c.us', name)))
    await until(() => held.count > 0 && box.received.filter(({ url }) => url === B).length === 3)
    held.isOn = false
    await box.handlers['webhook.update']({ sessionId: SESSION, webhookId: id, input: { active: false } })
    const rowsOf = async () => (await box.deliveries()).filter(({ webhookId }) => webhookId === id)
    for (let rows = await rowsOf(); rows.at(-1)?.status !== 'cancelled'; rows = await rowsOf())
      await new Promise(setImmediate)
    held.gate.resolve()
    gate.resolve()
    await box.dispatcher.idle()
    const rows = await rowsOf()
    expect(rows.map(({ status }) => status)).toEqual(['delivered', 'delivered', 'cancelled', 'cancelled'])
  })

  it('delivers again, in order, from the first on that the database did not take', async () => {
    const { box, held } = await openHeld(8)
    held.isOn = true
    const under = Promise.withResolvers<void>()
    box.behaviours.set(A, async ({ json }) => {
      if (json.data.id === 'a3' && ids(box).length === 4) await under.promise
      return { status: 200 }
    })
    await box.receive(...['a0', 'a1', 'a2', 'a3', 'a4'].map(id => message('a@c.us', id)))
    await until(() => box.received.length === 4)
    held.error = new Error('SQLITE_IOERR: disk I/O error')
    held.gate.resolve()
    await until(() => box.errors.length > 0)
    held.isOn = false
    under.resolve()
    await box.dispatcher.idle()
    // The last was answered after the loss: it is not noted, or the order would be lost with it.
    expect((await box.deliveries()).map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0, 0])
    await box.pass(5_000)
    expect(ids(box)).toEqual(['a0', 'a1', 'a2', 'a3', 'a0', 'a1', 'a2', 'a3', 'a4'])
    expect((await box.deliveries()).every(({ status }) => status === 'delivered')).toBe(true)
  })
})

describe('an endpoint that is down', () => {
  it('takes no slots from others while it hangs, and uses up no tries of what waits', async () => {
    const box = await open()
    await box.addWebhook(A)
    await box.addWebhook(B)
    box.behaviours.set(A, () => new Promise(() => {}))
    await box.receive(...Array.from({ length: 200 }, (_, index) => message(`${index}@c.us`, String(index))))
    await until(() => box.received.filter(({ url }) => url === B).length === 200)
    expect(box.received.filter(({ url }) => url === A).length).toBe(16)
    await box.pass(15_000)
    // One probe after each rest, and no more.
    const before = box.received.length
    box.clock.advance(5_000)
    await until(() => box.received.length > before)
    expect(box.received.length).toBe(before + 1)
    const rows = (await box.deliveries()).filter(row => row.url === A)
    expect(rows.filter(row => row.attempts > 0).length).toBe(16)
  })

  it('leaves a slot for each other one, however many hang at once', async () => {
    const box = await open()
    const urls = Array.from({ length: 8 }, (_, index) => `https://dead-${index}.example/`)
    for (const url of urls) {
      await box.addWebhook(url)
      box.behaviours.set(url, () => new Promise(() => {}))
    }
    const messages = (name: string) =>
      Array.from({ length: 20 }, (_, index) => message(`${index}@c.us`, `${name} ${index}`))
    await box.receive(...messages('old'))
    // The dead ones have taken all that there is, and hold it.
    await until(() => box.received.length === 128)
    await box.addWebhook(A)
    await box.addWebhook(B)
    await box.receive(...messages('new'))
    for (const url of [A, B])
      await until(() => box.received.filter(request => request.url === url).length === 20)
    expect(box.received.length).toBe(128 + 40)
  })

  it('is drained when it is back, with nothing lost', async () => {
    const box = await open()
    await box.addWebhook(A)
    let down = true
    box.behaviours.set(A, () => ({ status: down ? 502 : 200 }))
    for (let index = 0; index < 50; index += 1) await box.receive(message(`${index}@c.us`, String(index)))
    await box.dispatcher.idle()
    await box.pass(3 * DAY, 3_600_000)
    expect((await box.deliveries()).every(row => row.status === 'due')).toBe(true)
    down = false
    await box.pass(2 * DAY, 3_600_000)
    expect((await box.deliveries()).every(row => row.status === 'delivered')).toBe(true)
  })

  it('is switched off after five days of failures only, and an event says so', async () => {
    const box = await open()
    await box.addWebhook(B, { events: ['webhook.disabled'] })
    const webhook = await box.addWebhook(A)
    box.behaviours.set(A, () => ({ status: 500 }))
    const start = box.clock.now()
    for (let day = 0; day < 6; day += 1) {
      await box.receive(message('1@c.us', String(day)), message('2@c.us', String(day)))
      await box.dispatcher.idle()
      await box.pass(DAY, 3_600_000)
    }
    const told = box.received.filter(({ url }) => url === B)
    expect(told.map(({ json }) => json.data)).toMatchObject([
      { webhookId: webhook.id, url: A, reason: 'failing', failingSince: new Date(start).toISOString() },
    ])
    expect(told[0]!.at - start).toBeGreaterThanOrEqual(5 * DAY)
    const rows = (await box.deliveries()).filter(row => row.event === 'message.received')
    expect(rows.every(row => row.status === 'dead')).toBe(true)
    const posts = box.received.length
    await box.receive(message('1@c.us', 'late'))
    await box.pass(DAY, 3_600_000)
    expect(box.received.length).toBe(posts)
  })

  it('is switched off by one 410, once, however many are under way', async () => {
    const box = await open()
    await box.addWebhook(A)
    box.behaviours.set(A, () => ({ status: 410 }))
    await box.receive(...Array.from({ length: 20 }, (_, index) => message(`${index}@c.us`, String(index))))
    await box.dispatcher.idle()
    expect(box.received.length).toBeLessThanOrEqual(16)
    expect((await box.deliveries()).map(row => row.status)).toEqual(Array(20).fill('dead'))
    const events = await box.db.query.events.findMany()
    expect(events.filter(({ event }) => event === 'webhook.disabled').length).toBe(1)
  })
})

describe('what was read before its turn', () => {
  it('is not sent when its webhook has been switched off or its session deleted meanwhile', async () => {
    for (const change of ['switched off', 'deleted'] as const) {
      const box = await open()
      const webhook = await box.addWebhook(A)
      const gates: (() => void)[] = []
      box.behaviours.set(A, () => new Promise(resolve => gates.push(() => resolve({ status: 200 }))))
      await box.receive(...Array.from({ length: 24 }, (_, index) => message(`${index}@c.us`, String(index))))
      await until(() => gates.length === 16)
      if (change === 'switched off')
        await box.handlers['webhook.update']({
          sessionId: SESSION,
          webhookId: webhook.id,
          input: { active: false },
        })
      else {
        await box.writer.commit([{ sql: 'DELETE FROM sessions WHERE id = ?', args: [SESSION] }])
        // Of this nobody tells the dispatcher; what it holds is too old after a second.
        box.clock.advance(1_000)
      }
      for (const open of gates) open()
      await box.dispatcher.idle()
      expect([change, box.received.length]).toEqual([change, 16])
      expect(box.errors).toEqual([])
    }
  })

  it('is read again by parts where it is large', async () => {
    const box = await open()
    await box.addWebhook(A)
    const gate = Promise.withResolvers<void>()
    box.behaviours.set(A, () => gate.promise.then(() => ({ status: 200 })))
    const large = (index: number) => message(`${index}@c.us`, String(index), 'x'.repeat(200_000))
    await box.receive(...Array.from({ length: 24 }, (_, index) => large(index)))
    await until(() => box.received.length >= 1)
    gate.resolve()
    await box.dispatcher.idle()
    expect(new Set(box.received.map(({ json }) => json.data.id)).size).toBe(24)
    expect(box.received.length).toBe(24)
  })

  it('is not sent by a gateway whose database has failed, until it has rested', async () => {
    const box = await open()
    await box.addWebhook(A)
    const gates: (() => void)[] = []
    box.behaviours.set(A, () => new Promise(resolve => gates.push(() => resolve({ status: 200 }))))
    await box.receive(...Array.from({ length: 32 }, (_, index) => message(`${index}@c.us`, String(index))))
    await until(() => gates.length === 16)
    await box.writer.commit([
      {
        sql: "CREATE TRIGGER full BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(FAIL, 'disk'); END",
        args: [],
      },
    ])
    for (const open of gates.splice(0, 8)) open()
    await until(() => box.errors.length > 0)
    const before = box.received.length
    for (const open of gates.splice(0)) open()
    await box.dispatcher.idle()
    expect(box.received.length).toBe(before)
    await box.writer.commit([{ sql: 'DROP TRIGGER full', args: [] }])
    box.behaviours.clear()
    await box.pass(5_000)
    expect((await box.deliveries()).every(row => row.status === 'delivered')).toBe(true)
  })
})

describe('a session that another engine runs', () => {
  it('has its deliveries left to that engine, until it is no more', async () => {
    let isElsewhere = true
    const box = await open({ deps: { isElsewhere: async () => isElsewhere } })
    await box.addWebhook(A)
    await box.receive(message('1@c.us', '1'), message('2@c.us', '2'))
    await box.dispatcher.idle()
    expect(box.received).toEqual([])
    isElsewhere = false
    box.clock.advance(ELSEWHERE_MS)
    await box.dispatcher.idle()
    expect(box.received).toHaveLength(2)
  })
})

describe('a restart', () => {
  it('takes up what was left, with its tries and ids, and drains 10,000 without holding up others', async () => {
    const first = await openOutbox({ deps: { post: () => new Promise(() => {}) } })
    opened.push({ stop: async () => {}, remove: first.remove })
    await first.addWebhook(A, { ordered: false })
    await first.addWebhook(B)
    const dead = Array.from({ length: 10_000 }, (_, index) => message(`${index % 100}@c.us`, String(index)))
    for (let at = 0; at < dead.length; at += 500) await first.receive(...dead.slice(at, at + 500))
    await first.stop()
    const second = await open({ folder: first.folder, clock: first.clock })
    await second.receive(message('new@c.us', 'new'))
    await until(() => second.received.some(({ json }) => json.data.id === 'new'), 1_000)
    expect(second.received.length).toBeLessThan(5_000)
    await second.dispatcher.idle()
    const rows = await second.deliveries()
    expect(rows.length).toBe(20_002)
    expect(rows.every(row => row.status === 'delivered')).toBe(true)
    const ids = second.received.filter(({ url }) => url === B).map(({ json }) => Number(json.data.id))
    const chat = ids.filter(id => id % 100 === 7)
    expect(chat).toEqual(chat.toSorted((a, b) => a - b))
  }, 60_000)

  it('does not start the count of tries anew', async () => {
    const first = await open()
    await first.addWebhook(A)
    first.behaviours.set(A, () => ({ status: 500 }))
    await first.receive(message('1@c.us', 'M1'))
    await first.dispatcher.idle()
    await first.stop()
    const second = await open({ folder: first.folder, clock: first.clock })
    await second.pass(5_000)
    expect(second.received[0]?.headers['X-OpenWA-Retry-Count']).toBe('1')
    expect(second.received[0]?.json).toMatchObject({ deliveryId: first.received[0]?.json.deliveryId })
  })
})

describe('dead letters', () => {
  async function openWithDead(count = 3) {
    const box = await open()
    const webhook = await box.addWebhook(A, { retryCount: 1 })
    box.behaviours.set(A, () => ({ status: 500 }))
    for (let index = 0; index < count; index += 1) {
      await box.receive(message(`${index}@c.us`, String(index)))
      await box.dispatcher.idle()
      await box.pass(3_600_000)
    }
    return { ...box, webhook }
  }

  it('are replayed one, by filter and by time, under new delivery ids and the same event ids', async () => {
    const box = await openWithDead()
    const dead = await box.deliveries()
    expect(dead.map(row => row.status)).toEqual(['dead', 'dead', 'dead'])
    const replay = box.handlers['webhook.replay']
    box.behaviours.set(A, () => ({ status: 200 }))
    const one = await replay({ scope: null, input: { ids: [dead[0]!.id], status: 'dead', limit: 100 } })
    expect(one).toMatchObject({ replayed: 1, remaining: 0, deliveries: [{ replayOf: dead[0]!.id }] })
    const since = new Date(dead[2]!.createdAt).toISOString()
    expect(await replay({ scope: null, input: { since, status: 'dead', limit: 100 } })).toMatchObject({
      deliveries: [{ replayOf: dead[2]!.id, eventId: dead[2]!.eventId }],
    })
    const rest = { scope: null, input: { webhookId: box.webhook.id, status: 'dead' as const, limit: 100 } }
    expect((await replay(rest)).replayed).toBe(1)
    expect((await replay(rest)).replayed).toBe(0)
    await box.dispatcher.idle()
    const sent = box.received.slice(-3)
    expect(sent.map(({ headers }) => headers['webhook-id']).sort()).toEqual(
      dead.map(row => row.eventId).sort(),
    )
    expect(sent.some(({ json }) => dead.some(row => row.id === json.deliveryId))).toBe(false)
    expect(sent.map(({ json }) => json.idempotencyKey).sort()).toEqual(
      dead.map(row => row.idempotencyKey).sort(),
    )
  })

  it('are redriven with the figures of OpenWA, and not those of sessions that a key may not see', async () => {
    const box = await openWithDead()
    const redrive = box.handlers['webhook.redrive']
    expect(await redrive({ scope: [], input: { limit: 100 } })).toMatchObject({ redriven: 0, remaining: 0 })
    box.behaviours.set(A, ({ json }) => ({ status: json.data.id === '1' ? 500 : 200 }))
    expect(await redrive({ scope: [SESSION], input: { limit: 2 } })).toEqual({
      redriven: 2,
      delivered: 1,
      failed: 1,
      enqueued: 0,
      skipped: 0,
      remaining: 2,
    })
  })

  it('of a webhook that is switched off are skipped', async () => {
    const box = await openWithDead(1)
    const of = { sessionId: SESSION, webhookId: box.webhook.id }
    await box.handlers['webhook.update']({ ...of, input: { active: false } })
    expect(await box.handlers['webhook.redrive']({ scope: null, input: { limit: 100 } })).toMatchObject({
      redriven: 0,
      skipped: 1,
      remaining: 1,
    })
  })
})

describe('plugins', () => {
  type Answers = Partial<Record<HookName, (data: never) => { continue?: boolean; data?: unknown }>>
  async function openWithHooks(answers: Answers) {
    const calls: [string, unknown][] = []
    const box = await open({
      deps: {
        hooks: {
          order: () => [{}],
          async run(event, data) {
            calls.push([event, data])
            const answer = answers[event]?.(data as never) ?? {}
            return { continue: answer.continue ?? true, data: (answer.data ?? data) as typeof data }
          },
        },
      },
    })
    await box.addWebhook(A)
    return { ...box, calls }
  }

  it('are called at their places', async () => {
    const box = await openWithHooks({})
    await box.receive(message('1@c.us', 'M1'))
    await box.dispatcher.idle()
    expect(box.calls.map(([event]) => event)).toEqual([
      'webhook:before',
      'webhook:queued',
      'webhook:delivered',
      'webhook:after',
    ])
    box.behaviours.set(A, () => ({ status: 410 }))
    await box.receive(message('1@c.us', 'M2'))
    await box.dispatcher.idle()
    expect(box.calls.at(-1)).toMatchObject([
      'webhook:error',
      { error: 'The endpoint answered 410', attempt: 1 },
    ])
  })

  it('may cancel a delivery, and the next of the chat goes', async () => {
    const box = await openWithHooks({
      'webhook:before': (data: { payload: { data: { id: string } } }) => ({
        continue: data.payload.data.id !== 'M1',
      }),
    } as Answers)
    await box.receive(message('1@c.us', 'M1'), message('1@c.us', 'M2'))
    await box.dispatcher.idle()
    expect(box.received.map(({ json }) => json.data.id)).toEqual(['M2'])
    expect((await box.deliveries())[0]).toMatchObject({ status: 'cancelled', attempts: 0 })
  })

  it('may rewrite the body but not its ids, and a retry sends the same', async () => {
    let asked = 0
    const box = await openWithHooks({
      'webhook:before': (data: { payload: object }) => {
        asked += 1
        return {
          data: { ...data, payload: { ...data.payload, deliveryId: 'x', event: 'y', data: { n: asked } } },
        }
      },
    } as Answers)
    box.behaviours.set(A, () => ({ status: box.received.length > 1 ? 200 : 500 }))
    await box.receive(message('1@c.us', 'M1'))
    await box.dispatcher.idle()
    await box.pass(5_000)
    expect(box.received.map(({ json }) => json.data)).toEqual([{ n: 1 }, { n: 1 }])
    expect(box.received[1]?.json).toMatchObject({ event: 'message.received' })
    expect(box.received[1]?.json.deliveryId).toMatch(/^dlv_/)
    expect(asked).toBe(1)
  })
})

describe('payloads', () => {
  it('above the cap lose their media, and are parked alone where that is not enough', async () => {
    const box = await open({ deps: { maxPayloadBytes: 20_000, maxInlineMediaBytes: 50_000 } })
    await box.addWebhook(A)
    const media = (size: number) => ({ mimetype: 'image/png', data: 'A'.repeat(size) })
    await box.receive(
      { ...message('1@c.us', 'huge media'), media: media(100_000) },
      { ...message('1@c.us', 'media'), media: media(40_000) },
      message('1@c.us', 'body', 'x'.repeat(30_000)),
      message('1@c.us', 'after'),
    )
    await box.dispatcher.idle()
    expect(box.received.map(({ json }) => [json.data.id, json.data.media?.omitted])).toEqual([
      ['huge media', true],
      ['media', true],
      ['after', undefined],
    ])
    expect((await box.deliveries())[2]).toMatchObject({
      status: 'dead',
      attempts: 0,
      lastError: expect.stringContaining('exceeding the 20000-byte cap'),
    })
  })

  it('with all that text can hold arrive as they were', async () => {
    const box = await open()
    await box.addWebhook(A)
    const odd = 'emoji 🦊, half \ud83d pair, nul \u0000, quote " and  '
    await box.receive({ ...message('1@c.us', 'M1', odd), big: 2n ** 64n, safe: Number.MAX_SAFE_INTEGER })
    await box.dispatcher.idle()
    expect(box.errors).toEqual([])
    expect(box.received[0]?.json.data).toMatchObject({
      body: odd,
      big: '18446744073709551616',
      safe: Number.MAX_SAFE_INTEGER,
    })
  })
})

describe('the event log', () => {
  it('records nothing when the cause has changed nothing', async () => {
    const box = await open()
    await box.addWebhook(A, { events: ['*'] })
    const ack = { id: 'M', messageId: 'M', status: 'read', ack: 3, chatId: '1@c.us' } as const
    const facts = { occurredAt: box.clock.now(), onlyIf: 'changed' as const }
    const touch = (key: string) => ({
      sql: `UPDATE sessions SET phone = '1' WHERE name = ?`,
      args: [key],
    })
    await box.writer.commit([touch('nobody'), ...box.record('message.ack', SESSION, ack, facts)])
    await box.writer.commit([touch('test'), ...box.record('message.ack', SESSION, ack, facts)])
    await box.writer.commit(
      box.record('message.received', SESSION, message('1@c.us', 'M'), {
        occurredAt: 0,
        onlyIf: { messageStored: 'no such row' },
      }),
    )
    await box.dispatcher.idle()
    expect(box.received.map(({ json }) => json.event)).toEqual(['message.ack'])
    expect((await box.db.query.events.findMany()).length).toBe(1)
  })

  it('is not written, nor anything delivered, when its transaction fails', async () => {
    const box = await open()
    await box.addWebhook(A)
    const broken = { sql: 'INSERT INTO sessions (id) VALUES (?)', args: ['x'] }
    await expect(
      box.writer.commit([
        ...box.record('message.received', SESSION, message('1@c.us', 'M'), { occurredAt: 0 }),
        broken,
      ]),
    ).rejects.toThrow()
    await box.dispatcher.idle()
    expect([box.received, await box.deliveries(), await box.db.query.events.findMany()]).toEqual([[], [], []])
  })
})
