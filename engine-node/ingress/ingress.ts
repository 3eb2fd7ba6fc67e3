// Webhooks from outside, put together: the engine's methods for instances and requests, and the queue behind them.
import type { EngineHandlers, EngineMethod } from '../../src/contract/engine.ts'
import type { GuestParams, PluginConfig } from '../../src/contract/frames.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Settings } from '../settings.ts'
import type { Sealer } from '../store/sealer.ts'
import { createAttempt } from './attempt.ts'
import { createIngressDispatcher, type DispatcherDeps } from './dispatcher.ts'
import { createInstances } from './instances.ts'
import { createIngressPipeline } from './pipeline.ts'
import { startIngressRetention } from './retention.ts'

export interface IngressDeps {
  db: Db
  writer: Writer
  sealer: Sealer
  clock: Clock
  log: Logger
  settings: Settings
  hooks: DispatcherDeps['hooks']
  /** A plugin's own configuration, before that of instances is laid over it. */
  storedConfig(pluginId: string): Promise<PluginConfig>
  /**
   * Calls the plugin's handler. Rejects with `plugin_stopped` where the plugin does not run now, with anything else where
   * the handler failed. `signal` aborts after `timeoutMs`.
   */
  callWebhook(
    pluginId: string,
    params: GuestParams<'webhook'>,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<unknown>
  /** False for a session without an engine, or with one that failed. */
  isSessionAlive(sessionId: string): boolean
  /** An instance was made, changed or deleted: what `project` answers for the plugin may be another now. */
  configChanged(pluginId: string): void
}

type IngressMethod = Extract<EngineMethod, `instance.${string}` | `ingress.${string}`>

export interface Ingress extends AsyncDisposable {
  readonly handlers: { [M in IngressMethod]: EngineHandlers[M] }
  /** Takes up what a former run acknowledged and did not finish. To be called once plugins are restored. */
  start(): Promise<void>
  /** The plugin runs again: what waited for it may go on. Without this it does within half a minute. */
  wake(pluginId: string): void
  /** What the plugin's guest must get for its configuration: the stored one with that of its instances over it. */
  project(pluginId: string, stored: PluginConfig): Promise<PluginConfig>
}

export function createIngress(deps: IngressDeps): Ingress {
  const { db, writer, sealer, clock, log, settings, hooks } = deps
  const timeoutMs = settings.INGRESS_DISPATCH_TIMEOUT_MS
  const instances = createInstances({
    db,
    writer,
    sealer,
    now: clock.now,
    baseUrl: settings.BASE_URL,
    changed(pluginId, instanceId) {
      deps.configChanged(pluginId)
      dispatcher.wake(pluginId, instanceId)
    },
  })
  const attempt = createAttempt({
    db,
    sealer,
    clock,
    timeoutMs,
    async dispatch(pluginId, { route, instanceId, request }, signal) {
      const config = await instances.configOf(pluginId, instanceId, await deps.storedConfig(pluginId))
      await deps.callWebhook(pluginId, { route, request, config }, { timeoutMs, signal })
    },
  })
  const dispatcher = createIngressDispatcher({
    db,
    writer,
    sealer,
    clock,
    log,
    hooks,
    attempt,
    concurrency: settings.INGRESS_WORKER_CONCURRENCY,
    maxWaiting: settings.INGRESS_MAX_WAITING,
  })
  const pipeline = createIngressPipeline({
    instances,
    add: dispatcher.add,
    isSessionAlive: deps.isSessionAlive,
    log,
    now: clock.now,
    settings: {
      ipLimit: settings.INGRESS_IP_LIMIT,
      instanceLimit: settings.INGRESS_INSTANCE_LIMIT,
      windowMs: settings.INGRESS_INSTANCE_TTL,
      toleranceSec: settings.INGRESS_TIMESTAMP_TOLERANCE_SEC,
      dedupDays: settings.INGRESS_DEDUP_RETENTION_DAYS,
      allowUnsigned: settings.ALLOW_UNSIGNED_INGRESS,
    },
  })
  let retention: AsyncDisposable | null = null

  return {
    handlers: {
      'instance.create': ({ pluginId, input }) => instances.create(pluginId, input),
      'instance.update': ({ pluginId, instanceId, input }) => instances.update(pluginId, instanceId, input),
      'instance.regenerateSecret': ({ pluginId, instanceId }) =>
        instances.regenerateSecret(pluginId, instanceId),
      async 'instance.delete'({ pluginId, instanceId }) {
        await instances.remove(pluginId, instanceId)
        return null
      },
      'ingress.receive': request => pipeline.receive(request),
      'ingress.redrive': ({ pluginId, instanceId }) => dispatcher.redrive(pluginId, instanceId),
    },
    async start() {
      await dispatcher.start()
      const days = { done: settings.INGRESS_DEDUP_RETENTION_DAYS, dead: settings.INGRESS_RETENTION_DAYS }
      const maxDead = settings.INGRESS_MAX_WAITING
      retention = startIngressRetention({ db, writer, clock, log, days, maxDead })
    },
    wake: pluginId => dispatcher.wake(pluginId),
    project: (pluginId, stored) => instances.project(pluginId, stored),
    async [Symbol.asyncDispose]() {
      await retention?.[Symbol.asyncDispose]()
      await dispatcher[Symbol.asyncDispose]()
    },
  }
}
