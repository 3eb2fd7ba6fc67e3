// What the outbox reads of its queue: which webhooks have something due, which deliveries those are, what comes behind them in
// their lanes, and the rows themselves. Picking looks at the queue alone, so that only what there is room for is loaded.
import { type SQL, sql } from 'drizzle-orm'
import type { Db } from './db.ts'
import type { DeliveryRow } from './deliveries.ts'
import { deliveries } from './schema.ts'

/** What may be tried, with the JSON of its event's data; null when the log has forgotten it. */
export type OpenDelivery = Pick<
  DeliveryRow,
  | 'position'
  | 'id'
  | 'webhookId'
  | 'sessionId'
  | 'eventId'
  | 'event'
  | 'lane'
  | 'idempotencyKey'
  | 'attempts'
  | 'nextAt'
  | 'rewritten'
> & { data: string | null }

/** A place in the queue. */
export interface Picked {
  position: number
  lane: string
  nextAt: number
}

/** A lane, and the position behind which it is read. */
export interface LanePart {
  lane: string
  after: number
}

/** What is read of the queue. Made once, since to build a query takes longer than to run it. */
export interface DeliveryReads {
  /** The webhooks that have a delivery to try, each with the time of its earliest. */
  dueWebhooks(): Promise<{ webhookId: string; nextAt: number }[]>
  /** What may be tried at one webhook by `now`, but for what is held already: the oldest first, or with `newest` the newest. */
  due(
    webhookId: string,
    page: {
      now: number
      limit: number
      except: readonly number[]
      exceptLanes: readonly string[]
      newest?: boolean
    },
  ): Promise<Picked[]>
  /**
   * What comes behind the given positions in their lanes, so many of each, by position. One of a lane may have become due since
   * its part was read; it comes first then.
   */
  later(webhookId: string, page: { parts: readonly LanePart[]; perLane: number }): Promise<Picked[]>
  /**
   * The rows at these places, as far as they are still open; in no order. `knownData` gives what need not be read of an event,
   * which is most of what a row weighs.
   */
  rows(
    positions: readonly number[],
    knownData?: (eventId: string) => string | undefined,
  ): Promise<OpenDelivery[]>
  /** When the next one falls due that is to be tried at a later time; null where there is none. */
  nextDueAt(webhookId: string, now: number): Promise<number | null>
}

/**
 * It jumps from one webhook to the next in the index, so its cost grows with endpoints and not with what is queued.
 */
const DUE_WEBHOOKS = sql`(WITH RECURSIVE w(id) AS (
    SELECT min(webhook_id) FROM deliveries WHERE status = 'due'
    UNION ALL
    SELECT (SELECT min(webhook_id) FROM deliveries WHERE status = 'due' AND webhook_id > w.id)
    FROM w WHERE w.id IS NOT NULL
  ) SELECT id, (SELECT min(next_at) FROM deliveries
    WHERE status = 'due' AND webhook_id = w.id) AS next_at FROM w WHERE id IS NOT NULL)`

const given = (name: string) => sql`${sql.placeholder(name)}`

const dueIn = (order: string) => sql`(SELECT position, lane, next_at FROM deliveries
  WHERE status = 'due' AND webhook_id = ${given('webhookId')} AND next_at <= ${given('now')}
  AND position NOT IN (SELECT value FROM json_each(${given('except')}))
  AND lane NOT IN (SELECT value FROM json_each(${given('exceptLanes')}))
  ORDER BY ${sql.raw(order)} LIMIT ${given('limit')})`

const behind = (status: string) => sql`SELECT d.position, d.lane, d.next_at
  FROM json_each(${given('parts')}) j CROSS JOIN deliveries d ON d.position IN (
    SELECT position FROM deliveries WHERE webhook_id = ${given('webhookId')} AND lane = j.value ->> 0
    AND status = ${sql.raw(`'${status}'`)} AND position > j.value ->> 1 ORDER BY position LIMIT ${given('perLane')})`

const OPEN_ROWS = sql`json_each(${given('positions')}) j CROSS JOIN deliveries d ON d.position = j.value`

const PICKED = sql`json_object('position', position, 'lane', lane, 'nextAt', next_at)`

const ROW = sql`json_object('position', d.position, 'id', d.id, 'webhookId', d.webhook_id, 'sessionId', d.session_id,
  'eventId', d.event_id, 'event', d.event, 'lane', d.lane, 'idempotencyKey', d.idempotency_key, 'attempts', d.attempts,
  'nextAt', d.next_at, 'rewritten', d.rewritten)`

const EVENTS = sql`json_each(${given('ids')}) j CROSS JOIN events e ON e.id = j.value`

export function createDeliveryReads(db: Db): DeliveryReads {
  const dueWebhooks = db
    .select({ webhookId: sql<string>`id`, nextAt: sql<number>`next_at` })
    .from(DUE_WEBHOOKS)
    .prepare()
  const [oldest, newest] = ['next_at, position', 'next_at DESC, position DESC'].map(order =>
    prepareList<Picked>(db, PICKED, dueIn(order)),
  ) as [List<Picked>, List<Picked>]
  const later = prepareList<Picked>(db, PICKED, sql`(${behind('due')} UNION ALL ${behind('waiting')})`)
  const rows = prepareList<OpenDelivery>(db, ROW, OPEN_ROWS, sql`d.status = 'due' OR d.status = 'waiting'`)
  // By columns: to make JSON of the text that is JSON already takes longer than to hand it over.
  const data = db.select({ id: sql<string>`e.id`, data: sql<string>`e.data` }).from(EVENTS).prepare()
  const nextDueAt = db
    .select({ nextAt: sql<number | null>`min(next_at)` })
    .from(deliveries)
    .where(sql`status = 'due' AND webhook_id = ${given('webhookId')} AND next_at > ${given('now')}`)
    .prepare()

  return {
    dueWebhooks: () => dueWebhooks.all(),
    async due(webhookId, { now, limit, except, exceptLanes, newest: isNewest }) {
      const values = { webhookId, now, limit, except: JSON.stringify(except) }
      const list = isNewest ? newest : oldest
      return await list({ ...values, exceptLanes: JSON.stringify(exceptLanes) })
    },
    async later(webhookId, { parts, perLane }) {
      const ends = JSON.stringify(parts.map(({ lane, after }) => [lane, after]))
      const found = await later({ webhookId, parts: ends, perLane })
      return found.sort((a, b) => a.position - b.position)
    },
    async rows(positions, knownData = () => undefined) {
      const found = await rows({ positions: JSON.stringify(positions) })
      const unknown = new Set<string>()
      for (const row of found) {
        row.data = knownData(row.eventId) ?? null
        if (row.data === null) unknown.add(row.eventId)
      }
      if (unknown.size === 0) return found
      const read = new Map<string, string>()
      const values = await data.values({ ids: JSON.stringify([...unknown]) })
      // A driver's row has its values by position, but is no list.
      for (const { 0: id, 1: json } of values) read.set(id as string, json as string)
      for (const row of found) row.data ??= read.get(row.eventId) ?? null
      return found
    },
    nextDueAt: async (webhookId, now) => (await nextDueAt.all({ webhookId, now }))[0]?.nextAt ?? null,
  }
}

type List<T> = (values: Record<string, unknown>) => Promise<T[]>

/** Rows come as one text: the driver takes several times as long to hand over columns as to find them. */
function prepareList<T>(db: Db, item: SQL, from: SQL, where?: SQL): List<T> {
  const query = db
    .select({ list: sql<string>`json_group_array(${item})` })
    .from(from)
    .where(where)
    .prepare()
  // What the statement itself has written.
  return async values => JSON.parse((await query.all(values))[0]?.list ?? '[]') as T[]
}
