// Works off the outbox: looks for endpoints with something due, begins what there is room for, and has noted what came of it.
// Everything it needs after a restart is in the database; here are only the tries under way, what is answered and not noted yet,
// and the state of circuits.
import type { Db, Writer } from '../../src/db/db.ts'
import { endDeliveries } from '../../src/db/delivery-queue.ts'
import { createDeliveryReads, type OpenDelivery } from '../../src/db/delivery-reads.ts'
import type { Clock } from '../clock.ts'
import { createRounds } from '../rounds.ts'
import type { Attempt } from './attempt.ts'
import { createCircuit } from './circuit.ts'
import type { Endpoint, Endpoints } from './endpoint.ts'
import type { EventData } from './event-data.ts'
import { MAX_AGE_MS } from './lanes.ts'
import { createLine, type Line } from './line.ts'
import { readLine } from './read-line.ts'
import type { Settlements } from './settlements.ts'
import { createTries } from './tries.ts'

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
  /**
   * Answers that are known here and not durable yet: how far delivery may run ahead of what is noted. A crash has no more than
   * these delivered again, and a database that is slow holds up what has not begun.
   */
  unnoted: number
}

export const defaultLimits: DispatcherLimits = { perEndpoint: 16, total: 128, unnoted: 1_024 }

/** Characters of data that lie ready for all endpoints, and for one: the rest is left in the database until its turn. */
const READY_LENGTH = { total: 4 * 1024 * 1024, perEndpoint: 256 * 1024 }

/** Deliveries that one statement ends when a webhook is gone: bounds how long it holds the database. */
const END_CHUNK = 500

/** Deliveries that one read takes of what is due at an endpoint. */
const MAX_DUE = 64

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
  /** What need not be read of events. */
  known: EventData
  attempt: Attempt
  settlements: Settlements
  onError(error: unknown): void
  /** Whether another engine on this database runs the session now; absent where there can be none. */
  isElsewhere?: ((sessionId: string) => Promise<boolean>) | undefined
  limits?: DispatcherLimits
  /** How long disposing waits for tries under way; those that take longer are made again after the next start. */
  drainMs?: number
}): Dispatcher {
  const { clock, settlements, limits = defaultLimits } = deps
  const reads = createDeliveryReads(deps.db)
  /** One for each endpoint that has been worked for since the start. */
  const lines = new Map<string, Line>()
  /** Looked at even when nothing of theirs is due yet: what waits for a deleted webhook must not wait on. */
  const changed = new Set<string>()
  const rounds = createRounds({ ...deps, look })
  const tries = createTries({ ...deps, onDisabled: wake })
  /** Counts what may have brought new deliveries: without it an endpoint that was read to its end need not be read again. */
  let news = 0
  let total = 0
  let turn = 0
  /** Slots of one endpoint, so that all that have something due get their part of the total. */
  let share = limits.perEndpoint
  /** Somebody was left without a slot: whoever frees one has the others looked at. */
  let isShort = false
  let readyLength = READY_LENGTH.perEndpoint

  function wake(changedWebhook?: string) {
    news += 1
    if (changedWebhook !== undefined) {
      changed.add(changedWebhook)
      lines.get(changedWebhook)?.drop()
    }
    rounds.wake()
  }

  async function look(): Promise<number> {
    const asked = [...changed]
    const due = await reads.dueWebhooks()
    share = Math.max(1, Math.min(limits.perEndpoint, Math.floor(limits.total / Math.max(1, due.length))))
    readyLength = Math.min(READY_LENGTH.perEndpoint, READY_LENGTH.total / Math.max(1, due.length))
    isShort = false
    // Another goes first each time, or the first ones of the list would have all the room.
    turn += 1
    const from = due.length === 0 ? 0 : turn % due.length
    let soonest = Number.POSITIVE_INFINITY
    for (const { webhookId, nextAt } of [...due.slice(from), ...due.slice(0, from)])
      soonest = Math.min(soonest, await serve(webhookId, nextAt))
    // Whoever has nothing due need not be known; it may be no more.
    for (const id of asked) if (changed.delete(id) && lines.get(id)?.lanes.isEmpty) lines.delete(id)
    return soonest
  }

  /** Begins what may begin at one endpoint; gives when to look again, infinite where something else will wake us. */
  async function serve(webhookId: string, nextAt: number): Promise<number> {
    const known = lines.get(webhookId)
    const hasChanged = changed.delete(webhookId)
    if (!hasChanged) {
      if (nextAt > clock.now() && (known?.lanes.isEmpty ?? true)) return nextAt
      if (known && restOf(known) > 0) return clock.now() + restOf(known)
      if (known) begin(known)
      // Whoever frees a slot begins what lies ready, and looks again for more.
      if (known && (known.lanes.isReady || room(known) === 0)) return later(known)
      const freshMs = known ? MAX_AGE_MS - (clock.elapsed() - known.readAt) : 0
      if (known && freshMs > 0 && isKnownWhole(known)) return Math.min(known.nextAt, clock.now() + freshMs)
    }
    const endpoint = await deps.endpoints.read(webhookId)
    if (endpoint === null || !endpoint.row.active) return await endAll(webhookId, endpoint)
    if (await deps.isElsewhere?.(endpoint.row.sessionId)) {
      known?.drop()
      return clock.now() + ELSEWHERE_MS
    }
    const line = known ?? newLine(endpoint)
    line.endpoint = endpoint
    line.isOver = false
    if (restOf(line) > 0) return clock.now() + restOf(line)
    return room(line) === 0 ? later(line) : await read(line)
  }

  /** For how long its endpoint is not to be tried; nothing where it may. */
  const restOf = ({ circuit }: Line) => circuit.opensAt - clock.elapsed()

  function later(line: Line): number {
    line.hasMore = true
    return Number.POSITIVE_INFINITY
  }

  /** All that was due of it when it was read is here, and nothing has come since. */
  const isKnownWhole = ({ hasMore, newsRead, nextAt }: Line) =>
    !hasMore && newsRead === news && clock.now() < nextAt

  /** What is due and some that comes behind it, to lie ready. Behind a backlog a part of the reads is for the newest. */
  async function read(line: Line): Promise<number> {
    const { id } = line.endpoint.row
    const now = clock.now()
    const newest = line.hasMore && ++line.reads % FRESH_EVERY === 0
    line.newsRead = news
    line.readAt = clock.elapsed()
    await readLine({ reads, known: deps.known }, line, {
      now,
      at: line.readAt,
      limit: MAX_DUE,
      maxLength: readyLength,
      newest,
    })
    // It has changed while the query ran: the look that was asked for then reads it anew.
    if (changed.has(id)) line.drop()
    begin(line)
    line.nextAt = line.hasMore
      ? Number.POSITIVE_INFINITY
      : ((await reads.nextDueAt(id, now)) ?? Number.POSITIVE_INFINITY)
    return line.nextAt
  }

  function newLine(endpoint: Endpoint): Line {
    const line = createLine(endpoint, newCircuit(endpoint.row.failingSince !== null))
    lines.set(endpoint.row.id, line)
    return line
  }

  const newCircuit = (suspect: boolean) => createCircuit({ limit: limits.perEndpoint, suspect })

  function room(line: Line): number {
    const free = line.room(share, clock.elapsed())
    const left =
      tries.unnoted < limits.unnoted ? Math.max(limits.total - total, line.posting === 0 ? 1 : 0) : 0
    if (left < free) isShort = true
    return Math.min(free, left)
  }

  function begin(line: Line) {
    while (rounds.mayBegin && line.lanes.isReady && room(line) > 0) {
      const { delivery, isDry } = line.lanes.take(clock.elapsed())
      if (isDry) line.hasMore = true
      if (delivery) start(delivery, line)
    }
  }

  /** What waits for a webhook that is no more wanted comes to its end, a part at a time. */
  async function endAll(webhookId: string, endpoint: Endpoint | null): Promise<number> {
    const line = lines.get(webhookId)
    if (line) {
      line.drop()
      line.circuit = newCircuit(false)
      line.isOver = true
    }
    const reason = endpoint?.row.disabledReason
    const to = reason
      ? { status: 'dead' as const, why: `The webhook was switched off: ${reason}` }
      : {
          status: 'cancelled' as const,
          why: endpoint ? 'The webhook was switched off' : 'The webhook was deleted',
        }
    // What is under way, or answered and not noted, has its own end coming.
    const except = line?.lanes.held().positions ?? []
    const changes = await deps.writer.commit(
      endDeliveries(webhookId, { ...to, now: clock.now(), limit: END_CHUNK, except }),
    )
    if (changes.some(count => count > 0)) rounds.wake()
    return Number.POSITIVE_INFINITY
  }

  function start(delivery: OpenDelivery, line: Line) {
    line.posting += 1
    total += 1
    let isPosting = true
    const free = () => {
      if (!isPosting) return
      isPosting = false
      line.posting -= 1
      total -= 1
      goOn(line)
      // Who waits for others to be noted with would wait in vain.
      if (total === 0) settlements.flush()
    }
    rounds.start(tries.run(delivery, line, free), () => {
      line.lanes.noted(delivery.position)
      // Left out when the rest was ended; if it is still open, it ends now.
      if (line.isOver) changed.add(delivery.webhookId)
      free()
      goOn(line)
    })
  }

  /** After a slot has come free. */
  function goOn(line: Line) {
    begin(line)
    // Where something lies ready, whoever is under way goes on with it; if anybody is.
    if (isShort || (line.lanes.isReady ? line.posting === 0 : line.hasMore)) rounds.wake()
  }

  return {
    wake,
    idle: rounds.idle,
    async [Symbol.asyncDispose]() {
      await rounds[Symbol.asyncDispose]()
      // What is still under way is made again after the next start, and stores nothing now.
      tries.abandon()
    },
  }
}
