// One try from its beginning until what came of it is noted. The chat goes on after a success before that is durable; who may
// begin, and how far they may run ahead, is the dispatcher's business.
import type { OpenDelivery } from '../../src/db/delivery-reads.ts'
import type { Clock } from '../clock.ts'
import type { Attempt, Outcome } from './attempt.ts'
import type { Endpoint } from './endpoint.ts'
import type { Line } from './line.ts'
import { settle } from './settlement.ts'
import type { Settled, Settlements } from './settlements.ts'

export interface Tries {
  /** Calls `free` when the try's slot may be taken by another; resolves when what came of it is durable. */
  run(delivery: OpenDelivery, line: Line, free: () => void): Promise<void>
  /** What is answered and not noted, by its weight. */
  readonly unnoted: number
  /** From now on nothing is noted: what is under way is made again after the next start. */
  abandon(): void
}

/** An answer that is kept with much text counts for several: bounds the memory of those that are not noted. */
const UNNOTED_LENGTH = 16 * 1024

export function createTries(deps: {
  clock: Clock
  /** In [0, 1). */
  random(): number
  attempt: Attempt
  settlements: Settlements
  onError(error: unknown): void
  /** A webhook has been switched off by what it answered. */
  onDisabled(webhookId: string): void
}): Tries {
  const { clock, settlements } = deps
  let unnoted = 0
  let isAbandoned = false

  async function run(delivery: OpenDelivery, line: Line, free: () => void) {
    const { endpoint, circuit, lanes } = line
    const outcome = await tryOnce(delivery, endpoint)
    // Else the texts of all that is not noted would stay in memory.
    delivery.data = null
    if (isAbandoned) return
    if (lanes.isBehindFailure(delivery.position)) {
      // The one before it could not be noted and is delivered again; this one comes after it, again.
      line.hasMore = true
      return
    }
    const now = clock.now()
    const settlement = settle(delivery, endpoint.row, outcome, { now, chance: deps.random() })
    if (settlement.endpoint === 'fails') circuit.failed(clock.elapsed(), retryAfterOf(outcome))
    if (settlement.disable) line.drop()
    const noted = note({ delivery, endpoint, outcome, settlement }, line)
    if (settlement.endpoint === 'answers') {
      circuit.succeeded()
      // The next of its chat may go and its slot is free at once; after anything else nothing new begins before that is durable.
      lanes.ended(delivery.position, 'may go')
      free()
    }
    await noted
    if (settlement.disable) deps.onDisabled(delivery.webhookId)
  }

  /** Resolves when it is durable. */
  function note(settled: Settled, line: Line): Promise<void> {
    const { delivery, settlement } = settled
    const { position } = delivery
    const weight = settlement.endpoint === 'answers' ? weightOf(settled) : 0
    unnoted += weight
    return new Promise((resolve, reject) =>
      settlements.note({
        ...settled,
        onStored(hasPromoted) {
          unnoted -= weight
          if (weight === 0) line.lanes.ended(position, settlement.isSettled ? 'may go' : 'waits')
          // What the database has let go is known here, but behind a lane of which nothing is held any more.
          if ((line.lanes.noted(position) && hasPromoted) || !settlement.isSettled) line.hasMore = true
          resolve()
        },
        onLost(error) {
          unnoted -= weight
          line.lanes.ended(position, 'waits')
          line.lanes.noted(position)
          line.hasMore = true
          reject(error)
        },
      }),
    )
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
    run,
    get unnoted() {
      return unnoted
    },
    abandon() {
      isAbandoned = true
    },
  }
}

const retryAfterOf = (outcome: Outcome | null): number =>
  outcome?.kind === 'answered' && outcome.answer.kind === 'failure' ? outcome.answer.retryAfterMs : 0

const weightOf = ({ delivery, outcome }: Settled): number => {
  const said = outcome?.kind === 'answered' ? outcome.answer.body : null
  const length = (said?.length ?? 0) + (outcome?.rewritten?.length ?? 0) + (delivery.rewritten?.length ?? 0)
  return 1 + Math.floor(length / UNNOTED_LENGTH)
}
