// Works off what was acknowledged: each delivery runs at least once, in the order of its lane, until its handler succeeds or
// it is a dead letter. The database is the queue; what is in memory is only who is next, read again at every start.
import { GatewayError } from '../../src/contract/errors.ts'
import type { HookPayload } from '../../src/contract/hooks.ts'
import { REDRIVE_BATCH, type Redriven } from '../../src/contract/ingress.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import {
  countDead,
  type DeliveryKey,
  deadEvents,
  type EventLane,
  findEvent,
  findEventId,
  hasEvents,
  type IngressEventRow,
  insertEvent,
  pendingEvents,
  reviveEvent,
  updateEvent,
} from '../../src/db/ingress.ts'
import { findInstance } from '../../src/db/instances.ts'
import type { Clock } from '../clock.ts'
import type { HookOrigin } from '../hooks/chain.ts'
import type { Logger } from '../log.ts'
import type { Sealer } from '../store/sealer.ts'
import type { Outcome } from './attempt.ts'
import { type Delivery, laneOf, sealRequest, toJob } from './event.ts'
import { createLanes } from './lanes.ts'

/**
 * How long to wait before each further try: five tries in some 85 seconds. A lane keeps its order, so those behind wait
 * as long; more patience would let one bad delivery hold up an instance for the day.
 */
export const RETRY_WAITS_MS: readonly number[] = [1_000, 4_000, 16_000, 64_000]

const LONGEST_WAIT_MS = Math.max(...RETRY_WAITS_MS)

/** How soon what cannot run now is looked at again, should nobody have said that it can. */
const HOLD_MS = 30_000

/** How soon after the database failed. */
const STORAGE_RETRY_MS = 5_000

export interface DispatcherDeps {
  db: Db
  writer: Writer
  sealer: Sealer
  clock: Clock
  log: Logger
  /** Runs a delivery's handler once, and never rejects for what the handler does. */
  attempt(row: IngressEventRow): Promise<Outcome>
  hooks: {
    run(event: 'ingress:error', data: HookPayload<'ingress:error'>, origin: HookOrigin): Promise<unknown>
  }
  concurrency: number
  /** Deliveries of one instance that may wait: beyond it the sender keeps them, as it would those of a gateway that is down. */
  maxWaiting: number
}

/** `known`: it was taken before. `full`: it is not stored, and is to come again. */
export type Taken = 'new' | 'known' | 'full'

export interface IngressDispatcher extends AsyncDisposable {
  /** Takes up everything that a former run left unfinished. */
  start(): Promise<void>
  /** Resolves once the delivery is durable, or turned away. It runs later. */
  add(delivery: Delivery): Promise<Taken>
  /** What waited for this plugin, or this instance of it, may run now. */
  wake(pluginId: string, instanceId?: string): void
  /** Takes up a batch of dead letters. Rejects with `instance_inactive` where their instance is disabled or deleted. */
  redrive(pluginId: string, instanceId: string): Promise<Redriven>
  /** Resolves when nothing runs and nothing could; for tests. */
  idle(): Promise<void>
}

/** The front of its lanes' keys; neither id has a slash. */
const instanceOf = ({ pluginId, instanceId }: Pick<DeliveryKey, 'pluginId' | 'instanceId'>) =>
  `${pluginId}/${instanceId}`

export function createIngressDispatcher(deps: DispatcherDeps): IngressDispatcher {
  const { db, writer, sealer, clock, log, concurrency, maxWaiting } = deps
  const lanes = createLanes()
  const timers = new Map<string, () => void>()
  const running = new Set<Promise<void>>()
  let closed = false
  /** How many of each instance are acknowledged and not finished. */
  const open = new Map<string, number>()
  // One look-up after another: two deliveries of one lane must get into it in the order in which they were stored.
  let entering: Promise<unknown> = Promise.resolve()

  function count(of: Pick<DeliveryKey, 'pluginId' | 'instanceId'>, by: 1 | -1) {
    const key = instanceOf(of)
    const left = (open.get(key) ?? 0) + by
    if (left > 0) open.set(key, left)
    else open.delete(key)
  }

  function join(event: EventLane) {
    count(event, 1)
    lanes.add(laneOf(event), event.id)
  }

  /** The first of a lane is finished. */
  function leave(key: string) {
    const [pluginId = '', instanceId = ''] = key.split('/', 2)
    count({ pluginId, instanceId }, -1)
    lanes.drop(key)
  }

  function pump() {
    while (!closed && running.size < concurrency) {
      const next = lanes.take()
      if (next === null) return
      const run = work(next.key, next.id).finally(() => {
        running.delete(run)
        pump()
      })
      running.add(run)
    }
  }

  async function work(key: string, id: number): Promise<void> {
    try {
      const row = await findEvent(db, id)
      if (row === null || row.state !== 'pending') return leave(key)
      const wait = row.nextAttemptAt - clock.now()
      // A longer wait than any of ours means that the clock was set back.
      if (wait > 0 && wait <= LONGEST_WAIT_MS) return park(key, wait)
      await settle(key, row, await deps.attempt(row))
    } catch (thrown) {
      // The row is as it was: what ran may run again, which is the promise.
      log.error({ err: thrown, event: id }, 'A stored webhook could not be worked on')
      park(key, STORAGE_RETRY_MS)
    }
  }

  async function settle(key: string, row: IngressEventRow, outcome: Outcome): Promise<void> {
    switch (outcome.kind) {
      case 'hold':
        return park(key, HOLD_MS)
      case 'done': {
        const finished = { state: 'done', requestSealed: null, error: null, finishedAt: clock.now() } as const
        await writer.commit([updateEvent(db, row.id, { ...finished, attempts: row.attempts + 1 })])
        return leave(key)
      }
      case 'failed': {
        const wait = RETRY_WAITS_MS[row.attempts]
        if (outcome.final || wait === undefined) return await bury(key, row, outcome.why)
        const retry = { attempts: row.attempts + 1, nextAttemptAt: clock.now() + wait, error: outcome.why }
        await writer.commit([updateEvent(db, row.id, retry)])
        return park(key, wait)
      }
    }
  }

  async function bury(key: string, row: IngressEventRow, why: string): Promise<void> {
    const dead = { state: 'dead', error: why, finishedAt: clock.now(), attempts: row.attempts + 1 } as const
    await writer.commit([updateEvent(db, row.id, dead)])
    leave(key)
    log.warn({ plugin: row.pluginId, instance: row.instanceId, event: row.id }, 'A webhook is a dead letter')
    const origin = { sessionId: row.sessionId, source: 'IngressProcessor' } as const
    try {
      await deps.hooks.run('ingress:error', toJob(sealer, { ...row, ...dead }, why), origin)
    } catch (thrown) {
      // The lane is free already: parking it for this would stop whatever runs in it now.
      log.error({ err: thrown, event: row.id }, 'Plugins could not be told of a dead letter')
    }
  }

  function park(key: string, ms: number) {
    lanes.park(key)
    if (!closed)
      timers.set(
        key,
        clock.after(ms, () => release(key)),
      )
  }

  function release(key: string) {
    timers.get(key)?.()
    timers.delete(key)
    lanes.release(key)
    pump()
  }

  /** Into the lanes, in the order in which deliveries became durable. */
  function enter(key: DeliveryKey & Pick<EventLane, 'conversationId'>) {
    entering = entering
      .then(() => findEventId(db, key))
      .then(id => {
        if (id !== null) lanes.add(laneOf({ ...key, id }), id)
        else count(key, -1)
        pump()
      })
      .catch(thrown => {
        log.error({ err: thrown }, 'A stored webhook could not be queued, and is looked for again')
        if (!closed) clock.after(STORAGE_RETRY_MS, () => enter(key))
      })
  }

  return {
    async start() {
      for (const event of await pendingEvents(db)) join(event)
      pump()
    },
    async add(delivery) {
      const { request: _, ...columns } = delivery
      if ((open.get(instanceOf(delivery)) ?? 0) >= maxWaiting) return 'full'
      const at = clock.now()
      // Before it is stored, so that many at once do not all find the last place free.
      count(delivery, 1)
      let isNew = false
      try {
        const [inserted] = await writer.commit([
          insertEvent(db, {
            ...columns,
            requestSealed: sealRequest(sealer, delivery),
            state: 'pending',
            nextAttemptAt: at,
            receivedAt: at,
          }),
        ])
        isNew = inserted === 1
      } finally {
        if (!isNew) count(delivery, -1)
      }
      // It is durable: whatever goes wrong from here on, the next start finds it.
      if (isNew) enter(columns)
      return isNew ? 'new' : 'known'
    },
    wake(pluginId, instanceId) {
      const prefix = instanceId === undefined ? `${pluginId}/` : `${pluginId}/${instanceId}/`
      for (const key of lanes.parked()) if (key.startsWith(prefix)) release(key)
    },
    async redrive(pluginId, instanceId) {
      const instance = await findInstance(db, pluginId, instanceId)
      if (instance === null && !(await hasEvents(db, pluginId, instanceId)))
        throw new GatewayError('not_found', 'instance not found')
      if (!instance?.row.enabled)
        throw new GatewayError(
          'instance_inactive',
          `instance ${instanceId} is ${instance ? 'disabled' : 'deleted'}: its deliveries cannot be taken up`,
        )
      const events = await deadEvents(db, pluginId, instanceId, REDRIVE_BATCH)
      const changes =
        events.length === 0
          ? []
          : await writer.commit(events.map(event => reviveEvent(db, event.id, clock.now())))
      const revived = events.filter((_, index) => changes[index] === 1)
      for (const event of revived) join(event)
      pump()
      const remaining = await countDead(db, pluginId, instanceId)
      return { redriven: revived.length, remaining, batchSize: REDRIVE_BATCH }
    },
    async idle() {
      await entering
      while (running.size > 0) {
        await Promise.all(running)
        await entering
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true
      for (const cancel of timers.values()) cancel()
      timers.clear()
      await entering
      await Promise.all(running)
    },
  }
}
