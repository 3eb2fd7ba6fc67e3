// What becomes of a delivery after a try: delivered, tried again, given up, cancelled. Pure: an outcome in, a plan out.
import type { DeliveryPatch } from '../../src/db/delivery-queue.ts'
import type { OpenDelivery } from '../../src/db/delivery-reads.ts'
import type { WebhookRow } from '../../src/db/webhooks.ts'
import { DISABLE_AFTER_MS, retryDelay } from '../../src/webhooks/schedule.ts'
import type { Outcome } from './attempt.ts'
import type { Answer } from './send.ts'

export interface Settlement {
  patch: DeliveryPatch
  /** The delivery has come to an end: the next of its chat may go. */
  isSettled: boolean
  /** What the try says of the endpoint; null when nothing was sent. */
  endpoint: 'answers' | 'fails' | null
  /** The endpoint is to be switched off. */
  disable: 'gone' | 'failing' | null
}

/** Of a success little is worth keeping; a failure is explained by what the endpoint said. */
const MAX_KEPT_OF_SUCCESS = 1_024

/** `chance` is in [0, 1). `outcome` is null when the try broke off by a fault of our own. */
export function settle(
  delivery: Pick<OpenDelivery, 'attempts' | 'rewritten'>,
  webhook: Pick<WebhookRow, 'retryCount' | 'failingSince' | 'url'>,
  outcome: Outcome | null,
  at: { now: number; chance: number },
): Settlement {
  const { now } = at
  const settled = { settledAt: now, lastAttemptAt: now }
  const rewritten = outcome === null ? delivery.rewritten : outcome.rewritten
  switch (outcome?.kind) {
    case 'cancelled':
      return end({ status: 'cancelled', lastError: outcome.why, settledAt: now })
    case 'unsendable':
      return end({ status: 'dead', lastResult: 'unsendable', lastError: outcome.why, settledAt: now })
    case 'answered':
      return ofAnswer(outcome.answer)
    case undefined:
      return again(
        { lastResult: 'error', lastError: 'The gateway failed to make the request', lastAttemptAt: now },
        { retryAfterMs: 0, endpoint: null, disable: null },
      )
  }

  function ofAnswer(answer: Answer): Settlement {
    const said = {
      rewritten,
      url: webhook.url,
      lastAttemptAt: now,
      lastStatus: answer.status,
      lastResult: answer.result,
      lastError: answer.error,
      responseMs: answer.durationMs,
      responseBody: answer.body,
    }
    const attempts = delivery.attempts + 1
    switch (answer.kind) {
      case 'success': {
        const responseBody = answer.body?.slice(0, MAX_KEPT_OF_SUCCESS) ?? null
        const patch = { ...said, ...settled, responseBody, attempts, status: 'delivered' as const }
        return { patch, isSettled: true, endpoint: 'answers', disable: null }
      }
      case 'gone': {
        const patch = { ...said, ...settled, attempts, status: 'dead' as const }
        return { patch, isSettled: true, endpoint: 'fails', disable: 'gone' }
      }
      case 'failure': {
        const failsFor = webhook.failingSince === null ? 0 : now - webhook.failingSince
        const disable = failsFor >= DISABLE_AFTER_MS ? 'failing' : null
        return again(said, { retryAfterMs: answer.retryAfterMs, endpoint: 'fails', disable })
      }
    }
  }

  function again(
    said: DeliveryPatch,
    of: { retryAfterMs: number } & Pick<Settlement, 'endpoint' | 'disable'>,
  ): Settlement {
    const attempts = delivery.attempts + 1
    const delay = retryDelay(attempts, webhook.retryCount, at.chance)
    const { endpoint, disable } = of
    if (delay === null)
      return {
        patch: { ...said, attempts, status: 'dead', settledAt: now },
        isSettled: true,
        endpoint,
        disable,
      }
    const nextAt = now + Math.max(delay, of.retryAfterMs)
    return { patch: { ...said, attempts, nextAt }, isSettled: false, endpoint, disable }
  }
}

const end = (patch: DeliveryPatch): Settlement => ({
  patch,
  isSettled: true,
  endpoint: null,
  disable: null,
})
