import { afterEach, describe, expect, it } from 'vitest'
import { logBounds, logBytes } from '../../src/db/events.ts'
import { message, openOutbox } from '../../test/support/outbox.ts'
import { createRetention } from './retention.ts'

const URL = 'https://a.example/hook'
const DAY = 24 * 3_600_000
let box: Awaited<ReturnType<typeof openOutbox>>

afterEach(async () => {
  await box.stop()
  box.remove()
})

const retention = (limits: Partial<Parameters<typeof createRetention>[0]['limits']>) =>
  createRetention({
    db: box.db,
    writer: box.writer,
    clock: box.clock,
    limits: { maxAgeMs: 7 * DAY, maxBytes: 1e9, deadLetterMs: 30 * DAY, ...limits },
    onError(error) {
      throw error
    },
  })

describe('retention', () => {
  it('forgets what is too old, with its deliveries, and says up to where', async () => {
    box = await openOutbox()
    await box.addWebhook(URL)
    for (let at = 0; at < 1_200; at += 100)
      await box.receive(...Array.from({ length: 100 }, (_, n) => message(`${n}@c.us`, String(at + n))))
    await box.dispatcher.idle()
    await box.pass(7 * DAY + 1)
    await box.receive(message('1@c.us', 'young'))
    await box.dispatcher.idle()
    await retention({}).run()
    expect(await logBounds(box.db)).toEqual({ pruned: 1_200, newest: 1_201 })
    expect((await box.db.query.events.findMany()).map(({ seq }) => seq)).toEqual([1_201])
    expect((await box.deliveries()).length).toBe(1)
  })

  it('cuts the log to its size, oldest first', async () => {
    box = await openOutbox()
    for (let index = 0; index < 100; index += 1)
      await box.receive(message('1@c.us', String(index), 'x'.repeat(10_000)))
    const before = await logBytes(box.db)
    await retention({ maxBytes: before / 2 }).run()
    const after = await logBytes(box.db)
    expect(after).toBeLessThanOrEqual(before / 2)
    expect(after).toBeGreaterThan(before / 3)
    const rows = await box.db.query.events.findMany()
    expect(rows.at(-1)?.seq).toBe(100)
    expect((await logBounds(box.db)).pruned).toBe(100 - rows.length)
  })

  it('leaves what still waits for a webhook, and dead letters for their own time', async () => {
    box = await openOutbox()
    await box.addWebhook(URL)
    box.behaviours.set(URL, () => ({ status: 500 }))
    await box.receive(message('1@c.us', 'a'), message('1@c.us', 'b'))
    await box.dispatcher.idle()
    await retention({ maxBytes: 0 }).run()
    expect((await box.db.query.events.findMany()).length).toBe(2)
    await box.pass(20 * DAY, 3_600_000)
    expect((await box.deliveries()).map(row => row.status)).toEqual(['dead', 'dead'])
    await retention({ maxBytes: 0 }).run()
    expect(await box.db.query.events.findMany()).toEqual([])
    const dead = await box.deliveries()
    expect(dead.map(row => [row.status, row.data])).toEqual(Array(2).fill(['dead', null]))
    const input = { ids: [dead[0]!.id], status: 'dead' as const, limit: 1 }
    expect(await box.handlers['webhook.replay']({ scope: null, input })).toMatchObject({
      replayed: 0,
      skipped: 1,
    })
    await box.pass(31 * DAY)
    await retention({}).run()
    expect(await box.deliveries()).toEqual([])
  })
})
