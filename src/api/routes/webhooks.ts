// Webhooks and what became of their deliveries (REST spec, section 11): lists come from the database, every change and every
// new try goes through the engine, which alone can open secrets.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { EventSelector } from '../../contract/events.ts'
import { Uuid } from '../../contract/ids.ts'
import {
  CreateWebhook,
  Delivery,
  DeliveryDetail,
  DeliveryFailure,
  DeliveryStatus,
  Redrive,
  RedriveResult,
  Replay,
  ReplayResult,
  TestDelivery,
  UpdateWebhook,
  Webhook,
  WebhookId,
} from '../../contract/webhook.ts'
import type { Db } from '../../db/db.ts'
import { isReplayable, listDeliveries, type QueuedDelivery, toDelivery } from '../../db/deliveries.ts'
import { findSession } from '../../db/sessions.ts'
import { findWebhook, listWebhooks, toWebhook, type WebhookRow } from '../../db/webhooks.ts'
import { toDeliveryDetail, toDeliveryFailure } from '../delivery-view.ts'
import { type Route, route } from '../route.ts'
import { clamped, pathId } from '../validate.ts'
import { BySession, noSession } from './sessions.ts'

const noWebhook = (id: string) => `Webhook with id '${id}' not found`
const noDelivery = (id: string) => `Delivery with id '${id}' not found`

const ByWebhook = v.object({ ...BySession.entries, id: pathId(WebhookId, noWebhook) })
const DeliveryId = v.pipe(v.string(), v.regex(/^dlv_[0-9a-f-]{36}$/))
const ByDelivery = v.object({ id: pathId(DeliveryId, noDelivery) })

const page = {
  limit: clamped({ min: 1, max: 1_000, fallback: 1_000 }),
  offset: clamped({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }),
}
const AnyUuid = v.optional(v.pipe(v.string('must be given once'), Uuid))
const time = v.optional(
  v.pipe(
    v.string('must be given once'),
    v.isoTimestamp('must be a date like 2030-01-31T00:00:00Z'),
    v.transform(text => Date.parse(text)),
  ),
)

const DeliveryList = v.object({
  ...page,
  limit: clamped({ min: 1, max: 500, fallback: 100 }),
  sessionId: AnyUuid,
  webhookId: AnyUuid,
  event: v.optional(EventSelector),
  status: v.optional(DeliveryStatus),
  since: time,
  until: time,
})

async function requireSession(db: Db, id: string): Promise<void> {
  if ((await findSession(db, id)) === null) throw new GatewayError('not_found', noSession(id))
}

async function requireWebhook(db: Db, of: { sid: string; id: string }): Promise<WebhookRow> {
  const row = await findWebhook(db, of.id)
  if (row === null || row.sessionId !== of.sid) throw new GatewayError('not_found', noWebhook(of.id))
  return row
}

async function requireDelivery(db: Db, id: string, scope: string[] | null): Promise<QueuedDelivery> {
  const [row] = await listDeliveries(db, { scope, ids: [id] }, { limit: 1, offset: 0 })
  if (row === undefined) throw new GatewayError('not_found', noDelivery(id))
  return row
}

export const webhookRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/webhooks',
    summary: 'List the webhooks of a session, newest first',
    role: 'operator',
    params: BySession,
    query: v.object(page),
    status: 200,
    result: v.array(Webhook),
    async handle({ params: { sid }, query }, { db }) {
      await requireSession(db, sid)
      return await listWebhooks(db, { scope: null, sessionId: sid, ...query })
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/webhooks/:id',
    summary: 'Get one webhook',
    role: 'operator',
    params: ByWebhook,
    status: 200,
    result: Webhook,
    handle: async ({ params }, { db }) => toWebhook(await requireWebhook(db, params)),
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/webhooks',
    summary: 'Register a webhook',
    role: 'operator',
    params: BySession,
    body: CreateWebhook,
    status: 201,
    result: Webhook,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('webhook.create', { sessionId: sid, input: body }),
  }),
  route({
    method: 'PUT',
    path: '/sessions/:sid/webhooks/:id',
    summary: 'Change a webhook; a new secret signs beside the old one for a day',
    role: 'operator',
    params: ByWebhook,
    body: UpdateWebhook,
    status: 200,
    result: Webhook,
    handle: ({ params: { sid, id }, body }, { engine }) =>
      engine.call('webhook.update', { sessionId: sid, webhookId: id, input: body }),
  }),
  route({
    method: 'DELETE',
    path: '/sessions/:sid/webhooks/:id',
    summary: 'Delete a webhook; what waits for it is cancelled',
    role: 'operator',
    params: ByWebhook,
    status: 204,
    result: null,
    handle: ({ params: { sid, id } }, { engine }) =>
      engine.call('webhook.delete', { sessionId: sid, webhookId: id }),
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/webhooks/:id/test',
    summary: 'Post a test event to a webhook',
    role: 'operator',
    params: ByWebhook,
    status: 200,
    result: TestDelivery,
    handle: ({ params: { sid, id } }, { engine }) =>
      engine.call('webhook.test', { sessionId: sid, webhookId: id }),
  }),
  route({
    method: 'GET',
    path: '/webhooks',
    summary: 'List the webhooks of all sessions that the key may see, newest first',
    role: 'operator',
    query: v.object(page),
    status: 200,
    result: v.array(Webhook),
    handle: ({ query, key }, { db }) => listWebhooks(db, { scope: key?.allowedSessions ?? null, ...query }),
  }),
  route({
    method: 'GET',
    path: '/webhooks/delivery-failures',
    summary: 'List deliveries that were given up, newest first',
    role: 'admin',
    query: v.object({ ...page, sessionId: AnyUuid }),
    status: 200,
    result: v.array(DeliveryFailure),
    async handle({ query: { sessionId, ...query }, key }, { db }) {
      const scope = key?.allowedSessions ?? null
      const rows = await listDeliveries(db, { scope, sessionId, status: ['dead'] }, query)
      return rows.map(toDeliveryFailure)
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/delivery-failures/redrive',
    summary: 'Send given-up deliveries again, oldest first, and tell what came of the first tries',
    role: 'admin',
    body: Redrive,
    status: 200,
    result: RedriveResult,
    handle: ({ body, key }, { engine }) =>
      engine.call('webhook.redrive', { scope: key?.allowedSessions ?? null, input: body }),
  }),
  route({
    method: 'GET',
    path: '/webhooks/deliveries',
    summary: 'List deliveries in every state, newest first',
    role: 'operator',
    query: DeliveryList,
    status: 200,
    result: v.array(Delivery),
    async handle({ query: { limit, offset, event, status, ...filter }, key }, { db }) {
      const rows = await listDeliveries(
        db,
        {
          ...filter,
          scope: key?.allowedSessions ?? null,
          events: event === undefined || event === '*' ? undefined : [event],
          status: status === undefined ? undefined : [status],
        },
        { limit, offset },
      )
      return rows.map(toDelivery)
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/deliveries/replay',
    summary: 'Send deliveries again by filter or time: new delivery ids, the same event ids',
    role: 'operator',
    body: Replay,
    status: 200,
    result: ReplayResult,
    handle: ({ body, key }, { engine }) =>
      engine.call('webhook.replay', { scope: key?.allowedSessions ?? null, input: body }),
  }),
  route({
    method: 'GET',
    path: '/webhooks/deliveries/:id',
    summary: 'Get one delivery with the request that would be sent and the last answer',
    role: 'operator',
    params: ByDelivery,
    status: 200,
    result: DeliveryDetail,
    async handle({ params, key }, { db, now }) {
      const row = await requireDelivery(db, params.id, key?.allowedSessions ?? null)
      return toDeliveryDetail(row, await findWebhook(db, row.webhookId), now())
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/deliveries/:id/replay',
    summary: 'Send one delivery again',
    role: 'operator',
    params: ByDelivery,
    status: 200,
    result: ReplayResult,
    async handle({ params, key }, { db, engine }) {
      const scope = key?.allowedSessions ?? null
      const row = await requireDelivery(db, params.id, scope)
      const { status } = row
      if (!isReplayable(row) || (status !== 'dead' && status !== 'cancelled' && status !== 'delivered'))
        throw new GatewayError('invalid_input', 'The delivery cannot be sent again')
      return await engine.call('webhook.replay', { scope, input: { ids: [row.id], status, limit: 1 } })
    },
  }),
]
