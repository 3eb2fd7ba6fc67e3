// The engine put together: sessions, the pipeline, plugins with their chain and broker, the ways in and out. It reads like a
// parts list; what a part does stands in its own file.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { EngineHandlers } from '../src/contract/engine.ts'
import type { Db } from '../src/db/db.ts'
import { findSession, type SessionRow } from '../src/db/sessions.ts'
import { createAudit } from './broker/audit.ts'
import { createBroker } from './broker/broker.ts'
import { createConversationVerbs } from './broker/verbs/conversations.ts'
import { createMessageVerbs } from './broker/verbs/messages.ts'
import { createStorageVerbs } from './broker/verbs/storage.ts'
import type { Clock } from './clock.ts'
import { type Chain, createChain } from './hooks/chain.ts'
import { createHandoverGate } from './hooks/handover-gate.ts'
import { createIngress } from './ingress/ingress.ts'
import type { Logger } from './log.ts'
import { dialAddress, resolveHost } from './net/dial.ts'
import { createGuardedFetch } from './net/guarded-fetch.ts'
import { createUrlCheck } from './net/url-check.ts'
import type { CommitWatch } from './outbox/commit-watch.ts'
import { createGuardedPost } from './outbox/guarded-post.ts'
import { createOutbox } from './outbox/outbox.ts'
import { createInbound } from './pipeline/inbound.ts'
import { createRowIds } from './pipeline/row-ids.ts'
import { createSender } from './pipeline/sender.ts'
import { createCatalogue } from './plugins/catalogue.ts'
import { createConfigSeal } from './plugins/configuration.ts'
import { createDownload } from './plugins/download.ts'
import { createOpenGuest } from './plugins/open-guest.ts'
import { createPackageFolders } from './plugins/package-folders.ts'
import { createPlugins, type Plugins } from './plugins/plugins.ts'
import { createSessionNews } from './sessions/session-news.ts'
import { createSessions } from './sessions/sessions.ts'
import type { Settings } from './settings.ts'
import type { Sealer } from './store/sealer.ts'
import type { WriteQueue } from './store/write-queue.ts'
import type { TierHost } from './tiers/tier.ts'

/** Heap and buffers of one plugin in MiB, where its manifest asks for nothing else. */
const PLUGIN_MEMORY_MB = 64

export interface EngineDeps {
  db: Db
  queue: WriteQueue
  sealer: Sealer
  clock: Clock
  log: Logger
  commits: CommitWatch
  settings: Settings
  dataDir: string
  tier: TierHost
  onQr(row: SessionRow, text: string): void
}

export interface RunningEngine extends AsyncDisposable {
  handlers: EngineHandlers
  chain: Chain
  /** Brings about what the database says is wanted. To be called once, before the API listens. */
  restore(): Promise<void>
}

export function createEngine(deps: EngineDeps): RunningEngine {
  const { db, queue, sealer, clock, log, settings, tier } = deps
  const writer = queue
  const now = clock.now
  const nextRowId = createRowIds({ now })
  const fetch = createGuardedFetch({
    resolve: resolveHost,
    dial: dialAddress,
    allowedHosts: settings.SSRF_ALLOWED_HOSTS,
    clock,
  })

  // Plugins stand at both ends of the chain and of the broker, so those ask for them by name, when it matters.
  const pluginNamed = (): Plugins => plugins
  const gate = createHandoverGate({ db, isInstalled: id => pluginNamed().isInstalled(id) })
  const chain = createChain({
    now,
    log,
    mayRun: (pluginId, event, sessionId, data) =>
      pluginNamed().mayRun(pluginId, sessionId) &&
      (event !== 'message:received' || sessionId === null || gate.mayHear(pluginId, sessionId, chatOf(data))),
    record: (pluginId, failure) => pluginNamed().recordHookFailure(pluginId, failure),
  })

  const outbox = createOutbox({
    db,
    writer,
    clock,
    sealer,
    post: createGuardedPost(fetch),
    checkUrl: createUrlCheck({ resolve: resolveHost, allowedHosts: settings.SSRF_ALLOWED_HOSTS }),
    hooks: chain,
    onEvents: deps.commits.onEvents,
    newId: randomUUID,
    random: Math.random,
    onError: err => log.error({ err }, 'a webhook delivery failed on our side'),
  })
  const inbound = createInbound({ db, queue, sealer, clock, log, chain, nextRowId })
  const news = createSessionNews({ record: outbox.record, chain, queue, clock, log, onQr: deps.onQr })
  const sessions = createSessions({
    db,
    queue,
    sealer,
    clock,
    log,
    url: settings.WHATSAPP_URL,
    inbound,
    news,
    random: Math.random,
    randomUuid: randomUUID,
    maxSessions: settings.MAX_SESSIONS,
  })
  const sender = createSender({ db, queue, sealer, clock, sessions, nextRowId })

  const broker = createBroker({
    verbs: {
      ...createMessageVerbs({ sender }),
      ...createStorageVerbs({ db, writer }),
      ...createConversationVerbs({
        db,
        writer,
        sender,
        sessionExists: async id => (await findSession(db, id)) !== null,
        handedOver: gate.set,
        now,
      }),
    },
    plugin: id => pluginNamed().brokerPlugin(id),
    isLive: sessions.isLive,
    clock,
    audit: createAudit(),
  })
  const tierOf = () => ({ tier: tier.tier, missingPromises: tier.missingPromises })
  const seal = createConfigSeal({ sealer })
  const catalogue = createCatalogue({
    db,
    writer,
    folders: createPackageFolders({ pluginsDir: join(deps.dataDir, 'plugins') }),
    seal,
    now,
    tierOf,
  })
  const plugins: Plugins = createPlugins({
    catalogue,
    seal,
    download: createDownload({
      fetch,
      requirePin: settings.PLUGIN_INSTALL_REQUIRE_PIN ?? settings.NODE_ENV === 'production',
    }),
    openGuest: createOpenGuest({ tierFor: () => tier, broker, clock, log, memoryMb: PLUGIN_MEMORY_MB }),
    chain,
    clock,
    log,
    tierOf,
    project: (pluginId, stored) => ingress.project(pluginId, stored),
    onRunning: pluginId => ingress.wake(pluginId),
  })
  const ingress = createIngress({
    db,
    writer,
    sealer,
    clock,
    log,
    settings,
    hooks: chain,
    storedConfig: plugins.storedConfig,
    callWebhook: plugins.callWebhook,
    isSessionAlive: sessions.isLive,
    configChanged: pluginId =>
      void plugins
        .refreshConfig(pluginId)
        .catch(err => log.error({ err, plugin: pluginId }, 'a plugin kept its old configuration')),
  })

  return {
    chain,
    handlers: {
      ...sessions.methods,
      ...plugins.handlers,
      ...outbox.handlers,
      ...ingress.handlers,
      'message.sendText': ({ sessionId, input }) => sender.sendText(sessionId, input),
      'message.reply': ({ sessionId, input }) => sender.reply(sessionId, input),
    },
    async restore() {
      await gate.load()
      await outbox.start()
      // Plugins before sessions: the first message that comes must find them listening.
      await plugins.restore()
      await ingress.start()
      await sessions.restore()
    },
    async [Symbol.asyncDispose]() {
      // Nothing new comes in, then what is under way ends, then those who may still have been needed for it.
      await sessions[Symbol.asyncDispose]()
      await inbound[Symbol.asyncDispose]()
      await ingress[Symbol.asyncDispose]()
      await plugins[Symbol.asyncDispose]()
      await outbox[Symbol.asyncDispose]()
    },
  }
}

const chatOf = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'chatId' in data ? String(data.chatId) : ''
