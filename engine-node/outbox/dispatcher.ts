// Works off the outbox: looks for endpoints with something due, takes what there is room for, and stores what came of it.
// Everything it needs after a restart is in the database; here are only the tries under way and the state of circuits.
import type { Db, Writer } from '../../src/db/db.ts'
import { dueWebhooks, endDeliveries, nextDeliveries, type QueuedDelivery } from '../../src/db/deliveries.ts'
import type { Clock } from '../clock.ts'
import type { CarryOut } from './carry-out.ts'
import { type Circuit, createCircuit } from './circuit.ts'
import type { Endpoint, Endpoints } from './endpoint.ts'

export interface Dispatcher extends AsyncDisposable {
  /** Looks for work now. Called when there may be some: new events, replays, the start, or a webhook that has changed. */
  wake(changedWebhook?: string): void
  /** Resolves when nothing is under way and nothing is due. */
  idle(): Promise<void>
}

export interface DispatcherLimits {
  /** Tries under way at one endpoint: a slow one takes no more of the total than this. */
  perEndpoint: number
  /** Tries under way in all: bounds sockets, and memory for bodies. */
  total: number
}

const defaultLimits: DispatcherLimits = { perEndpoint: 16, total: 128 }

/** Deliveries that one statement ends when a webhook is gone: bounds how long it holds the database. */
const END_CHUNK = 500

/** Of so many looks at an endpoint with a backlog, one is for what has just come: it should not wait for hours of old news. */
const FRESH_EVERY = 4

/** How long it rests after the database has failed it: trying at once would post again and again what cannot be noted. */
const FAILURE_PAUSE_MS = 5_000

export function createDispatcher(deps: {
  db: Db
  writer: Writer
  clock: Clock
  endpoints: Endpoints
  carryOut: CarryOut
  onError(error: unknown): void
  limits?: DispatcherLimits
  /** How long disposing waits for tries under way; those that take longer are made again after the next start. */
  drainMs?: number
}): Dispatcher {
  const { db, writer, clock, limits = defaultLimits, drainMs = 5_000 } = deps
  const circuits = new Map<string, Circuit>()
  const underWay = new Map<string, Map<number, Promise<void>>>()
  /** Looked at even when nothing of theirs is due yet: what waits for a deleted webhook must not wait on. */
  const changed = new Set<string>()
  let total = 0
  let turn = 0
  let passing: Promise<void> | null = null
  let again = false
  let restsUntil = 0
  let cancelTimer = () => {}
  let isStopped = false
  let isAbandoned = false

  function wake(changedWebhook?: string) {
    if (changedWebhook !== undefined) changed.add(changedWebhook)
    again = true
    passing ??= passes().finally(() => {
      passing = null
      // Called between the last look and here: nobody else would look again.
      if (again && !isStopped) wake()
    })
  }

  async function passes() {
    while (again && !isStopped) {
      again = false
      try {
        await pass()
      } catch (error) {
        rest(error)
      }
    }
  }

  function rest(error: unknown) {
    deps.onError(error)
    restsUntil = clock.now() + FAILURE_PAUSE_MS
    wakeAt(restsUntil)
  }

  function wakeAt(time: number) {
    cancelTimer()
    cancelTimer = () => {}
    if (isStopped || !Number.isFinite(time)) return
    cancelTimer = clock.after(Math.max(0, time - clock.now()), () => wake())
  }

  async function pass() {
    const now = clock.now()
    if (now < restsUntil) return wakeAt(restsUntil)
    const due = await dueWebhooks(db)
    // Another goes first each time, or the first ones of the list would have all the room.
    turn += 1
    const from = due.length === 0 ? 0 : turn % due.length
    let soonest = Number.POSITIVE_INFINITY
    for (const { webhookId, nextAt } of [...due.slice(from), ...due.slice(0, from)])
      soonest = Math.min(soonest, await serve(webhookId, nextAt))
    wakeAt(soonest)
  }

  /** Starts what may start at one endpoint; gives the time at which to look again, infinite where something else will wake us. */
  async function serve(webhookId: string, nextAt: number): Promise<number> {
    // As of before the query: what is settled while it runs may still be in its answer as due.
    const busy = new Set(underWay.get(webhookId)?.keys())
    if (busy.size === 0 && nextAt > clock.now() && !changed.delete(webhookId)) return nextAt
    const endpoint = await deps.endpoints.read(webhookId)
    if (endpoint === null || !endpoint.row.active) return await endAll(webhookId, endpoint)
    const circuit = circuitOf(endpoint)
    if (circuit.opensAt > clock.now()) return circuit.opensAt
    let free = Math.min(circuit.room(clock.now()) - busy.size, limits.total - total)
    if (free <= 0 || isStopped) return Number.POSITIVE_INFINITY
    for (const delivery of await queued(webhookId, free + busy.size)) {
      if (busy.has(delivery.position)) continue
      if (delivery.nextAt > clock.now()) return delivery.nextAt
      if (free <= 0 || isStopped) break
      free -= 1
      start(delivery, endpoint)
    }
    return Number.POSITIVE_INFINITY
  }

  /** The oldest, and one more to see when to look again. Behind a backlog a part of the looks is for the newest. */
  async function queued(webhookId: string, room: number): Promise<QueuedDelivery[]> {
    const oldest = await nextDeliveries(db, webhookId, { limit: room + 1 })
    const last = oldest[room]
    const isBacklog = last !== undefined && last.nextAt <= clock.now()
    if (!isBacklog || turn % FRESH_EVERY !== 0) return oldest
    return await nextDeliveries(db, webhookId, { limit: room, newestBy: clock.now() })
  }

  function circuitOf({ row }: Endpoint): Circuit {
    const known = circuits.get(row.id)
    if (known) return known
    const circuit = createCircuit({ limit: limits.perEndpoint, suspect: row.failingSince !== null })
    circuits.set(row.id, circuit)
    return circuit
  }

  /** What waits for a webhook that is no more wanted comes to its end, a part at a time. */
  async function endAll(webhookId: string, endpoint: Endpoint | null): Promise<number> {
    circuits.delete(webhookId)
    const reason = endpoint?.row.disabledReason
    const to = reason
      ? { status: 'dead' as const, why: `The webhook was switched off: ${reason}` }
      : {
          status: 'cancelled' as const,
          why: endpoint ? 'The webhook was switched off' : 'The webhook was deleted',
        }
    await writer.commit(endDeliveries(webhookId, { ...to, now: clock.now(), limit: END_CHUNK }))
    again = true
    return Number.POSITIVE_INFINITY
  }

  function start(delivery: QueuedDelivery, endpoint: Endpoint) {
    const { webhookId, position } = delivery
    const mine = underWay.get(webhookId) ?? new Map<number, Promise<void>>()
    underWay.set(webhookId, mine)
    total += 1
    const done = run(delivery, endpoint)
      .catch(rest)
      .finally(() => {
        total -= 1
        mine.delete(position)
        if (mine.size === 0) underWay.delete(webhookId)
        wake()
      })
    mine.set(position, done)
  }

  async function run(delivery: QueuedDelivery, endpoint: Endpoint) {
    const verdict = await deps.carryOut(delivery, endpoint, () => isAbandoned)
    const circuit = circuits.get(endpoint.row.id)
    if (verdict?.endpoint === 'answers') circuit?.succeeded()
    if (verdict?.endpoint === 'fails') circuit?.failed(clock.now(), verdict.retryAfterMs)
  }

  const tries = () => [...underWay.values()].flatMap(mine => [...mine.values()])

  return {
    wake,
    async idle() {
      while (passing !== null || total > 0) await Promise.all([passing, ...tries()])
    },
    async [Symbol.asyncDispose]() {
      isStopped = true
      cancelTimer()
      await passing
      await new Promise<void>(resolve => {
        const cancel = clock.after(drainMs, resolve)
        Promise.all(tries()).then(() => {
          cancel()
          resolve()
        })
      })
      isAbandoned = true
    },
  }
}
