// A gateway for tests of plugins: the real host, broker, hook chain and guest runtime, with a made-up WhatsApp behind them.
// The plugin runs in the test's own process, or in a tier of production where the test hands one in.
import type { GroupInfo } from '../../src/contract/directory.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import { asksOf, powersOf } from '../../src/contract/grants.ts'
import type { HookName, HookPayload, HookSource } from '../../src/contract/hooks.ts'
import type { WebhookRequest } from '../../src/contract/ingress.ts'
import type { IncomingMessage } from '../../src/contract/message.ts'
import type { Config } from '../../src/contract/plugin-config.ts'
import { createAudit, type Denial } from '../broker/audit.ts'
import { createBroker } from '../broker/broker.ts'
import type { BrokerPlugin } from '../broker/decide.ts'
import type { CallOrigin, Verbs } from '../broker/verb.ts'
import { createNetVerbs } from '../broker/verbs/net.ts'
import { type Clock, createClock } from '../clock.ts'
import { createChain, type HookCause, type HookFailure, type HookOutcome } from '../hooks/chain.ts'
import { isActiveFor } from '../plugins/access.ts'
import { normalizeMain, parseManifest } from '../plugins/archive.ts'
import { createPluginHost, PHASE_TIMEOUT_MS } from '../plugins/host.ts'
import { type AskSearch, createOpenGuest } from '../plugins/open-guest.ts'
import type { TierHost } from '../tiers/tier.ts'
import { createCapturedLog, type LogLine } from './captured-log.ts'
import type { Mapping } from './fake-conversations.ts'
import { createFakeGateway, type Outgoing, type SentRecord } from './fake-gateway.ts'
import { createMemoryTier } from './memory-tier.ts'
import { createTestConfig, type TestConfigInput } from './test-config.ts'
import { createTestFetch, type FakeServer } from './test-fetch.ts'
import { newMessage, newWebhook, SESSION } from './test-values.ts'

export interface TestHostOptions extends TestConfigInput {
  /** What stands in the plugin's manifest.json; it is judged as an install would. */
  manifest: unknown
  /** What its main file exports, for a plugin in the test's own process. Or a folder and a tier of production. */
  plugin?: unknown
  packaged?: { packageDir: string; tier: TierHost }
  /** Sessions that run, and those that the operator has activated the plugin for. */
  liveSessions?: readonly string[]
  activeSessions?: readonly string[]
  /** Answers `net.fetch`, once the manifest and the configuration have let it pass. */
  server?: FakeServer
  groups?: Readonly<Record<string, GroupInfo>>
  /** Verbs of the test's own. */
  verbs?: Partial<Verbs>
  quotaBytes?: number
  clock?: Clock
}

export interface TestHost extends AsyncDisposable {
  /** A session that runs, and the plugin is active for. */
  readonly session: string
  /** Everything that went out, by the plugin or by `send`. */
  readonly sent: readonly SentRecord[]
  readonly storage: Map<string, unknown>
  readonly mappings: readonly Mapping[]
  readonly log: readonly LogLine[]
  /** Hooks that were not answered in time or well. */
  readonly hookFailures: readonly HookFailure[]
  /** Calls that were refused, with why. */
  readonly denials: readonly Denial[]
  /** A message arrives: `message:received` runs. Text from a person to this account, unless told. */
  receive(message?: Partial<IncomingMessage>): Promise<HookOutcome<'message:received'>>
  /** A client of the API sends: rejects with `sending_blocked` where the plugin refuses. */
  send(input: { chatId?: string; text: string }, type?: string): Promise<SentRecord>
  /** Any other hook, as the gateway would fire it. */
  fire<N extends HookName>(
    event: N,
    data: HookPayload<N>,
    origin?: { source?: HookSource; sessionId?: string | null },
  ): Promise<HookOutcome<N>>
  /** A webhook from outside that has passed its signature. Rejects with what the handler throws. */
  webhook(
    route: string,
    request?: Partial<Omit<WebhookRequest, 'body'>> & { body?: unknown },
    instance?: { config?: Config },
  ): Promise<void>
  /** Asks its search provider, as the gateway would. */
  search: AskSearch
  /** Merges values into the base configuration, as an operator does. */
  configure(values: Config): Promise<void>
  health(): Promise<unknown>
  /** `onDisable`, and the end of the guest; `enable` starts it anew. */
  disable(): Promise<void>
  enable(): Promise<void>
}

/** Starts the plugin as an operator's "enable" does; rejects with what keeps it from running. Dispose it at the end. */
export async function createTestHost(options: TestHostOptions): Promise<TestHost> {
  const manifest = parseManifest(options.manifest)
  const { id: pluginId, permissions, sessions, sessionScoped } = manifest
  const { clock = createClock(), liveSessions = [SESSION], activeSessions = ['*'] } = options
  const config = createTestConfig(manifest, options)
  const { log, lines } = createCapturedLog()
  const hookFailures: HookFailure[] = []
  const audit = createAudit()
  const access: BrokerPlugin = {
    id: pluginId,
    permissions: permissions ?? [],
    sessions: sessions ?? ['*'],
    sessionScoped: sessionScoped !== false,
    activeSessions,
  }
  const chain = createChain({
    now: clock.now,
    log,
    mayRun: (_plugin, _event, sessionId) =>
      (host.guest() !== null || host.isBlocking()) && isActiveFor(access, sessionId),
    record: (_plugin, failure) => hookFailures.push(failure),
  })

  /** The hook before every send. */
  async function judge(sessionId: string, send: Outgoing, cause?: HookCause): Promise<Outgoing> {
    const outcome = await chain.run(
      'message:sending',
      { sessionId, ...send },
      { sessionId, source: 'MessageService', ...(cause ? { cause } : {}) },
    )
    if (!outcome.continue) throw new GatewayError('sending_blocked', 'Message sending blocked by plugin')
    return { type: send.type, input: outcome.data.input }
  }
  const gateway = createFakeGateway({
    now: clock.now,
    judge: (sessionId, send, { inFlight }: CallOrigin) => judge(sessionId, send, { pluginId, inFlight }),
    groups: options.groups ?? {},
    ...(options.quotaBytes === undefined ? {} : { quotaBytes: options.quotaBytes }),
  })
  const broker = createBroker({
    verbs: {
      ...gateway.verbs,
      ...createNetVerbs({
        fetch: createTestFetch(options.server),
        policyOf: async () => ({ net: manifest.net ?? null, config: config.current() }),
      }),
      ...options.verbs,
    },
    plugin: () => (host.isOpen() ? access : undefined),
    isLive: sessionId => liveSessions.includes(sessionId),
    clock,
    audit,
  })

  let askSearch: AskSearch | null = null
  const tier = options.packaged?.tier ?? createMemoryTier({ plugin: options.plugin, clock })
  const host = createPluginHost({
    pluginId,
    openGuest: createOpenGuest({
      tierFor: () => tier,
      broker,
      clock,
      log,
      offerSearch(_plugin, ask) {
        if (access.permissions.includes('search:provide')) askSearch = ask
        return () => {
          askSearch = null
        }
      },
    }),
    chain,
    clock,
    log,
    load: async () => ({
      packageDir: options.packaged?.packageDir ?? '/plugin',
      asked: null,
      main: normalizeMain(manifest.main),
      config: config.current(),
      failClosed: manifest.failClosed ?? [],
      // As if the operator had confirmed everything that it asks for.
      powers: powersOf(asksOf(manifest), manifest),
      env: {},
    }),
    onRunning: async () => {},
    onFailed: async () => {},
  })
  await host.start()

  function guest() {
    const running = host.guest()
    if (running) return running
    throw new GatewayError('plugin_stopped', `Plugin ${pluginId} is not running`)
  }
  const call = { timeoutMs: 5_000 }

  return {
    session: SESSION,
    sent: gateway.sent,
    storage: gateway.storage,
    mappings: gateway.conversations.mappings,
    log: lines,
    hookFailures,
    get denials() {
      return audit.denials(pluginId)
    },
    async receive(given = {}) {
      const message = newMessage(given, gateway.history.length + 1)
      gateway.history.push(message)
      return await chain.run('message:received', message, { sessionId: SESSION, source: 'Engine' })
    },
    async send({ chatId = '15550000002@c.us', text }, type = 'text') {
      const { input } = await judge(SESSION, { type, input: { chatId, text } })
      const messageId = `API${gateway.sent.length + 1}`
      const record = { ...input, sessionId: SESSION, type, text: input.text ?? '', messageId }
      gateway.sent.push(record)
      return record
    },
    fire: (event, data, { source = 'Engine', sessionId = SESSION } = {}) =>
      chain.run(event, data, { source, sessionId }),
    async webhook(route, request = {}, instance = {}) {
      const params = { route, request: newWebhook(request), config: config.forInstance(instance.config) }
      await guest().call('webhook', params, call)
    },
    search(query, limits) {
      if (askSearch) return askSearch(query, limits)
      throw new GatewayError('not_found', `Plugin ${pluginId} has no search provider that it may have`)
    },
    async configure(values) {
      config.merge(values)
      await guest().call('configure', { config: config.current() }, { timeoutMs: PHASE_TIMEOUT_MS })
    },
    health: () => guest().call('health', {}, call),
    disable: () => host.stop(['onDisable']),
    enable: () => host.start(),
    [Symbol.asyncDispose]: () => host.stop(['onDisable', 'onUnload']),
  }
}
