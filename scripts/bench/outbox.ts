// Webhooks from commit to delivered, against a bare loop of undici posts to the same receiver with as many under way.
import { Agent, request } from 'undici'
import { startChild } from './child.ts'
import { type Bench, type Figure, percentile } from './figure.ts'
import type { ReceiverCommands } from './outbox-receiver.ts'
import { createOutboxRig } from './outbox-rig.ts'
import { ofRounds, sample, throughput } from './sampling.ts'

const ROUNDS = 3
const loads = [
  { endpoints: 1, events: 2_000, inFlight: 16 },
  { endpoints: 16, events: 200, inFlight: 128 },
]
const IDLE_SAMPLES = 100
const QUEUED = 10_000

/** Bare posts before anything is measured, and rounds of ours: both sides run compiled then. */
const WARM_UP = 3_000
const WARM_UP_ROUNDS = 3

const median = (values: readonly number[]) => percentile(values, 0.5)

/** Calls per second of what is under way since `start`. */
const since = (start: number, count: number) => count / ((performance.now() - start) / 1000)

/** The receiver's address, and a bare post to it: of the bytes and the headers that the outbox sends it. */
async function createTarget() {
  const stack = new AsyncDisposableStack()
  const receiver = stack.use(startChild<ReceiverCommands>('outbox-receiver.ts'))
  const agent = stack.adopt(new Agent(), each => each.close())
  const url = `http://127.0.0.1:${await receiver.ask('port')}/`
  const { headers, body } = await sampleOf(url)
  return {
    url,
    async post() {
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent })
      await answer.body.dump()
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function sampleOf(url: string) {
  await using rig = await createOutboxRig({ url, endpoints: 1 })
  const post = rig.nextPost()
  await rig.record(1)
  await rig.delivered()
  return (await post).request
}

export const outboxDelivery: Bench = {
  name: 'outbox',
  about: 'webhooks from commit to delivered, against bare undici posts',
  async run() {
    await using target = await createTarget()
    const figures: Figure[] = []
    for (const load of loads) figures.push(await rates(load, target))
    return [...figures, ...(await firstAttempts(target))]
  },
}

export const outboxDrain: Bench = {
  name: 'outbox-drain',
  about: `${QUEUED} queued webhooks drained after a restart, against bare undici posts`,
  async run() {
    await using target = await createTarget()
    return [await drain(target)]
  },
}

type Target = Awaited<ReturnType<typeof createTarget>>
type Load = (typeof loads)[number]

async function rates({ endpoints, events, inFlight }: Load, { url, post }: Target): Promise<Figure> {
  await using rig = await createOutboxRig({ url, endpoints })
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    await rig.record(events)
    await rig.delivered()
  }
  await throughput(WARM_UP, inFlight, post)
  const taken = { ours: [] as number[], bare: [] as number[] }
  // In turns, so that a busy moment of the machine falls on both.
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now()
    await rig.record(events)
    await rig.delivered()
    taken.ours.push(since(start, events))
    taken.bare.push((await throughput(events * endpoints, inFlight, post)) / endpoints)
  }
  return {
    name: `from commit to delivered, ${endpoints} endpoint${endpoints === 1 ? '' : 's'}`,
    value: median(taken.ours),
    unit: 'events/s',
    baseline: median(taken.bare),
    goal: { of: 'ratio', atLeast: 0.5 },
  }
}

async function firstAttempts({ url, post }: Target): Promise<Figure[]> {
  await using rig = await createOutboxRig({ url, endpoints: 1 })
  const rounds = { ours: [] as number[][], bare: [] as number[][] }
  for (let round = 0; round < ROUNDS; round += 1) {
    const times: number[] = []
    for (let index = 0; index < IDLE_SAMPLES; index += 1) {
      const attempt = rig.nextPost()
      // The clock starts when the commit is done, which is when the outbox hears of it too.
      await rig.record(1)
      const committed = performance.now()
      times.push(Math.max(0, (await attempt).at - committed))
      await rig.delivered()
    }
    rounds.ours.push(times)
    rounds.bare.push(await sample(IDLE_SAMPLES, post))
  }
  const figure = (name: string, share: number, goal: Figure['goal']): Figure => ({
    name: `from commit to first attempt, idle, ${name}, to a bare post`,
    value: ofRounds(rounds.ours, share),
    unit: 'ms',
    baseline: ofRounds(rounds.bare, share),
    goal,
  })
  return [figure('p50', 0.5, null), figure('p99', 0.99, { of: 'value', atMost: 50 })]
}

async function drain({ url, post }: Target): Promise<Figure> {
  await using rig = await createOutboxRig({ url, endpoints: 1 })
  await rig.record(WARM_UP)
  await rig.delivered()
  await throughput(WARM_UP, 16, post)
  await rig.pause()
  await rig.record(QUEUED)
  // Before and after, as the machine may be busy in between.
  const before = await throughput(QUEUED, 16, post)
  const start = performance.now()
  await rig.resume()
  await rig.delivered()
  const ours = since(start, QUEUED)
  return {
    name: '10,000 queued, drained after a restart',
    value: ours,
    unit: 'events/s',
    baseline: (before + (await throughput(QUEUED, 16, post))) / 2,
    goal: { of: 'ratio', atLeast: 0.5 },
  }
}
