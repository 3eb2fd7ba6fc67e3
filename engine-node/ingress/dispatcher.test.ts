import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { statement } from '../../src/db/db.ts'
import { ingressEvents, plugins } from '../../src/db/schema.ts'
import { openIngress, type TestIngress } from '../../test/support/ingress.ts'
import { createLog } from '../log.ts'
import type { WebhookCall } from './attempt.ts'
import { RETRY_WAITS_MS } from './dispatcher.ts'
import { startIngressRetention } from './retention.ts'

let ingress: TestIngress
let handled: WebhookCall[]
const ids = () => handled.map(call => call.request.deliveryId)
const idle = () => ingress.now.dispatcher.idle()
const send = (id: string, conversation?: string) =>
  ingress.receive({
    headers: { 'x-delivery': id },
    body: JSON.stringify(conversation ? { conversation: { id: conversation } } : {}),
  })
const refuse = async () => {
  throw new GatewayError('plugin_failed', 'no luck')
}
const record = async (call: WebhookCall) => {
  handled.push(call)
}
/** A handler that waits until it is let go. */
function gate() {
  const held: { call: WebhookCall; open: () => void }[] = []
  const waiters: { count: number; ready: () => void }[] = []
  return {
    held,
    handler: (call: WebhookCall) =>
      new Promise<void>(open => {
        handled.push(call)
        held.push({ call, open })
        for (const waiter of waiters) if (held.length >= waiter.count) waiter.ready()
      }),
    reached: (count: number) =>
      held.length >= count ? Promise.resolve() : new Promise<void>(ready => waiters.push({ count, ready })),
  }
}

beforeEach(async () => {
  handled = []
  ingress = await openIngress()
  ingress.handle(record)
  await ingress.provision({ sessionScope: 's1' })
})
afterEach(() => ingress[Symbol.asyncDispose]())

describe('a delivery', () => {
  it('reaches its handler once, with the request as OpenWA gives it, and is forgotten but for its id', async () => {
    await ingress.receive({
      headers: { 'x-delivery': 'd1', cookie: 'c', 'x-other': 'o' },
      body: '{"a":"ü"}',
      query: { q: '1' },
    })
    await idle()
    expect(handled).toEqual([
      {
        route: 'chat',
        instanceId: 'main',
        request: {
          instanceId: 'main',
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-token': '[redacted]',
            'x-delivery': 'd1',
            cookie: '[redacted]',
            'x-other': 'o',
          },
          query: { q: '1' },
          body: '{"a":"ü"}',
          rawBody: '{"a":"ü"}',
          verified: true,
          deliveryId: 'd1',
          sessionId: 's1',
        },
      },
    ])
    const [row] = await ingress.rows()
    expect(row).toMatchObject({ state: 'done', requestSealed: null, attempts: 1 })
  })

  it('is one effect when it comes 100 times at once, and each sender hears the same', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => send('same')))
    await idle()
    expect(ids()).toEqual(['same'])
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(['202 accepted']))
  })

  it('is known for as long as it is kept, over a restart and with another body', async () => {
    await send('d1')
    await idle()
    await ingress.restart()
    await send('d1', 'elsewhere')
    await idle()
    expect(ids()).toEqual(['d1'])
  })

  it('is told from a repeat', async () => {
    const delivery = {
      pluginId: 'desk',
      instanceId: 'main',
      route: 'chat',
      deliveryId: 'd1',
      conversationId: null,
      sessionId: null,
      request: { method: 'POST', headers: {}, query: {}, rawBody: '', verified: true },
    }
    expect(await ingress.now.dispatcher.add(delivery)).toBe('new')
    expect(await ingress.now.dispatcher.add(delivery)).toBe('known')
    await idle()
    expect(ids()).toEqual(['d1'])
  })

  it('is another one on another route', async () => {
    await send('d1')
    await ingress.receive({ route: 'open', headers: { 'x-delivery': 'd1' } })
    await idle()
    expect(ids()).toEqual(['d1', 'd1'])
  })

  it('is not acknowledged when it cannot be stored, and taken when it comes again', async () => {
    ingress.now.breakWrites(true)
    await expect(send('d1')).rejects.toThrow('disk full')
    ingress.now.breakWrites(false)
    expect((await send('d1')).status).toBe(202)
    await idle()
    expect(ids()).toEqual(['d1'])
  })
})

describe('durability', () => {
  it('runs after a restart what was acknowledged before it, in order', async () => {
    const { handler, reached } = gate()
    ingress.handle(handler)
    for (const id of ['a', 'b', 'c']) expect((await send(id, 'one')).status).toBe(202)
    await reached(1)
    handled = []
    ingress.handle(record)
    await ingress.restart()
    expect(ids()).toEqual(['a', 'b', 'c'])
    expect((await ingress.rows()).map(row => row.state)).toEqual(['done', 'done', 'done'])
  })

  it('runs again, with the same id, when the success could not be stored', async () => {
    ingress.handle(async call => {
      handled.push(call)
      ingress.now.breakWrites(handled.length === 1)
    })
    await send('d1')
    await idle()
    ingress.now.breakWrites(false)
    ingress.clock.advance(5_000)
    await idle()
    expect(ids()).toEqual(['d1', 'd1'])
    expect((await ingress.rows())[0]?.state).toBe('done')
  })

  it('does not start over counting tries after a restart', async () => {
    ingress.handle(refuse)
    await send('d1')
    await idle()
    await ingress.restart()
    expect((await ingress.rows())[0]).toMatchObject({ attempts: 1, state: 'pending' })
    ingress.clock.advance(RETRY_WAITS_MS[0] ?? 0)
    await idle()
    expect((await ingress.rows())[0]).toMatchObject({ attempts: 2, state: 'pending' })
  })
})

describe('order', () => {
  it('runs one conversation in order, and others beside it', async () => {
    const { held, handler, reached } = gate()
    ingress.handle(handler)
    await Promise.all([send('a1', 'a'), send('a2', 'a'), send('b1', 'b'), send('a3', 'a')])
    await reached(2)
    expect(ids()).toEqual(['a1', 'b1'])
    held[0]?.open()
    await reached(3)
    expect(ids()).toEqual(['a1', 'b1', 'a2'])
    for (const one of held) one.open()
    await reached(4)
    for (const one of held) one.open()
    await idle()
    expect(ids()).toEqual(['a1', 'b1', 'a2', 'a3'])
  })

  it('runs all of an instance in order where there is no conversation', async () => {
    const { held, handler, reached } = gate()
    ingress.handle(handler)
    for (const id of ['1', '2', '3']) await send(id)
    for (let count = 1; count <= 3; count += 1) {
      await reached(count)
      expect(held.length).toBe(count)
      held[count - 1]?.open()
    }
    await idle()
    expect(ids()).toEqual(['1', '2', '3'])
  })

  it('runs no more than so many at once', async () => {
    const narrow = await openIngress({ concurrency: 3 })
    await narrow.provision()
    const { held, handler, reached } = gate()
    narrow.handle(handler)
    for (let index = 0; index < 8; index += 1)
      await narrow.receive({
        headers: { 'x-delivery': `${index}` },
        body: `{"conversation":{"id":${index}}}`,
      })
    await reached(3)
    expect(held.length).toBe(3)
    for (let count = 4; count <= 8; count += 1) {
      held[count - 4]?.open()
      await reached(count)
      expect(held.length).toBe(count)
    }
    for (const one of held) one.open()
    await narrow[Symbol.asyncDispose]()
  })

  it('has so many of an instance wait and no more, over a restart: the rest stay with their senders', async () => {
    await using narrow = await openIngress({ maxWaiting: 3 })
    await narrow.provision()
    await narrow.provision({ instanceId: 'other' })
    narrow.handle(refuse)
    const ask = (id: string, instanceId = 'main') =>
      narrow.receive({ headers: { 'x-delivery': id }, instanceId })
    const answers = await Promise.all(['1', '2', '3', '4', '5'].map(id => ask(id)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 202, 202, 503, 503])
    await narrow.restart()
    expect(await ask('6')).toMatchObject({ status: 503, headers: { 'retry-after': '120' } })
    expect((await ask('6', 'other')).status).toBe(202)
    expect(await narrow.rows()).toHaveLength(4)
    narrow.handle(record)
    for (const wait of RETRY_WAITS_MS) {
      narrow.clock.advance(wait)
      await narrow.now.dispatcher.idle()
    }
    for (const id of ['6', '7', '6']) expect((await ask(id)).status).toBe(202)
    await narrow.now.dispatcher.idle()
    expect((await narrow.rows()).map(({ state }) => state)).toEqual(Array(6).fill('done'))
  })

  it('lets the rest of a conversation wait for the first, and others pass', async () => {
    ingress.handle(async call => {
      handled.push(call)
      if (call.request.deliveryId === 'a1' && handled.length < 3)
        throw new GatewayError('plugin_failed', 'not yet')
    })
    await send('a1', 'a')
    await send('a2', 'a')
    await idle()
    await send('b1', 'b')
    await idle()
    expect(ids()).toEqual(['a1', 'b1'])
    ingress.clock.advance(RETRY_WAITS_MS[0] ?? 0)
    await idle()
    expect(ids()).toEqual(['a1', 'b1', 'a1', 'a2'])
  })
})

describe('a handler that fails', () => {
  async function exhaust() {
    await idle()
    for (const wait of RETRY_WAITS_MS) {
      ingress.clock.advance(wait)
      await idle()
    }
  }

  it('is tried five times with growing waits, then the delivery is a dead letter and plugins hear of it', async () => {
    let tries = 0
    ingress.handle(async () => {
      tries += 1
      await refuse()
    })
    await send('d1', 'conversation')
    await idle()
    for (const [index, wait] of RETRY_WAITS_MS.entries()) {
      expect(tries).toBe(index + 1)
      ingress.clock.advance(wait - 1)
      await idle()
      expect(tries).toBe(index + 1)
      expect(ingress.told).toEqual([])
      ingress.clock.advance(1)
      await idle()
    }
    expect(tries).toBe(5)
    expect((await ingress.rows())[0]).toMatchObject({ state: 'dead', error: 'no luck', attempts: 5 })
    expect(ingress.told).toMatchObject([
      {
        event: 'ingress:error',
        origin: { sessionId: 's1', source: 'IngressProcessor' },
        data: {
          pluginId: 'desk',
          instanceId: 'main',
          route: 'chat',
          deliveryId: 'd1',
          sessionId: 's1',
          providerConversationId: 'conversation',
          error: 'no luck',
          attempts: 5,
          payload: { rawBody: '{"conversation":{"id":"conversation"}}' },
        },
      },
    ])
  })

  it('has five seconds', async () => {
    let aborted: unknown
    let started = () => {}
    const running = new Promise<void>(resolve => {
      started = resolve
    })
    ingress.handle((_, signal) => {
      signal.addEventListener('abort', () => {
        aborted = signal.reason
      })
      started()
      return new Promise(() => {})
    })
    await send('d1')
    await running
    ingress.clock.advance(4_999)
    expect(aborted).toBe(undefined)
    ingress.clock.advance(1)
    await idle()
    expect(aborted).toMatchObject({ code: 'plugin_timeout' })
    expect((await ingress.rows())[0]).toMatchObject({
      state: 'pending',
      attempts: 1,
      error: expect.stringContaining('5000 ms'),
    })
  })

  it('does not wait for a clock that was set back', async () => {
    ingress.handle(refuse)
    await send('d1')
    await idle()
    ingress.handle(record)
    ingress.clock.advance(-86_400_000)
    await ingress.restart()
    expect(ids()).toEqual(['d1'])
  })

  it('is taken up again in batches of a hundred, once', async () => {
    ingress.handle(refuse)
    await Promise.all(Array.from({ length: 130 }, (_, index) => send(`d${index}`, `${index}`)))
    await exhaust()
    ingress.handle(record)
    const [first, second] = await Promise.all([
      ingress.now.dispatcher.redrive('desk', 'main'),
      ingress.now.dispatcher.redrive('desk', 'main'),
    ])
    expect(first.redriven + second.redriven).toBeLessThanOrEqual(130)
    expect(first.batchSize).toBe(100)
    await ingress.now.dispatcher.redrive('desk', 'main')
    await idle()
    expect(await ingress.now.dispatcher.redrive('desk', 'main')).toEqual({
      redriven: 0,
      remaining: 0,
      batchSize: 100,
    })
    expect(new Set(ids()).size).toBe(130)
    expect(ids().length).toBe(130)
  })

  it('is not taken up for an instance that is disabled, deleted or was never there', async () => {
    ingress.handle(refuse)
    await send('d1')
    await exhaust()
    await ingress.now.instances.update('desk', 'main', { enabled: false })
    await expect(ingress.now.dispatcher.redrive('desk', 'main')).rejects.toMatchObject({
      code: 'instance_inactive',
    })
    await ingress.now.instances.remove('desk', 'main')
    await expect(ingress.now.dispatcher.redrive('desk', 'main')).rejects.toMatchObject({
      code: 'instance_inactive',
    })
    await expect(ingress.now.dispatcher.redrive('desk', 'other')).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('an instance that went away', () => {
  async function leaveOneWaiting() {
    ingress.handle(refuse)
    await send('d1')
    await idle()
    ingress.handle(record)
  }

  it('has its deliveries wait while it is disabled, without a try', async () => {
    await leaveOneWaiting()
    await ingress.now.instances.update('desk', 'main', { enabled: false })
    ingress.clock.advance(600_000)
    await idle()
    expect(handled).toEqual([])
    expect((await ingress.rows())[0]).toMatchObject({ state: 'pending', attempts: 1 })
    await ingress.now.instances.update('desk', 'main', { enabled: true })
    await idle()
    expect(ids()).toEqual(['d1'])
  })

  it('has them as dead letters once it is deleted', async () => {
    await leaveOneWaiting()
    await ingress.now.instances.remove('desk', 'main')
    ingress.clock.advance(1_000)
    await idle()
    expect((await ingress.rows())[0]).toMatchObject({ state: 'dead', error: 'The instance was deleted' })
    expect(ingress.told.length).toBe(1)
  })

  it('waits for a plugin that is stopped or disabled', async () => {
    ingress.handle(async () => {
      throw new GatewayError('plugin_stopped', 'The plugin is not running')
    })
    await send('d1')
    await idle()
    ingress.handle(record)
    const enable = (enabledByOperator: boolean) =>
      ingress.now.writer.commit([
        statement(ingress.now.db.update(plugins).set({ enabledByOperator }).where(eq(plugins.id, 'desk'))),
      ])
    await enable(false)
    ingress.clock.advance(30_000)
    await idle()
    expect(handled).toEqual([])
    await enable(true)
    ingress.now.dispatcher.wake('desk')
    await idle()
    expect(ids()).toEqual(['d1'])
    expect((await ingress.rows())[0]).toMatchObject({ state: 'done', attempts: 1 })
  })
})

it('forgets finished deliveries after a week and dead ones after 90 days, and gives up what waits for so long', async () => {
  await send('done')
  await idle()
  ingress.handle(refuse)
  await send('dead', 'x')
  await idle()
  for (const wait of RETRY_WAITS_MS) {
    ingress.clock.advance(wait)
    await idle()
  }
  await send('waiting', 'y')
  await idle()
  await ingress.now.instances.update('desk', 'main', { enabled: false })
  /** What is left after a sweep, which each start makes. */
  async function sweep() {
    const retention = startIngressRetention({
      db: ingress.now.db,
      writer: ingress.now.writer,
      clock: ingress.clock,
      log: createLog('silent'),
      days: { done: 7, dead: 90 },
      maxDead: 2,
    })
    await retention[Symbol.asyncDispose]()
    return (await ingress.rows()).map(row => row.deliveryId)
  }
  const day = 86_400_000
  const [done, dead] = (await ingress.rows()).map(row => row.finishedAt ?? 0)
  const until = (time: number) => ingress.clock.advance(time - ingress.clock.now())
  until((done ?? 0) + 7 * day)
  expect(await sweep()).toEqual(['done', 'dead', 'waiting'])
  ingress.clock.advance(1)
  expect(await sweep()).toEqual(['dead', 'waiting'])
  until((dead ?? 0) + 90 * day)
  expect(await sweep()).toEqual(['dead', 'waiting'])
  ingress.clock.advance(1)
  expect(await sweep()).toEqual(['waiting'])
  const [waiting] = await ingress.rows()
  expect(waiting).toMatchObject({ state: 'dead', error: 'Nobody has taken it in 90 days' })
  expect(waiting?.requestSealed).not.toBeNull()
})

it('keeps of the dead ones of an instance the last so many', async () => {
  const finished = [3, 1, 2, 5]
  const { db, writer } = ingress.now
  await writer.commit(
    finished.map((finishedAt, index) =>
      statement(
        db.insert(ingressEvents).values({
          ...{ pluginId: 'desk', instanceId: index < 3 ? 'main' : 'other', route: 'chat', state: 'dead' },
          ...{ deliveryId: `${index}`, nextAttemptAt: 0, receivedAt: ingress.clock.now() },
          finishedAt: ingress.clock.now() + finishedAt,
        }),
      ),
    ),
  )
  const { clock } = ingress
  const retention = startIngressRetention({
    ...{ db, writer, clock, log: createLog('silent'), days: { done: 7, dead: 90 }, maxDead: 2 },
  })
  await retention[Symbol.asyncDispose]()
  expect((await ingress.rows()).map(row => row.deliveryId)).toEqual(['0', '2', '3'])
})

it('looks for what to forget every hour', async () => {
  await send('done')
  await idle()
  let swept = () => {}
  const retention = startIngressRetention({
    db: ingress.now.db,
    writer: {
      commit: async statements => {
        swept()
        return statements.map(() => 0)
      },
    },
    clock: ingress.clock,
    log: createLog('silent'),
    days: { done: 7, dead: 90 },
    maxDead: 2,
  })
  await Promise.resolve()
  for (let hour = 0; hour < 3; hour += 1) {
    const sweeping = new Promise<void>(resolve => {
      swept = resolve
    })
    await new Promise(setImmediate)
    ingress.clock.advance(3_600_000)
    await sweeping
  }
  await retention[Symbol.asyncDispose]()
  expect(ingress.clock.pending).toBe(0)
})
