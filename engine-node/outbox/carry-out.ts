// One delivery from the try to what is stored of it: its row, the next of its chat, and how the webhook is doing, in one commit.
import type { Db, Statement, Writer } from '../../src/db/db.ts'
import { promoteLane, type QueuedDelivery, updateDelivery } from '../../src/db/deliveries.ts'
import { markAnswering, markFailing } from '../../src/db/webhooks.ts'
import type { Clock } from '../clock.ts'
import type { Attempt, OutboxFault, Outcome } from './attempt.ts'
import type { Endpoint } from './endpoint.ts'
import { type Settlement, settle } from './settlement.ts'

export interface Settled {
  delivery: QueuedDelivery
  outcome: Outcome | null
  settlement: Settlement
}

/**
 * Rejects only when the database does not take what came of it; the delivery is then made again. `isAbandoned` is asked after
 * the try: a gateway that has stopped stores nothing more. Gives what the try says of the endpoint, null where it says nothing.
 */
export type CarryOut = (
  delivery: QueuedDelivery,
  endpoint: Endpoint,
  isAbandoned: () => boolean,
) => Promise<{ endpoint: Settlement['endpoint']; retryAfterMs: number } | null>

export function createCarryOut(deps: {
  db: Db
  writer: Writer
  clock: Clock
  /** In [0, 1). */
  random(): number
  attempt: Attempt
  /** Statements that switch a webhook off and tell of it. */
  disable(endpoint: Endpoint, reason: 'gone' | 'failing'): Statement[]
  /** After what came of a try is durable. */
  onSettled(settled: Settled, endpoint: Endpoint): Promise<void>
  onError(error: unknown): void
  fault(name: OutboxFault): void
}): CarryOut {
  const { clock } = deps

  async function tryOnce(delivery: QueuedDelivery, endpoint: Endpoint): Promise<Outcome | null> {
    try {
      return await deps.attempt(delivery, endpoint)
    } catch (error) {
      // A poisonous event is parked like any that fails; the others must go on.
      deps.onError(error)
      return null
    }
  }

  function statementsOf(delivery: QueuedDelivery, endpoint: Endpoint, settlement: Settlement, now: number) {
    const { webhookId, lane, position } = delivery
    const { isSettled, endpoint: verdict, disable } = settlement
    return [
      updateDelivery(deps.db, position, settlement.patch),
      // Whatever `ordered` was when the try began: it may have changed since, and somebody may wait.
      ...(isSettled ? [promoteLane(webhookId, lane)] : []),
      ...(verdict === 'answers' ? [answering(endpoint, now)] : []),
      ...(verdict === 'fails' ? [markFailing(webhookId, now)] : []),
      ...(disable ? deps.disable(endpoint, disable) : []),
    ]
  }

  /** Where it only moves the time of the last try, the last of many in one commit is enough. */
  function answering({ row }: Endpoint, now: number): Statement {
    const statement = markAnswering(row.id, now)
    return row.failingSince === null ? { ...statement, ...{ key: `answers:${row.id}` } } : statement
  }

  return async (delivery, endpoint, isAbandoned) => {
    if (delivery.attempts > 0) deps.fault('webhook-between-retries')
    const outcome = await tryOnce(delivery, endpoint)
    if (isAbandoned()) return null
    const now = clock.now()
    const settlement = settle(delivery, endpoint.row, outcome, { now, chance: deps.random() })
    await deps.writer.commit(statementsOf(delivery, endpoint, settlement, now))
    await deps.onSettled({ delivery, outcome, settlement }, endpoint)
    const answer = outcome?.kind === 'answered' ? outcome.answer : null
    const retryAfterMs = answer?.kind === 'failure' ? answer.retryAfterMs : 0
    return { endpoint: settlement.endpoint, retryAfterMs }
  }
}
