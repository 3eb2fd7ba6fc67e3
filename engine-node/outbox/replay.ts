// Sends again what has come to an end: as new deliveries behind what waits already, with new delivery ids and the same event ids.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import {
  countDeliveries,
  type DeliveryFilter,
  isReplayable,
  listDeliveries,
  markReplayed,
} from '../../src/db/deliveries.ts'
import { insertDeliveries } from '../../src/db/delivery-queue.ts'
import { findWebhook } from '../../src/db/webhooks.ts'
import type { Clock } from '../clock.ts'

/** How long OpenWA's redrive waits to tell what came of the first tries; what takes longer counts as enqueued. */
const REDRIVE_WAIT_MS = 10_000

interface Replayed {
  id: string
  replayOf: string
  eventId: string
}

export interface ReplayHandlers {
  handlers: Pick<EngineHandlers, 'webhook.redrive' | 'webhook.replay'>
  /** To be told of every try. */
  onTried(deliveryId: string, hasArrived: boolean): void
}

export function createReplay(deps: {
  db: Db
  writer: Writer
  clock: Clock
  newId(): string
  /** Called when new deliveries are durable. */
  onReplay(): void
}): ReplayHandlers {
  const { db, writer, clock } = deps
  const awaited = new Map<string, (hasArrived: boolean) => void>()

  async function isWanted(webhookId: string, event: string): Promise<boolean> {
    const webhook = await findWebhook(db, webhookId)
    return webhook?.active === true && (webhook.events.includes('*') || webhook.events.includes(event))
  }

  /** `prepare` sees the new ids before any of them can be tried. */
  async function replay(
    filter: DeliveryFilter,
    limit: number,
    prepare: (replayed: readonly Replayed[]) => void = () => {},
  ) {
    const rows = await listDeliveries(db, filter, { limit, offset: 0, oldestFirst: true })
    const now = clock.now()
    const replayed: Replayed[] = []
    const statements = []
    for (const row of rows) {
      if (!isReplayable(row) || !(await isWanted(row.webhookId, row.event))) continue
      const id = `dlv_${deps.newId()}`
      const { webhookId, eventId, idempotencyKey } = row
      replayed.push({ id, replayOf: row.id, eventId })
      statements.push(
        insertDeliveries(eventId, [{ id, webhookId, idempotencyKey, replayOf: row.id }], now),
        markReplayed(row.id, now),
      )
    }
    prepare(replayed)
    await writer.commit(statements)
    deps.onReplay()
    return { replayed, skipped: rows.length - replayed.length }
  }

  return {
    handlers: {
      async 'webhook.replay'({ scope, input }) {
        const { limit, since, until, status, events, ...rest } = input
        const filter: DeliveryFilter = {
          ...rest,
          scope,
          status: [status],
          events: events?.includes('*') ? undefined : events,
          since: since === undefined ? undefined : Date.parse(since),
          until: until === undefined ? undefined : Date.parse(until),
        }
        const { replayed, skipped } = await replay(filter, limit)
        // A delivered one keeps its state, so it would be counted, and replayed, again and again.
        const remaining = status === 'delivered' ? 0 : (await countDeliveries(db, filter)) - skipped
        return { replayed: replayed.length, skipped, remaining, deliveries: replayed }
      },
      async 'webhook.redrive'({ scope, input: { limit, ...rest } }) {
        const filter: DeliveryFilter = { ...rest, scope, status: ['dead'] }
        const waits: Promise<boolean | null>[] = []
        const { replayed, skipped } = await replay(filter, limit, made => {
          for (const { id } of made) waits.push(firstTry(id))
        })
        const tries = await Promise.all(waits)
        const counted = (result: boolean | null) => tries.filter(tried => tried === result).length
        return {
          redriven: replayed.length,
          delivered: counted(true),
          failed: counted(false),
          enqueued: counted(null),
          skipped,
          remaining: await countDeliveries(db, filter),
        }
      },
    },
    onTried(deliveryId, hasArrived) {
      awaited.get(deliveryId)?.(hasArrived)
    },
  }

  function firstTry(id: string): Promise<boolean | null> {
    return new Promise(resolve => {
      const settle = (result: boolean | null) => {
        cancel()
        awaited.delete(id)
        resolve(result)
      }
      const cancel = clock.after(REDRIVE_WAIT_MS, () => settle(null))
      awaited.set(id, settle)
    })
  }
}
