// Stores what came of tries: their rows, the next of their chats, and how the webhooks are doing. What ends within a moment is
// stored together: a commit costs nearly as much for one as for a hundred, and rows of one chat share their pages.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db, Statement, Writer } from '../../src/db/db.ts'
import { promoteLanes, updateDeliveries } from '../../src/db/delivery-queue.ts'
import type { OpenDelivery } from '../../src/db/delivery-reads.ts'
import { markAnswering, markFailing } from '../../src/db/webhooks.ts'
import { LONGEST_PAUSE_MS } from '../../src/webhooks/schedule.ts'
import type { Clock } from '../clock.ts'
import type { Outcome } from './attempt.ts'
import type { Endpoint } from './endpoint.ts'
import type { Settlement } from './settlement.ts'

export interface Settled {
  delivery: Omit<OpenDelivery, 'data'>
  endpoint: Endpoint
  outcome: Outcome | null
  settlement: Settlement
}

/** What becomes of one, told at once: who goes on before it is durable must not go on past a loss. */
export interface Noted extends Settled {
  /** It is durable and has been told. `hasPromoted`: others that waited may go now. */
  onStored(hasPromoted: boolean): void
  /** The database does not take it; the delivery is then made again. So are those of its lane that came after it. */
  onLost(error: unknown): void
}

export interface Settlements {
  /** Successes wait a moment for others to join them; what else came of a try is stored with them at once. */
  note(noted: Noted): void
  /** Stores at once what waits: nothing more is on its way. */
  flush(): void
}

/** Rows of one statement: bounds what one bad neighbour has stored again, and for how long the database is held. */
const MAX_GROUP = 256

/** Successes are stored so often at most. After a crash those of this time are delivered again. */
export const STORE_EVERY_MS = 20

export function createSettlements(deps: {
  db: Db
  writer: Writer
  clock: Clock
  /** Statements that switch a webhook off and tell of it. */
  disable(endpoint: Endpoint, reason: 'gone' | 'failing'): Statement[]
  /** After what came of a try is durable. */
  onSettled(settled: Settled): undefined | Promise<void>
}): Settlements {
  const { db, writer, clock } = deps
  let waiting: Noted[] = []
  let isStoring = false
  let isUrgent = false
  let storedAt = Number.NEGATIVE_INFINITY
  let cancelTimer: (() => void) | null = null

  const mayWait = () => !isUrgent && waiting.length < MAX_GROUP && clock.elapsed() - storedAt < STORE_EVERY_MS

  function storeSoon() {
    if (isStoring || waiting.length === 0) return
    if (mayWait()) {
      cancelTimer ??= clock.after(STORE_EVERY_MS - (clock.elapsed() - storedAt), flush)
      return
    }
    cancelTimer?.()
    cancelTimer = null
    isStoring = true
    void storeAll()
  }

  function flush() {
    isUrgent = true
    storeSoon()
  }

  async function storeAll() {
    // What else ends in this turn joins in.
    await nextTurn()
    while (waiting.length > 0 && !mayWait()) {
      const group = waiting.splice(0, MAX_GROUP)
      if (waiting.length === 0) isUrgent = false
      storedAt = clock.elapsed()
      try {
        await store(group)
      } catch (error) {
        if (isUnwritable(error)) lose([...group, ...waiting.splice(0)], error)
        else await storeOneByOne(group, error)
      }
    }
    isStoring = false
    storeSoon()
  }

  /** One that the database refuses must not take the others with it, but for those that came after it in its lane. */
  async function storeOneByOne(group: readonly Noted[], reason: unknown) {
    if (group.length === 1) return loseLanes(group, reason)
    for (let left = [...group]; left.length > 0; ) {
      const [noted] = left.splice(0, 1) as [Noted]
      try {
        await store([noted])
      } catch (error) {
        const isBehind = isLaneOf(noted)
        loseLanes([noted, ...left.filter(isBehind)], error)
        left = left.filter(other => !isBehind(other))
      }
    }
  }

  function loseLanes(lost: readonly Noted[], error: unknown) {
    const [first] = lost
    const isBehind = first ? isLaneOf(first) : () => false
    const behind = waiting.filter(isBehind)
    waiting = waiting.filter(other => !isBehind(other))
    lose([...lost, ...behind], error)
  }

  async function store(group: readonly Noted[]) {
    const now = clock.now()
    const rows = updateDeliveries(
      db,
      group.map(({ delivery, settlement }) => ({ position: delivery.position, patch: settlement.patch })),
    )
    const changes = await writer.commit([
      ...rows,
      // Whatever `ordered` was when the try began: it may have changed since, and somebody may wait.
      promoteLanes(lastOfLanes(group), { now, latest: now + LONGEST_PAUSE_MS }),
      ...verdicts(group, now),
      ...group.flatMap(({ endpoint, settlement: { disable } }) =>
        disable ? deps.disable(endpoint, disable) : [],
      ),
    ])
    const hasPromoted = (changes[rows.length] ?? 0) > 0
    for (const noted of group) tell(noted, hasPromoted)
  }

  function tell(noted: Noted, hasPromoted: boolean) {
    const telling = deps.onSettled(noted)
    if (telling === undefined) noted.onStored(hasPromoted)
    else telling.then(() => noted.onStored(hasPromoted), noted.onLost)
  }

  return {
    note(noted) {
      waiting.push(noted)
      if (noted.settlement.endpoint !== 'answers') isUrgent = true
      storeSoon()
    },
    flush,
  }
}

const lose = (lost: readonly Noted[], error: unknown) => {
  for (const { onLost } of lost) onLost(error)
}

const isUnwritable = (error: unknown) => error instanceof GatewayError && error.code === 'storage_unavailable'

/** Each by itself where the webhook has no order. */
const isLaneOf = (one: Noted) => (other: Noted) =>
  one === other ||
  (one.endpoint.row.ordered &&
    other.endpoint.row.ordered &&
    one.delivery.webhookId === other.delivery.webhookId &&
    one.delivery.lane === other.delivery.lane)

/** One position of each lane in which one has come to its end: the lane is asked once, however many there were. */
function lastOfLanes(group: readonly Noted[]): number[] {
  const positions = new Map<string, number>()
  // An id of a webhook has no space in it.
  for (const { delivery, settlement } of group)
    if (settlement.isSettled) positions.set(`${delivery.webhookId} ${delivery.lane}`, delivery.position)
  return [...positions.values()]
}

/** How the webhooks are doing after these tries, in the order in which they ended: a failure counts from the last success on. */
function verdicts(group: readonly Settled[], now: number): Statement[] {
  const answering = new Set<string>()
  const failing = new Set<string>()
  for (const { delivery, settlement } of group) {
    if (settlement.endpoint === 'answers') {
      answering.add(delivery.webhookId)
      failing.delete(delivery.webhookId)
    }
    if (settlement.endpoint === 'fails') failing.add(delivery.webhookId)
  }
  return [
    ...(answering.size > 0 ? [markAnswering([...answering], now)] : []),
    ...(failing.size > 0 ? [markFailing([...failing], now)] : []),
  ]
}
