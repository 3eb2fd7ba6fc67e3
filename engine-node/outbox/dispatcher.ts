// Works off the outbox: looks for endpoints with something due, begins what there is room for, and has noted what came of it.
// Everything it needs after a restart is in the database; here are only the tries under way and the state of circuits.
import type { Db, Writer } from '../../src/db/db.ts'
import {
  dueDeliveries,
  dueWebhooks,
  endDeliveries,
  nextDueAt,
  type OpenDelivery,
} from '../../src/db/delivery-queue.ts'
import type { Clock } from '../clock.ts'
import { createRounds } from '../rounds.ts'
import type { Attempt, Outcome } from './attempt.ts'
import { createCircuit } from './circuit.ts'
import type { Endpoint, Endpoints } from './endpoint.ts'
import { createLine, type Line } from './line.ts'
import { settle } from './settlement.ts'
import type { Settled } from './settlements.ts'

export interface Dispatcher extends AsyncDisposable {
  /** Looks for work now. Called when there may be some: new events, replays, the start, or a webhook that has changed. */
  wake(changedWebhook?: string): void
  /** Resolves when nothing is under way and nothing is due. */
  idle(): Promise<void>
}

export interface DispatcherLimits {
  /** Tries under way at one endpoint: a slow one takes no more of the total than this. */
  perEndpoint: number
  /** Tries under way in all: bounds sockets, and memory for bodies. Each endpoint may have one, however many there are. */
  total: number
}

const defaultLimits: DispatcherLimits = { perEndpoint: 16, total: 128 }

/** Deliveries that one statement ends when a webhook is gone: bounds how long it holds the database. */
const END_CHUNK = 500

/** Of so many reads of an endpoint with a backlog, one is for what has just come: it should not wait for hours of old news. */
const FRESH_EVERY = 4

/** How soon to look whether a session that another engine runs has become ours: that engine works for its webhooks meanwhile. */
export const ELSEWHERE_MS = 5_000

export function createDispatcher(deps: {
  db: Db
  writer: Writer
  clock: Clock
  /** In [0, 1). */
  random(): number
  endpoints: Endpoints
  attempt: Attempt
  /** Resolves when what came of a try is durable. */
  note(settled: Settled): Promise<void>
  onError(error: unknown): void
  /** Whether another engine on this database runs the session now; absent where there can be none. */
  isElsewhere?: ((sessionId: string) => Promise<boolean>) | undefined
  limits?: DispatcherLimits
  /** How long disposing waits for tries under way; those that take longer are made again after the next start. */
  drainMs?: number
}): Dispatcher {
  const { db, clock, limits = defaultLimits } = deps
  /** One for each endpoint that has been worked for since the start. */
  const lines = new Map<string, Line>()
  /** Looked at even when nothing of theirs is due yet: what waits for a deleted webhook must not wait on. */
  const changed = new Set<string>()
  const rounds = createRounds({ ...deps, look })
  let total = 0
  let turn = 0
  /** Slots of one endpoint, so that all that have something due get their part of the total. */
  let share = limits.perEndpoint
  /** Somebody was left without a slot: whoever frees one has the others looked at. */
  let isShort = false
  let isAbandoned = false

  function wake(changedWebhook?: string) {
    if (changedWebhook !== undefined) {
      changed.add(changedWebhook)
      lines.get(changedWebhook)?.drop()
    }
    rounds.wake()
  }

  async function look(): Promise<number> {
    const news = [...changed]
    const due = await dueWebhooks(db)
    share = Math.max(1, Math.min(limits.perEndpoint, Math.floor(limits.total / Math.max(1, due.length))))
    isShort = false
    // Another goes first each time, or the first ones of the list would have all the room.
    turn += 1
    const from = due.length === 0 ? 0 : turn % due.length
    let soonest = Number.POSITIVE_INFINITY
    for (const { webhookId, nextAt } of [...due.slice(from), ...due.slice(0, from)])
      soonest = Math.min(soonest, await serve(webhookId, nextAt))
    // Whoever has nothing due need not be known; it may be no more.
    for (const id of news) if (changed.delete(id) && lines.get(id)?.open.size === 0) lines.delete(id)
    return soonest
  }

  /** Begins what may begin at one endpoint; gives when to look again, infinite where something else will wake us. */
  async function serve(webhookId: string, nextAt: number): Promise<number> {
    const known = lines.get(webhookId)
    const hasChanged = changed.delete(webhookId)
    if (!hasChanged) {
      if (nextAt > clock.now() && !known?.open.size) return nextAt
      if (known && known.circuit.opensAt > clock.now()) return known.circuit.opensAt
      if (known) begin(known)
      // Whoever frees a slot begins what lies ready, and looks again for more.
      if (known && (known.isReady || room(known) === 0)) return later(known)
    }
    const endpoint = await deps.endpoints.read(webhookId)
    if (endpoint === null || !endpoint.row.active) return await endAll(webhookId, endpoint)
    if (await deps.isElsewhere?.(endpoint.row.sessionId)) {
      known?.drop()
      return clock.now() + ELSEWHERE_MS
    }
    const line = known ?? newLine(endpoint)
    line.endpoint = endpoint
    if (line.circuit.opensAt > clock.now()) return line.circuit.opensAt
    return room(line) === 0 ? later(line) : await read(line)
  }

  function later(line: Line): number {
    line.hasMore = true
    return Number.POSITIVE_INFINITY
  }

  /** As many as there is room for, and some to lie ready. Behind a backlog a part of the reads is for the newest. */
  async function read(line: Line): Promise<number> {
    const { id } = line.endpoint.row
    const now = clock.now()
    const limit = room(line) + limits.perEndpoint
    const newest = line.hasMore && ++line.reads % FRESH_EVERY === 0
    // Nothing is begun here while the query runs, so what it leaves out is all that is under way.
    line.drop()
    line.hasMore = false
    const rows = await dueDeliveries(db, id, { now, limit, except: [...line.open], newest })
    line.put(rows, now, rows.length === limit)
    // It has changed while the query ran: the look that was asked for then reads it anew.
    if (changed.has(id)) line.drop()
    begin(line)
    if (line.hasMore) return Number.POSITIVE_INFINITY
    return (await nextDueAt(db, id, now)) ?? Number.POSITIVE_INFINITY
  }

  function newLine(endpoint: Endpoint): Line {
    const line = createLine(endpoint, newCircuit(endpoint.row.failingSince !== null))
    lines.set(endpoint.row.id, line)
    return line
  }

  const newCircuit = (suspect: boolean) => createCircuit({ limit: limits.perEndpoint, suspect })

  function room(line: Line): number {
    const free = line.room(share, clock.now())
    const left = Math.max(limits.total - total, line.posting === 0 ? 1 : 0)
    if (left < free) isShort = true
    return Math.min(free, left)
  }

  function begin(line: Line) {
    while (rounds.mayBegin && line.isReady && room(line) > 0) {
      const delivery = line.next(clock.now())
      if (delivery) start(delivery, line)
    }
  }

  /** What waits for a webhook that is no more wanted comes to its end, a part at a time. */
  async function endAll(webhookId: string, endpoint: Endpoint | null): Promise<number> {
    const line = lines.get(webhookId)
    line?.drop()
    if (line) line.circuit = newCircuit(false)
    const reason = endpoint?.row.disabledReason
    const to = reason
      ? { status: 'dead' as const, why: `The webhook was switched off: ${reason}` }
      : {
          status: 'cancelled' as const,
          why: endpoint ? 'The webhook was switched off' : 'The webhook was deleted',
        }
    await deps.writer.commit(endDeliveries(webhookId, { ...to, now: clock.now(), limit: END_CHUNK }))
    rounds.wake()
    return Number.POSITIVE_INFINITY
  }

  function start(delivery: OpenDelivery, line: Line) {
    const { position } = delivery
    let isPosting = true
    line.open.add(position)
    line.posting += 1
    total += 1
    const free = () => {
      if (!isPosting) return
      isPosting = false
      line.posting -= 1
      total -= 1
      goOn(line)
    }
    rounds.start(run(delivery, line, free), () => {
      line.open.delete(position)
      free()
      goOn(line)
    })
  }

  /** After a slot has come free. */
  function goOn(line: Line) {
    begin(line)
    // Where something lies ready, whoever is under way goes on with it; if anybody is.
    if (isShort || (line.isReady ? line.posting === 0 : line.hasMore)) rounds.wake()
  }

  async function run(delivery: OpenDelivery, line: Line, free: () => void) {
    const { endpoint, circuit } = line
    const outcome = await tryOnce(delivery, endpoint)
    if (isAbandoned) return
    const now = clock.now()
    const settlement = settle(delivery, endpoint.row, outcome, { now, chance: deps.random() })
    if (settlement.endpoint === 'fails') circuit.failed(now, retryAfterOf(outcome))
    if (settlement.disable) line.drop()
    if (settlement.endpoint === 'answers') {
      circuit.succeeded()
      // Its slot is free at once; after anything else nothing new begins before that is durable.
      free()
    }
    await deps.note({ delivery, endpoint, outcome, settlement })
    if (settlement.disable) wake(delivery.webhookId)
  }

  async function tryOnce(delivery: OpenDelivery, endpoint: Endpoint): Promise<Outcome | null> {
    try {
      return await deps.attempt(delivery, endpoint)
    } catch (error) {
      // A poisonous event is parked like any that fails; the others must go on.
      deps.onError(error)
      return null
    }
  }

  return {
    wake,
    idle: rounds.idle,
    async [Symbol.asyncDispose]() {
      await rounds[Symbol.asyncDispose]()
      // What is still under way is made again after the next start, and stores nothing now.
      isAbandoned = true
    },
  }
}

const retryAfterOf = (outcome: Outcome | null): number =>
  outcome?.kind === 'answered' && outcome.answer.kind === 'failure' ? outcome.answer.retryAfterMs : 0
