// The parts of the way out, put together: the registry of webhooks, the event log, the dispatcher, and what the API asks for.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import type { HookName, HookPayload } from '../../src/contract/hooks.ts'
import type { Db, Statement, Writer } from '../../src/db/db.ts'
import { disableWebhook } from '../../src/db/webhooks.ts'
import { MAX_INLINE_MEDIA_BYTES, MAX_PAYLOAD_BYTES } from '../../src/webhooks/envelope.ts'
import type { Clock } from '../clock.ts'
import type { Sealer } from '../store/sealer.ts'
import { createAttempt, type DeliveryHooks, type OutboxFault } from './attempt.ts'
import { createDispatcher, type Dispatcher, type DispatcherLimits } from './dispatcher.ts'
import { createEndpoints, type Endpoint } from './endpoint.ts'
import { createEventData } from './event-data.ts'
import { createEventLog, type EventLog } from './event-log.ts'
import { createReplay } from './replay.ts'
import { createSend, type Post } from './send.ts'
import { createSettlements, type Settled } from './settlements.ts'
import { createTestDelivery } from './test-delivery.ts'
import { createWebhookRegistry } from './webhook-registry.ts'

/** News about deliveries that plugins have not heard to the end. */
const MAX_TOLD = 256

type WebhookMethod = Extract<keyof EngineHandlers, `webhook.${string}`>

export interface Outbox extends EventLog, AsyncDisposable {
  handlers: Pick<EngineHandlers, WebhookMethod>
  /** Reads the webhooks and takes up what was left. To be awaited before the first event is recorded. */
  start(): Promise<void>
  /** Reads the webhooks anew, where another engine may have changed them. */
  reload(): Promise<void>
  dispatcher: Dispatcher
}

export interface OutboxDeps {
  db: Db
  writer: Writer
  clock: Clock
  sealer: Sealer
  post: Post
  /** Rejects with `invalid_input` or `address_blocked` for a URL that would never be called. */
  checkUrl(url: string): void | Promise<void>
  hooks: DeliveryHooks
  /** Calls when new events are durable (commit-watch.ts). Gives the undo. */
  onEvents(listener: () => void): () => void
  /** A UUID. */
  newId(): string
  /** In [0, 1). */
  random(): number
  /** For faults of our own; what an endpoint does wrong is in the row of its delivery. */
  onError(error: unknown): void
  fault?: (name: OutboxFault) => void
  /** Whether another engine on this database runs the session now; absent where there can be none. */
  isElsewhere?: ((sessionId: string) => Promise<boolean>) | undefined
  limits?: DispatcherLimits
  /** OpenWA's `WEBHOOK_MAX_PAYLOAD_BYTES` and `WEBHOOK_MEDIA_INLINE_MAX_BYTES`. */
  maxPayloadBytes?: number
  maxInlineMediaBytes?: number
  /** The data of an event with its file, as receivers get it; the log keeps it without. */
  withFile?: (of: { event: string; sessionId: string; data: string }) => Promise<string>
}

export function createOutbox(deps: OutboxDeps): Outbox {
  const { db, clock, hooks, fault = () => {} } = deps
  const now = () => clock.now()
  const registry = createWebhookRegistry({ ...deps, now, onChange: id => dispatcher.wake(id) })
  const endpoints = createEndpoints({ ...deps, now })
  const known = createEventData()
  const log = createEventLog({
    webhooksOf: registry.of,
    now,
    newId: deps.newId,
    onData: known.put,
    maxInlineMediaBytes: deps.maxInlineMediaBytes ?? MAX_INLINE_MEDIA_BYTES,
  })
  const send = createSend(deps)
  const replay = createReplay({ ...deps, onReplay: () => dispatcher.wake() })
  const test = createTestDelivery({ ...deps, send })
  const attempt = createAttempt({
    ...deps,
    send,
    fault,
    maxPayloadBytes: deps.maxPayloadBytes ?? MAX_PAYLOAD_BYTES,
  })
  const settlements = createSettlements({ ...deps, disable, onSettled })
  const dispatcher = createDispatcher({ ...deps, endpoints, known, attempt, settlements })
  const told = new Set<Promise<unknown>>()
  let stopListening = () => {}

  function disable({ row }: Endpoint, reason: 'gone' | 'failing'): Statement[] {
    const { id: webhookId, sessionId, url, failingSince } = row
    const since = failingSince === null ? null : new Date(failingSince).toISOString()
    return [
      disableWebhook(db, webhookId, reason, now()),
      ...log.record(
        'webhook.disabled',
        sessionId,
        { sessionId, webhookId, url, reason, failingSince: since },
        { occurredAt: now(), onlyIf: 'changed' },
      ),
    ]
  }

  /** Gives nothing where there is nothing to wait for, as nearly always. */
  function onSettled({ delivery, endpoint, outcome, settlement }: Settled): undefined | Promise<void> {
    const { status } = settlement.patch
    replay.onTried(delivery.id, status === 'delivered')
    const refreshed = settlement.disable ? registry.refresh(endpoint.row.id) : undefined
    const { sessionId, event, webhookId, id: deliveryId } = delivery
    const named = () => ({ sessionId, event, webhookId, deliveryId, attempt: delivery.attempts + 1 })
    if (status === 'delivered' && outcome?.kind === 'answered') {
      const { status: statusCode, durationMs: responseTime } = outcome.answer
      tell('webhook:delivered', () => ({ ...named(), statusCode: statusCode ?? 0, responseTime }))
      tell('webhook:after', () => ({ sessionId, event, webhookId, success: true }))
    }
    if (status === 'dead')
      tell('webhook:error', () => ({
        ...named(),
        error: settlement.patch.lastError ?? 'The delivery failed',
      }))
    // A plugin that is slow to hear the news holds up nothing, until it is behind by too many.
    return told.size > MAX_TOLD ? Promise.race(told).then(() => refreshed) : refreshed
  }

  /** Nothing is made for nobody, as nearly always. */
  function tell<N extends HookName>(event: N, say: () => HookPayload<N> & { sessionId: string }) {
    if (hooks.order(event).length === 0) return
    const data = say()
    const hearing: Promise<unknown> = hooks
      .run(event, data, { sessionId: data.sessionId, source: 'WebhookProcessor' })
      .catch(deps.onError)
      .finally(() => told.delete(hearing))
    told.add(hearing)
  }

  return {
    record: log.record,
    dispatcher,
    handlers: {
      ...registry.handlers,
      ...replay.handlers,
      async 'webhook.test'({ sessionId, webhookId }) {
        await registry.require(sessionId, webhookId)
        const endpoint = await endpoints.read(webhookId)
        if (endpoint === null) return { success: false, error: 'The webhook was deleted' }
        return await test(endpoint)
      },
    },
    reload: registry.load,
    async start() {
      await registry.load()
      stopListening = deps.onEvents(() => dispatcher.wake())
      dispatcher.wake()
    },
    async [Symbol.asyncDispose]() {
      stopListening()
      await dispatcher[Symbol.asyncDispose]()
      await Promise.all(told)
    },
  }
}
