// Stores what came of tries: their rows, the next of their chats, and how the webhooks are doing. What ends together is stored
// together, since a commit costs as much for one as for a hundred.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db, Statement, Writer } from '../../src/db/db.ts'
import { type OpenDelivery, promoteLanes, updateDeliveries } from '../../src/db/delivery-queue.ts'
import { markAnswering, markFailing } from '../../src/db/webhooks.ts'
import type { Outcome } from './attempt.ts'
import type { Endpoint } from './endpoint.ts'
import type { Settlement } from './settlement.ts'

export interface Settled {
  delivery: OpenDelivery
  endpoint: Endpoint
  outcome: Outcome | null
  settlement: Settlement
}

export interface Settlements {
  /**
   * Resolves when it is durable and has been told. Rejects when the database does not take it; the delivery is then made
   * again.
   */
  note(settled: Settled): Promise<void>
}

/** Rows of one statement: bounds what one bad neighbour has stored again, and for how long the database is held. */
const MAX_GROUP = 256

interface Noted extends Settled {
  done: PromiseWithResolvers<void>
}

export function createSettlements(deps: {
  db: Db
  writer: Writer
  now(): number
  /** Statements that switch a webhook off and tell of it. */
  disable(endpoint: Endpoint, reason: 'gone' | 'failing'): Statement[]
  /** After what came of a try is durable. */
  onSettled(settled: Settled): undefined | Promise<void>
  /** Called after a commit when there may be something to try that there was not before. */
  onChance(): void
}): Settlements {
  const { db, writer } = deps
  const waiting: Noted[] = []
  let isStoring = false

  async function storeAll() {
    // What else ends in this turn joins in.
    await nextTurn()
    while (waiting.length > 0) {
      const group = waiting.splice(0, MAX_GROUP)
      try {
        await store(group)
      } catch (error) {
        if (group.length === 1) group[0]?.done.reject(error)
        else await storeOneByOne(group)
      }
    }
    isStoring = false
  }

  /** One that the database refuses must not take the others with it. */
  async function storeOneByOne(group: readonly Noted[]) {
    for (const noted of group) await store([noted]).catch(noted.done.reject)
  }

  async function store(group: readonly Noted[]) {
    const rows = updateDeliveries(
      db,
      group.map(({ delivery, settlement }) => ({ position: delivery.position, patch: settlement.patch })),
    )
    const ended = group.filter(({ settlement }) => settlement.isSettled)
    const changes = await writer.commit([
      ...rows,
      // Whatever `ordered` was when the try began: it may have changed since, and somebody may wait.
      promoteLanes(ended.map(({ delivery }) => delivery.position)),
      ...verdicts(group, deps.now()),
      ...group.flatMap(({ endpoint, settlement: { disable } }) =>
        disable ? deps.disable(endpoint, disable) : [],
      ),
    ])
    for (const noted of group) tell(noted)
    const promoted = changes[rows.length] ?? 0
    if (promoted > 0 || ended.length < group.length) deps.onChance()
  }

  function tell({ done, ...settled }: Noted) {
    const telling = deps.onSettled(settled)
    if (telling === undefined) done.resolve()
    else telling.then(done.resolve, done.reject)
  }

  return {
    note(settled) {
      const done = Promise.withResolvers<void>()
      waiting.push({ ...settled, done })
      if (!isStoring) {
        isStoring = true
        void storeAll()
      }
      return done.promise
    },
  }
}

/** How the webhooks are doing after these tries, in the order in which they ended: a failure counts from the last success on. */
function verdicts(group: readonly Noted[], now: number): Statement[] {
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
