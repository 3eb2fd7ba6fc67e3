// The webhooks: kept in memory for whoever records events, changed here alone, stored with their secrets sealed.

import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Webhook } from '../../src/contract/webhook.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import { reorderDeliveries } from '../../src/db/delivery-queue.ts'
import { findSession } from '../../src/db/sessions.ts'
import {
  allWebhooks,
  deleteWebhook,
  findWebhook,
  insertWebhook,
  toWebhook,
  updateWebhook,
  type WebhookPatch,
  type WebhookRow,
} from '../../src/db/webhooks.ts'
import type { Sealer } from '../store/sealer.ts'
import { openSecrets, sealSecrets, type WebhookSecrets, withSecret } from './webhook-secrets.ts'

export interface WebhookRegistry {
  /** Reads all from the database; once, before the first event. */
  load(): Promise<void>
  /** Those of one session, as of now. */
  of(sessionId: string): readonly WebhookRow[]
  /** Puts a row that has been changed elsewhere in the engine in its place. */
  refresh(webhookId: string): Promise<void>
  /** Throws `not_found`, with OpenWA's text. */
  require(sessionId: string, webhookId: string): Promise<WebhookRow>
  handlers: Pick<EngineHandlers, 'webhook.create' | 'webhook.update' | 'webhook.delete'>
}

/** OpenWA's `WEBHOOK_MAX_PER_SESSION`. */
export const MAX_WEBHOOKS_PER_SESSION = 16

export function createWebhookRegistry(deps: {
  db: Db
  writer: Writer
  sealer: Sealer
  now(): number
  newId(): string
  /** Rejects with `invalid_input` or `address_blocked` for a URL that would never be called. */
  checkUrl(url: string): void | Promise<void>
  /** Called when a webhook has changed: deliveries may be waiting for it. */
  onChange(webhookId: string): void
}): WebhookRegistry {
  const { db, writer, sealer, now } = deps
  const bySession = new Map<string, WebhookRow[]>()
  /** One change after the other, or two at once would both pass the cap and both write over the other's secrets. */
  let turn: Promise<unknown> = Promise.resolve()

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work)
    // Its own caller hears of a failure; the next in line need not.
    turn = done.catch(() => {})
    return done
  }

  function keep(row: WebhookRow) {
    const others = (bySession.get(row.sessionId) ?? []).filter(({ id }) => id !== row.id)
    bySession.set(row.sessionId, [...others, row])
  }

  function drop(id: string) {
    for (const [sessionId, rows] of bySession) {
      const left = rows.filter(row => row.id !== id)
      if (left.length === 0) bySession.delete(sessionId)
      else if (left.length < rows.length) bySession.set(sessionId, left)
    }
  }

  async function refresh(webhookId: string) {
    const row = await findWebhook(db, webhookId)
    if (row === null) drop(webhookId)
    else keep(row)
  }

  async function requireWebhook(sessionId: string, webhookId: string): Promise<WebhookRow> {
    const row = await findWebhook(db, webhookId)
    if (row === null || row.sessionId !== sessionId)
      throw new GatewayError('not_found', `Webhook with id '${webhookId}' not found`)
    return row
  }

  async function stored(webhookId: string): Promise<Webhook> {
    await refresh(webhookId)
    deps.onChange(webhookId)
    const row = await findWebhook(db, webhookId)
    if (row === null) throw new GatewayError('not_found', `Webhook with id '${webhookId}' not found`)
    return toWebhook(row)
  }

  async function create({ sessionId, input }: Params<'webhook.create'>): Promise<Webhook> {
    if ((await findSession(db, sessionId)) === null)
      throw new GatewayError('not_found', `Session with id '${sessionId}' not found`)
    if ((bySession.get(sessionId)?.length ?? 0) >= MAX_WEBHOOKS_PER_SESSION)
      throw new GatewayError('invalid_input', `A session has at most ${MAX_WEBHOOKS_PER_SESSION} webhooks`)
    await deps.checkUrl(input.url)
    const { secret = null, headers, ...rest } = input
    const id = deps.newId()
    await writer.commit([
      insertWebhook(db, {
        ...rest,
        id,
        sessionId,
        secretsSealed: sealSecrets(sealer, id, { secret, previous: null, headers }),
        headerNames: Object.keys(headers),
        createdAt: now(),
        updatedAt: now(),
      }),
    ])
    return await stored(id)
  }

  async function update({ sessionId, webhookId, input }: Params<'webhook.update'>): Promise<Webhook> {
    const row = await requireWebhook(sessionId, webhookId)
    // An address that was taken once need not be taken again to change something else.
    if (input.url !== undefined && input.url !== row.url) await deps.checkUrl(input.url)
    const { secret, headers, ...rest } = input
    const patch: WebhookPatch = { ...rest, updatedAt: now() }
    if (secret !== undefined || headers !== undefined) {
      let secrets: WebhookSecrets = openSecrets(sealer, webhookId, row.secretsSealed)
      if (secret !== undefined) secrets = withSecret(secrets, secret, now())
      if (headers !== undefined) {
        secrets = { ...secrets, headers }
        patch.headerNames = Object.keys(headers)
      }
      patch.secretsSealed = sealSecrets(sealer, webhookId, secrets)
    }
    if (input.active === true && !row.active)
      Object.assign(patch, { disabledReason: null, failingSince: null })
    const isReordered = input.ordered !== undefined && input.ordered !== row.ordered
    await writer.commit([
      updateWebhook(db, webhookId, patch),
      ...(isReordered ? [reorderDeliveries(webhookId, input.ordered === true)] : []),
    ])
    return await stored(webhookId)
  }

  return {
    async load() {
      bySession.clear()
      for (const row of await allWebhooks(db)) keep(row)
    },
    of: sessionId => bySession.get(sessionId) ?? [],
    refresh,
    require: requireWebhook,
    handlers: {
      'webhook.create': params => inTurn(() => create(params)),
      'webhook.update': params => inTurn(() => update(params)),
      'webhook.delete': ({ sessionId, webhookId }) =>
        inTurn(async () => {
          await requireWebhook(sessionId, webhookId)
          await writer.commit([deleteWebhook(db, webhookId)])
          drop(webhookId)
          deps.onChange(webhookId)
          return null
        }),
    },
  }
}

type Params<M extends keyof EngineHandlers> = Parameters<EngineHandlers[M]>[0]
