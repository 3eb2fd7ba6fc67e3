// One try at one stored delivery: is there somebody to take it, and does the handler succeed in time?
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { WebhookRequest } from '../../src/contract/ingress.ts'
import type { Db } from '../../src/db/db.ts'
import type { IngressEventRow } from '../../src/db/ingress.ts'
import { findInstance } from '../../src/db/instances.ts'
import type { Clock } from '../clock.ts'
import type { Sealer } from '../store/sealer.ts'
import { toWebhook } from './event.ts'

/** `hold`: nobody can take it now, which is no fault of the delivery. `final`: another try would not help. */
export type Outcome = { kind: 'done' } | { kind: 'hold' } | { kind: 'failed'; why: string; final: boolean }

/** A handler's call: which route of the plugin, for which instance, and with what. */
export interface WebhookCall {
  route: string
  instanceId: string
  request: WebhookRequest
}

export interface AttemptDeps {
  db: Db
  sealer: Sealer
  clock: Clock
  /**
   * Runs the plugin's handler. `plugin_stopped` means that the plugin does not run now: the delivery waits for it, and
   * no try is counted. `signal` aborts when the time is up.
   */
  dispatch(pluginId: string, call: WebhookCall, signal: AbortSignal): Promise<void>
  timeoutMs: number
}

/** What is kept of an error that a plugin wrote. */
const MAX_ERROR_TEXT = 1_000

/** The try as a function of the stored row. Rejects only when the database cannot be read. */
export function createAttempt({ db, sealer, clock, dispatch, timeoutMs }: AttemptDeps) {
  return async (row: IngressEventRow): Promise<Outcome> => {
    const instance = await findInstance(db, row.pluginId, row.instanceId)
    if (instance === null) return { kind: 'failed', why: 'The instance was deleted', final: true }
    if (!instance.row.enabled || !instance.pluginEnabled) return { kind: 'hold' }
    const late = new AbortController()
    const stop = clock.after(timeoutMs, () =>
      late.abort(new GatewayError('plugin_timeout', `The handler was not done within ${timeoutMs} ms`)),
    )
    try {
      const call = { route: row.route, instanceId: row.instanceId, request: toWebhook(sealer, row) }
      await unlessAborted(dispatch(row.pluginId, call, late.signal), late.signal)
      return { kind: 'done' }
    } catch (thrown) {
      const { code, message } = toGatewayError(thrown)
      if (code === 'plugin_stopped') return { kind: 'hold' }
      return {
        kind: 'failed',
        why: message.slice(0, MAX_ERROR_TEXT),
        final: code === 'credentials_unreadable',
      }
    } finally {
      stop()
    }
  }
}

/** The promise, or the signal's reason if that comes first; what the handler does after that nobody waits for. */
function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}
