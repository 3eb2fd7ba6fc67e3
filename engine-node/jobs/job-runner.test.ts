import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { FaultPoint } from '../fault.ts'
import { CHAT, createWorld, type JobsRig, OTHER, openJobs, SESSION } from './jobs.fixtures.ts'

const HOUR = 60 * 60_000
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const rig of open.splice(0).reverse()) await rig[Symbol.asyncDispose]()
})

function newWorld() {
  const world = createWorld()
  open.push({ [Symbol.asyncDispose]: async () => world[Symbol.dispose]() })
  return world
}

async function start(world = newWorld(), options: Parameters<typeof openJobs>[1] = {}) {
  const rig = await openJobs(world, options)
  open.push(rig)
  return { world, rig }
}

/** The gateway after a crash: the old one does nothing any more. */
async function restart(
  rig: JobsRig,
  world: ReturnType<typeof newWorld>,
  options: Parameters<typeof openJobs>[1] = {},
) {
  open.splice(open.indexOf(rig), 1)
  await rig[Symbol.asyncDispose]()
  return (await start(world, options)).rig
}

describe('a scheduled send', () => {
  it('goes at its time, and not before', async () => {
    const { world, rig } = await start()
    const { jobId } = await rig.schedule('later', 10_000)
    await rig.pass(9_000)
    expect(world.wire).toEqual([])
    expect(await rig.scheduled(jobId)).toMatchObject({ status: 'waiting' })
    await rig.pass(1_000)
    expect(world.wire).toMatchObject([{ text: 'later', chatId: CHAT, source: 'MessageService' }])
    expect(await rig.scheduled(jobId)).toMatchObject({ status: 'sent', messageId: 'WA1' })
  })

  it('waits for its session, and is given up when that takes a day', async () => {
    const { world, rig } = await start()
    rig.ready.delete(SESSION)
    const { jobId } = await rig.schedule('patient', 0)
    await rig.pass(10 * 60_000, 60_000)
    expect(world.wire).toEqual([])
    rig.ready.add(SESSION)
    await rig.jobs
      .behind({ order: () => [], run: async (_event, data) => ({ continue: true, data }) })
      .run('session:ready', { phone: null, pushName: null }, { sessionId: SESSION, source: 'Engine' })
    await rig.quiet()
    expect(world.wire).toMatchObject([{ text: 'patient' }])
    expect(await rig.scheduled(jobId)).toMatchObject({ status: 'sent' })

    rig.ready.delete(SESSION)
    const late = await rig.schedule('too late', 0)
    await rig.pass(25 * HOUR, HOUR)
    rig.ready.add(SESSION)
    await rig.pass(10_000)
    expect(world.wire).toHaveLength(1)
    expect(await rig.scheduled(late.jobId)).toMatchObject({ status: 'failed', error: { code: 'EXPIRED' } })
  })

  it('can be cancelled while it waits, and only then', async () => {
    const { world, rig } = await start()
    const { jobId } = await rig.schedule('never', 5_000)
    await rig.cancel(jobId)
    await expect(rig.cancel(jobId)).rejects.toMatchObject({ code: 'job_not_waiting' })
    const sent = await rig.schedule('now', 0)
    await rig.pass(10_000)
    await expect(rig.cancel(sent.jobId)).rejects.toMatchObject({ code: 'job_not_waiting' })
    expect(world.wire.map(({ text }) => text)).toEqual(['now'])
  })

  it('holds up no other session', async () => {
    const { world, rig } = await start()
    const slow = Promise.withResolvers<void>()
    rig.trouble.push(() => slow.promise)
    await rig.schedule('slow', 0)
    await rig.jobs.handlers['schedule.create']({
      sessionId: OTHER,
      send: { type: 'text', input: { chatId: CHAT, text: 'quick' } } as never,
      sendAt: world.clock.now(),
    })
    while (world.wire.length === 0) await new Promise(setImmediate)
    expect(world.wire.map(({ text }) => text)).toEqual(['quick'])
    slow.resolve()
    await rig.quiet()
    expect(world.wire.map(({ text }) => text)).toEqual(['quick', 'slow'])
  })

  it('is tried again where nothing went out, and fails where trying again helps nobody', async () => {
    const { world, rig } = await start()
    rig.trouble.push(() => new GatewayError('session_not_ready', 'not now'))
    const waits = await rig.schedule('waits', 0)
    await rig.quiet()
    expect(await rig.scheduled(waits.jobId)).toMatchObject({ status: 'waiting' })
    await rig.pass(5_000)
    expect(world.wire.map(({ text }) => text)).toEqual(['waits'])
    rig.trouble.push(() => new GatewayError('sending_blocked', 'Message sending blocked by plugin'))
    const blocked = await rig.schedule('blocked', 0)
    await rig.pass(60_000, 5_000)
    expect(await rig.scheduled(blocked.jobId)).toMatchObject({
      status: 'failed',
      error: { code: 'SENDING_BLOCKED', message: 'Message sending blocked by plugin' },
    })
    expect(world.wire).toHaveLength(1)
  })

  it('that fails is an event once, alone or in a batch, and so is none that was sent or cancelled', async () => {
    const { rig } = await start()
    const no = () => new GatewayError('sending_blocked', 'no')
    rig.trouble.push(no)
    const { jobId } = await rig.schedule('refused', 0)
    await rig.pass(10_000)
    rig.trouble.push(() => undefined, no)
    const { batchId } = await rig.bulk(['a', 'b', 'c'], { options: { stopOnError: true } })
    await rig.pass(60_000, 5_000)
    const events = await rig.db.query.events.findMany()
    expect(events.map(({ event, chatId }) => [event, chatId])).toEqual(
      Array(2).fill(['message.failed', CHAT]),
    )
    const told = events.map(({ data }) => JSON.parse(data))
    expect(told[0]).toEqual({
      id: jobId,
      messageId: jobId,
      jobId,
      status: 'failed',
      ack: -1,
      chatId: CHAT,
      error: 'sending_blocked',
    })
    const { results } = await rig.batch(batchId)
    expect(results?.map(({ status }) => status)).toEqual(['sent', 'failed', 'cancelled'])
    expect(told[1]).toMatchObject({ error: 'sending_blocked', chatId: CHAT, batchId })
  })

  it('is not sent again when only its end could not be stored', async () => {
    const { world, rig } = await start()
    rig.refuse.match = /coalesce\(claimed_at/
    const { jobId } = await rig.schedule('once', 0)
    await rig.quiet()
    expect(world.wire).toEqual([])
    rig.refuse.match = /SET state = \?, wa_message_id/
    await rig.pass(20_000)
    expect(world.wire).toHaveLength(1)
    expect(rig.errors).not.toEqual([])
    rig.refuse.match = null
    await rig.pass(20_000)
    expect(world.wire).toHaveLength(1)
    expect(await rig.scheduled(jobId)).toMatchObject({ status: 'sent', messageId: 'WA1' })
  })
})

describe('a crash', () => {
  const texts = ['a', 'b', 'c', 'd']
  const points: [FaultPoint, number][] = texts.flatMap((_text, index) =>
    (['jobs.after-claim', 'jobs.after-send'] as const).map(
      point => [point, index + 1] satisfies [FaultPoint, number],
    ),
  )

  it.each(points)('at %s, pass %i, sends nothing twice and goes on where it stopped', async (point, pass) => {
    const { world, rig } = await start(newWorld(), { crashAt: [point, pass] })
    const { batchId } = await rig.bulk(texts)
    await rig.pass(20_000)
    expect(rig.isDead).toBe(true)
    expect(world.wire).toHaveLength(point === 'jobs.after-send' ? pass : pass - 1)
    const next = await restart(rig, world)
    await next.pass(20_000)
    expect(world.wire.map(({ text }) => text)).toEqual(texts)
    const batch = await next.batch(batchId)
    expect(batch).toMatchObject({ status: 'completed', progress: { total: 4, sent: 4 } })
    expect(batch.results.map(({ messageId }) => messageId)).toEqual(['WA1', 'WA2', 'WA3', 'WA4'])
  })

  it.each([
    ['jobs.after-claim', [], { sent: 0, cancelled: 3 }],
    ['jobs.after-send', ['x'], { sent: 1, cancelled: 2 }],
  ] as const)('at %s before a cancel', async (point, wire, progress) => {
    const { world, rig } = await start(newWorld(), { crashAt: [point, 1] })
    const { batchId } = await rig.bulk(['x', 'y', 'z'])
    await rig.quiet()
    expect(rig.isDead).toBe(true)
    const next = await restart(rig, world, { ready: [] })
    await next.jobs.handlers['bulk.cancel']({ sessionId: SESSION, batchId })
    next.ready.add(SESSION)
    await next.pass(20_000)
    expect(world.wire.map(({ text }) => text)).toEqual(wire)
    expect(await next.batch(batchId)).toMatchObject({ status: 'cancelled', progress })
  })

  it('that lasted longer than keys are kept leaves an unknown outcome, and no second message', async () => {
    const { world, rig } = await start(newWorld(), { crashAt: ['jobs.after-send', 1] })
    const { batchId } = await rig.bulk(['x', 'y'])
    await rig.quiet()
    await rig.queue.commit([{ sql: 'DELETE FROM idempotency_keys', args: [] }])
    world.clock.advance(24 * HOUR)
    const next = await restart(rig, world)
    await next.pass(10_000)
    expect(world.wire.map(({ text }) => text)).toEqual(['x', 'y'])
    expect((await next.batch(batchId)).results).toMatchObject([
      { status: 'failed', error: { code: 'OUTCOME_UNKNOWN' } },
      { status: 'sent' },
    ])
  })
})

describe('a batch', () => {
  it('goes one by one at the pace that was asked for', async () => {
    const { world, rig } = await start()
    const begin = world.clock.now()
    const { batchId } = await rig.bulk(['a', 'b', 'c'], {
      options: { delayBetweenMessages: 4_000, randomizeDelay: false },
    })
    await rig.pass(4_000)
    expect(await rig.batch(batchId)).toMatchObject({
      status: 'processing',
      progress: { total: 3, sent: 2, failed: 0, pending: 1, cancelled: 0 },
      completedAt: null,
    })
    await rig.pass(4_000)
    expect(world.wire.map(({ at }) => at - begin)).toEqual([0, 4_000, 8_000])
    expect(world.wire.every(({ source }) => source === 'BulkMessageService')).toBe(true)
    const done = await rig.batch(batchId)
    expect(done).toMatchObject({ status: 'completed', startedAt: new Date(begin).toISOString() })
    expect(done.completedAt).toBe(new Date(begin + 8_000).toISOString())
  })

  it('goes on after a failure, or stops, as was asked for', async () => {
    const { world, rig } = await start()
    const fail = () => new GatewayError('not_found', 'no such chat')
    rig.trouble.push(fail)
    const goesOn = await rig.bulk(['a', 'b'])
    await rig.pass(10_000)
    expect(await rig.batch(goesOn.batchId)).toMatchObject({
      status: 'completed',
      progress: { sent: 1, failed: 1 },
      results: [
        { status: 'failed', error: { code: 'NOT_FOUND', message: 'no such chat' } },
        { status: 'sent' },
      ],
    })
    rig.trouble.push(fail)
    const stops = await rig.bulk(['c', 'd', 'e'], { options: { stopOnError: true } })
    await rig.pass(20_000)
    expect(await rig.batch(stops.batchId)).toMatchObject({
      status: 'failed',
      progress: { sent: 0, failed: 1, cancelled: 2, pending: 0 },
    })
    rig.trouble.push(fail, fail)
    const allFail = await rig.bulk(['f', 'g'])
    await rig.pass(10_000)
    expect(await rig.batch(allFail.batchId)).toMatchObject({ status: 'failed', progress: { failed: 2 } })
    expect(world.wire.map(({ text }) => text)).toEqual(['b'])
  })

  it('is cancelled in the middle, once', async () => {
    const { world, rig } = await start()
    const { batchId } = await rig.bulk(['a', 'b', 'c'])
    await rig.pass(1_000)
    const cancel = () => rig.jobs.handlers['bulk.cancel']({ sessionId: SESSION, batchId })
    expect(await cancel()).toEqual({
      batchId,
      status: 'cancelled',
      progress: { total: 3, sent: 1, failed: 0, pending: 0, cancelled: 2 },
    })
    await expect(cancel()).rejects.toMatchObject({ code: 'batch_ended' })
    await rig.pass(20_000)
    expect(world.wire.map(({ text }) => text)).toEqual(['a'])
  })

  it('that is cancelled while a message is on its way counts that one as sent', async () => {
    const { rig } = await start()
    const slow = Promise.withResolvers<void>()
    rig.trouble.push(() => slow.promise)
    const { batchId } = await rig.bulk(['a', 'b'])
    while (rig.trouble.length > 0) await new Promise(setImmediate)
    await rig.jobs.handlers['bulk.cancel']({ sessionId: SESSION, batchId })
    slow.resolve()
    await rig.quiet()
    expect(await rig.batch(batchId)).toMatchObject({
      status: 'cancelled',
      progress: { sent: 1, cancelled: 1 },
    })
  })

  it('waits while its session is away, and goes on at its pace', async () => {
    const { world, rig } = await start()
    await rig.bulk(['a', 'b', 'c'])
    await rig.quiet()
    rig.ready.delete(SESSION)
    await rig.pass(48 * HOUR, HOUR)
    expect(world.wire).toHaveLength(1)
    rig.ready.add(SESSION)
    await rig.pass(10_000)
    expect(world.wire.map(({ text }) => text)).toEqual(['a', 'b', 'c'])
    expect((world.wire[2]?.at ?? 0) - (world.wire[1]?.at ?? 0)).toBe(3_000)
  })
})
