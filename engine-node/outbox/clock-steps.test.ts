// The hour is set while deliveries wait: back and forth, by an hour and by ten years. No time passes by that.
import { afterEach, describe, expect, it } from 'vitest'
import { message, openOutbox } from '../../test/support/outbox.ts'
import { LONGEST_SLEEP_MS } from '../rounds.ts'
import { createRetention } from './retention.ts'

const A = 'https://a.example/hook'
const HOUR = 3_600_000
const TEN_YEARS = 3_652 * 24 * HOUR
const LIMITS = { perEndpoint: 4, total: 8, unnoted: 64 }
const RETRIES = 40
const FIRST_PAUSE_MS = 5_000

let box: Awaited<ReturnType<typeof openOutbox>>
afterEach(async () => {
  await box.stop()
  box.remove()
})

/** Deliveries that have failed once, each in a chat of its own; between them some that did not, so that the endpoint is not down. */
async function withRetries(count = RETRIES) {
  box = await openOutbox({ deps: { limits: LIMITS } })
  await box.addWebhook(A, { secret: 'a secret of 16 characters' })
  box.behaviours.set(A, ({ json }) => ({ status: json.data.id.startsWith('bad') ? 500 : 200 }))
  for (let n = 0; n < count; n += 1)
    for (const name of ['bad', 'good']) {
      await box.receive(message(`${name}-${n}@c.us`, `${name} ${n}`))
      await box.dispatcher.idle()
    }
  expect(await open()).toHaveLength(count)
  box.received.length = 0
}

const open = async () => (await box.deliveries()).filter(({ status }) => status === 'due')
const ids = () => box.received.map(({ json }) => json.data.id).sort()
const bad = Array.from({ length: RETRIES }, (_, n) => `bad ${n}`).sort()

/** What it was signed for is the hour at which it was sent, whatever that is set to. */
function expectSignedAtItsHour() {
  for (const { headers, at } of box.received)
    expect(headers['webhook-timestamp']).toBe(String(Math.floor(at / 1_000)))
}

describe('an hour that is set forward', () => {
  it.each([HOUR, TEN_YEARS])('by %i ms sends what waits once, no more at once than ever', async ms => {
    await withRetries()
    let [underWay, most] = [0, 0]
    box.behaviours.set(A, async () => {
      underWay += 1
      most = Math.max(most, underWay)
      for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate)
      underWay -= 1
      return { status: 200 }
    })
    box.clock.step(ms)
    box.dispatcher.wake()
    await box.dispatcher.idle()
    expect(ids()).toEqual(bad)
    expect(most).toBe(LIMITS.perEndpoint)
    expect(await open()).toEqual([])
    expectSignedAtItsHour()
  })

  it('is noticed though nothing new comes', async () => {
    await withRetries(1)
    await box.pass(FIRST_PAUSE_MS)
    box.received.length = 0
    box.clock.step(HOUR)
    // The next try is minutes away, on a timer that knows nothing of the hour.
    await box.pass(LONGEST_SLEEP_MS)
    expect(ids()).toEqual(['bad 0'])
  })

  it('takes a try from nobody: what fails then waits as long as ever', async () => {
    await withRetries(1)
    box.clock.step(HOUR)
    box.dispatcher.wake()
    await box.dispatcher.idle()
    const [row] = await open()
    expect([row?.attempts, (row?.nextAt ?? 0) - box.clock.now()]).toEqual([2, 300_000])
  })
})

describe('an hour that is set back', () => {
  it('delays what waits by as much and no more, and nothing that is new', async () => {
    await withRetries()
    box.behaviours.delete(A)
    box.clock.step(-HOUR)
    await box.receive(message('new@c.us', 'new'))
    await box.dispatcher.idle()
    expect(ids()).toEqual(['new'])
    await box.pass(HOUR + FIRST_PAUSE_MS - 1, LONGEST_SLEEP_MS)
    expect(ids()).toEqual(['new'])
    await box.pass(1)
    expect(ids()).toEqual([...bad, 'new'])
    expect(await open()).toEqual([])
    expectSignedAtItsHour()
  })

  it('and forth again while a retry waits delays it by less than a minute', async () => {
    await withRetries()
    box.behaviours.delete(A)
    box.clock.step(-HOUR)
    await box.pass(FIRST_PAUSE_MS)
    box.clock.step(HOUR)
    await box.pass(LONGEST_SLEEP_MS)
    expect(ids()).toEqual(bad)
  })

  it.each([HOUR, TEN_YEARS])('by %i ms lets an endpoint that is down rest no longer', async ms => {
    await withRetries(0)
    box.behaviours.set(A, () => ({ status: 500 }))
    await box.receive(...Array.from({ length: 10 }, (_, n) => message(`${n}@c.us`, `old ${n}`)))
    await box.dispatcher.idle()
    box.received.length = 0
    box.behaviours.delete(A)
    box.clock.step(-ms)
    await box.receive(message('new@c.us', 'new'))
    await box.dispatcher.idle()
    expect(ids()).toEqual([])
    await box.pass(FIRST_PAUSE_MS)
    expect(ids()).toContain('new')
  })

  it('from ten years ahead sends what was noted there, with what waits behind it', async () => {
    await withRetries(0)
    box.behaviours.set(A, () => ({ status: 500 }))
    box.clock.step(TEN_YEARS)
    await box.receive(message('1@c.us', 'tried'), message('1@c.us', 'behind it'))
    await box.dispatcher.idle()
    box.received.length = 0
    box.behaviours.delete(A)
    box.clock.step(-TEN_YEARS)
    const limits = { maxAgeMs: TEN_YEARS, maxBytes: 1e9, deadLetterMs: TEN_YEARS }
    await using retention = createRetention({
      ...box,
      limits,
      onError: error => expect.unreachable(String(error)),
    })
    await retention.run()
    await box.pass(2 * LONGEST_SLEEP_MS, LONGEST_SLEEP_MS)
    expect(box.received.map(({ json }) => json.data.id)).toEqual(['tried', 'behind it'])
    expect(await open()).toEqual([])
  })

  it('during a request changes nothing of how long it took', async () => {
    await withRetries(1)
    box.behaviours.set(A, () => {
      box.clock.step(-HOUR)
      box.clock.advance(20)
      return { status: 200 }
    })
    await box.pass(FIRST_PAUSE_MS)
    const rows = await box.deliveries()
    expect(rows.find(({ attempts }) => attempts === 2)?.responseMs).toBe(20)
  })
})
