// Acknowledged webhooks in the database: the queue that handlers work off, the memory against replays, the dead letters.
import { and, asc, count, eq, lt } from 'drizzle-orm'
import { type Db, type Statement, statement } from './db.ts'
import { ingressEvents } from './schema.ts'

export type IngressEventRow = typeof ingressEvents.$inferSelect
export type NewIngressEventRow = typeof ingressEvents.$inferInsert

/** What identifies a delivery: a sender may use one id on two routes for two things. */
export interface DeliveryKey {
  pluginId: string
  instanceId: string
  route: string
  deliveryId: string
}

/** Events of one lane run one after another. */
export type EventLane = Pick<IngressEventRow, 'id' | 'pluginId' | 'instanceId' | 'conversationId'>

const lane = {
  id: ingressEvents.id,
  pluginId: ingressEvents.pluginId,
  instanceId: ingressEvents.instanceId,
  conversationId: ingressEvents.conversationId,
}

/** Changes no row when the delivery is known already. */
export function insertEvent(db: Db, row: NewIngressEventRow): Statement {
  return statement(
    db
      .insert(ingressEvents)
      .values(row)
      .onConflictDoNothing({
        target: [
          ingressEvents.pluginId,
          ingressEvents.instanceId,
          ingressEvents.route,
          ingressEvents.deliveryId,
        ],
      }),
  )
}

export async function findEventId(db: Db, key: DeliveryKey): Promise<number | null> {
  const [row] = await db
    .select({ id: ingressEvents.id })
    .from(ingressEvents)
    .where(
      and(
        eq(ingressEvents.pluginId, key.pluginId),
        eq(ingressEvents.instanceId, key.instanceId),
        eq(ingressEvents.route, key.route),
        eq(ingressEvents.deliveryId, key.deliveryId),
      ),
    )
  return row?.id ?? null
}

export async function findEvent(db: Db, id: number): Promise<IngressEventRow | null> {
  const [row] = await db.select().from(ingressEvents).where(eq(ingressEvents.id, id))
  return row ?? null
}

/** Everything that was acknowledged and is not finished, in the order of arrival. Bounded by what an instance may have waiting. */
export async function pendingEvents(db: Db): Promise<EventLane[]> {
  return await db
    .select(lane)
    .from(ingressEvents)
    .where(eq(ingressEvents.state, 'pending'))
    .orderBy(asc(ingressEvents.id))
}

const deadOf = (pluginId: string, instanceId: string) =>
  and(
    eq(ingressEvents.state, 'dead'),
    eq(ingressEvents.pluginId, pluginId),
    eq(ingressEvents.instanceId, instanceId),
  )

/** Dead letters of an instance; those that died first come first, so that a hopeless one moves to the end. */
export async function deadEvents(
  db: Db,
  pluginId: string,
  instanceId: string,
  limit: number,
): Promise<EventLane[]> {
  return await db
    .select(lane)
    .from(ingressEvents)
    .where(deadOf(pluginId, instanceId))
    .orderBy(asc(ingressEvents.finishedAt), asc(ingressEvents.id))
    .limit(limit)
}

export async function countDead(db: Db, pluginId: string, instanceId: string): Promise<number> {
  const [row] = await db.select({ events: count() }).from(ingressEvents).where(deadOf(pluginId, instanceId))
  return row?.events ?? 0
}

/** True when the instance has ever had a delivery that is still known. */
export async function hasEvents(db: Db, pluginId: string, instanceId: string): Promise<boolean> {
  const [row] = await db
    .select({ id: ingressEvents.id })
    .from(ingressEvents)
    .where(and(eq(ingressEvents.pluginId, pluginId), eq(ingressEvents.instanceId, instanceId)))
    .limit(1)
  return row !== undefined
}

export function updateEvent(
  db: Db,
  id: number,
  patch: Partial<
    Pick<
      NewIngressEventRow,
      'state' | 'attempts' | 'nextAttemptAt' | 'error' | 'requestSealed' | 'finishedAt'
    >
  >,
): Statement {
  return statement(db.update(ingressEvents).set(patch).where(eq(ingressEvents.id, id)))
}

/** Takes a dead letter up again; changes no row when it is not one any more. */
export function reviveEvent(db: Db, id: number, now: number): Statement {
  return statement(
    db
      .update(ingressEvents)
      .set({ state: 'pending', attempts: 0, nextAttemptAt: now, finishedAt: null })
      .where(and(eq(ingressEvents.id, id), eq(ingressEvents.state, 'dead'))),
  )
}

/** Gives up what has waited since before `before`: nobody has taken it in all that time. */
export const expireEvents = (of: { before: number; now: number; error: string }): Statement => ({
  sql: `UPDATE ingress_events SET state = 'dead', error = ?, finished_at = ? WHERE state = 'pending' AND received_at < ?`,
  args: [of.error, of.now, of.before],
})

/** Forgets what was finished long ago, and of each instance's dead letters all but the last `maxDead`. */
export function forgetEvents(db: Db, before: { done: number; dead: number }, maxDead: number): Statement[] {
  const old = (['done', 'dead'] as const).map(state =>
    statement(
      db
        .delete(ingressEvents)
        .where(and(eq(ingressEvents.state, state), lt(ingressEvents.finishedAt, before[state]))),
    ),
  )
  const excess = {
    sql: `DELETE FROM ingress_events WHERE id IN (SELECT id FROM (SELECT id,
        row_number() OVER (PARTITION BY plugin_id, instance_id ORDER BY finished_at DESC, id DESC) AS place
      FROM ingress_events WHERE state = 'dead') WHERE place > ?)`,
    args: [maxDead],
  }
  return [...old, excess]
}
