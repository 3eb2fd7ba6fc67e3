// The engine put together: sessions, the pipeline, plugins with their chain and broker, the ways in and out. It reads like a
// parts list; what a part does stands in its own file.
import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { EngineFiles, EngineHandlers } from '../src/contract/engine.ts'
import type { Db } from '../src/db/db.ts'
import { listPlugins } from '../src/db/plugins.ts'
import { findSession, type SessionRow } from '../src/db/sessions.ts'
import { createAudit } from './broker/audit.ts'
import { createBroker } from './broker/broker.ts'
import { createPluginSender } from './broker/plugin-sender.ts'
import { createConversationVerbs } from './broker/verbs/conversations.ts'
import { createEngineVerbs } from './broker/verbs/engine.ts'
import { createMessageVerbs } from './broker/verbs/messages.ts'
import { createNetVerbs } from './broker/verbs/net.ts'
import { createStorageVerbs } from './broker/verbs/storage.ts'
import type { Clock } from './clock.ts'
import { createAccountMethods } from './directory/account-methods.ts'
import { createChatRemoval } from './directory/chat-removal.ts'
import { createDirectory } from './directory/directory.ts'
import type { Fault } from './fault.ts'
import { createHistory } from './history/history.ts'
import { type Chain, createChain } from './hooks/chain.ts'
import { createHandoverGate } from './hooks/handover-gate.ts'
import { createIngress } from './ingress/ingress.ts'
import { createRouteRules } from './ingress/route-rules.ts'
import { createJobs } from './jobs/jobs.ts'
import { createSendJob } from './jobs/send-job.ts'
import type { Logger } from './log.ts'
import { createEventFiles } from './media/event-files.ts'
import { createMedia } from './media/media.ts'
import { dialAddress, resolveHost } from './net/dial.ts'
import { createGuardedFetch } from './net/guarded-fetch.ts'
import { createLinkPreview } from './net/link-preview.ts'
import { createUrlCheck } from './net/url-check.ts'
import type { CommitWatch } from './outbox/commit-watch.ts'
import { createGuardedPost } from './outbox/guarded-post.ts'
import { createOutbox } from './outbox/outbox.ts'
import { createRetention } from './outbox/retention.ts'
import { createMessageMethods } from './pipeline/message-methods.ts'
import { createPipeline } from './pipeline/pipeline.ts'
import { createRowIds } from './pipeline/row-ids.ts'
import { createTyping } from './pipeline/typing.ts'
import { createCatalogue } from './plugins/catalogue.ts'
import { createConfigSeal } from './plugins/configuration.ts'
import { createDownload } from './plugins/download.ts'
import { createGrantCheck } from './plugins/grant-check.ts'
import { createMarketplace } from './plugins/marketplace.ts'
import { createOpenGuest } from './plugins/open-guest.ts'
import { createPackageFolders } from './plugins/package-folders.ts'
import { createPlugins, type Plugins } from './plugins/plugins.ts'
import { createTrail } from './plugins/trail.ts'
import { createSearch } from './search/search.ts'
import { createSessionNews } from './sessions/session-news.ts'
import { createSessions } from './sessions/sessions.ts'
import { type Settings, settingsTable } from './settings.ts'
import type { Sealer } from './store/sealer.ts'
import type { WriteQueue } from './store/write-queue.ts'
import type { Tiers } from './tiers/tiers.ts'

/** Largest file that plugins get inside a message (plugin contract, section 7): base64 of it fits a frame many times over. */
const MAX_HOOK_MEDIA_BYTES = 1024 * 1024

const DAY_MS = 86_400_000

export interface EngineDeps {
  db: Db
  queue: WriteQueue
  sealer: Sealer
  clock: Clock
  log: Logger
  commits: CommitWatch
  settings: Settings
  dataDir: string
  tiers: Tiers
  /** Where the values of confirmed names come from. */
  env: Readonly<Record<string, string | undefined>>
  onQr(row: SessionRow, text: string): void
  /** Named points at which a test ends the process. */
  fault?: Fault | undefined
}

export interface RunningEngine extends AsyncDisposable {
  handlers: EngineHandlers
  /** For an API in the same process. */
  files: EngineFiles
  chain: Chain
  /** Brings about what the database says is wanted. To be called once, before the API listens. */
  restore(): Promise<void>
}

export function createEngine(deps: EngineDeps): RunningEngine {
  const { db, queue, sealer, clock, log, settings, tiers } = deps
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
    maxPayloadBytes: settings.WEBHOOK_MAX_PAYLOAD_BYTES,
    maxInlineMediaBytes: settings.WEBHOOK_MEDIA_INLINE_MAX_BYTES,
    withFile: of => withFile(of),
  })
  const retention = createRetention({
    db,
    writer,
    clock,
    limits: {
      maxAgeMs: settings.EVENT_LOG_MAX_DAYS * DAY_MS,
      maxBytes: settings.EVENT_LOG_MAX_MB * 1024 * 1024,
      deadLetterMs: settings.DEAD_LETTER_MAX_DAYS * DAY_MS,
    },
    onError: err => log.error({ err }, 'old events could not be cut off'),
  })
  const media = createMedia({
    db,
    queue,
    sealer,
    clock,
    log,
    fetch,
    allowedHosts: settings.SSRF_ALLOWED_HOSTS,
    dataDir: deps.dataDir,
    limits: {
      outgoingBytes: settings.MEDIA_DOWNLOAD_MAX_BYTES,
      incomingBytes: settings.MEDIA_INCOMING_MAX_BYTES,
      totalBytes: settings.MEDIA_STORE_MAX_MB * 1024 * 1024,
      maxAgeMs: settings.MEDIA_STORE_MAX_DAYS * DAY_MS,
      inlineBytes: MAX_HOOK_MEDIA_BYTES,
    },
    link: id => sessions.link(id),
    random: Math.random,
    randomBytes,
  })
  const jobs = createJobs({
    db,
    queue,
    clock,
    log,
    random: Math.random,
    newId: nextRowId,
    isReady: async id => sessions.isLive(id) && (await findSession(db, id))?.status === 'ready',
    send: (sessionId, send, options) => sendJob(sessionId, send, options),
    // A rule is no plugin, so it holds no chat.
    mayAnswer: (sessionId, chatId) => gate.mayHear('', sessionId, chatId),
    maxOpenBatches: settings.BULK_MAX_CONCURRENT_BATCHES,
    maxRulesPerSession: settings.AUTOMATION_MAX_PER_SESSION,
    fault: deps.fault,
  })
  const withFile = createEventFiles({
    db,
    incoming: media.incoming,
    maxBytes: settings.WEBHOOK_MEDIA_INLINE_MAX_BYTES,
  })
  const heard = jobs.behind(chain)
  const pipeline = createPipeline({
    db,
    queue,
    sealer,
    clock,
    log,
    record: outbox.record,
    chain: heard,
    link: id => sessions.link(id),
    files: media,
    preview: createLinkPreview({ fetch }),
    type: createTyping({
      clock,
      random: Math.random,
      isEnabled: settings.SIMULATE_TYPING,
      maxMs: settings.SIMULATE_TYPING_MAX_MS,
    }),
    randomBytes,
    nextRowId,
    fault: deps.fault,
  })
  const { sender } = pipeline
  const sendJob = createSendJob(sender)
  const news = createSessionNews({ record: outbox.record, chain: heard, queue, clock, log, onQr: deps.onQr })
  const directory = createDirectory({
    db,
    queue,
    now,
    newId: randomUUID,
    record: outbox.record,
  })
  const history = createHistory({
    db,
    queue,
    sealer,
    clock,
    log,
    limits: { rows: settings.HISTORY_MAX_MESSAGES, bytes: settings.HISTORY_MAX_MB * 1024 * 1024 },
    nextRowId,
  })
  const sessions = createSessions({
    db,
    queue,
    sealer,
    clock,
    log,
    url: settings.WHATSAPP_URL,
    account: directory,
    history,
    inbound: pipeline.inbound,
    outbound: pipeline.outbound,
    news,
    random: Math.random,
    randomUuid: randomUUID,
    maxSessions: settings.MAX_SESSIONS,
    fault: deps.fault,
  })
  const pluginSender = createPluginSender(sender)
  const calls = createAudit()
  const broker = createBroker({
    verbs: {
      ...createMessageVerbs({ sender: pluginSender }),
      ...createStorageVerbs({ db, writer }),
      ...createConversationVerbs({
        db,
        writer,
        sender: pluginSender,
        sessionExists: async id => (await findSession(db, id)) !== null,
        handedOver: gate.set,
        now,
      }),
      ...createEngineVerbs({ db, now, link: sessions.link }),
      ...createNetVerbs({ fetch, policyOf: pluginId => pluginNamed().netPolicy(pluginId) }),
    },
    plugin: id => pluginNamed().brokerPlugin(id),
    isLive: sessions.isLive,
    clock,
    audit: calls,
  })
  const search = createSearch({
    db,
    provider: settings.SEARCH_PROVIDER,
    mayProvide: id => pluginNamed().brokerPlugin(id)?.permissions.includes('search:provide') === true,
    now,
    log,
  })
  const marketplace = createMarketplace({
    fetch,
    url: settings.PLUGIN_CATALOG_URL,
    installed: async () => new Map((await listPlugins(db)).map(({ id, version }) => [id, version])),
  })
  const seal = createConfigSeal({ sealer })
  const catalogue = createCatalogue({
    db,
    writer,
    folders: createPackageFolders({ pluginsDir: join(deps.dataDir, 'plugins') }),
    seal,
    now,
    tierOf: tiers.statusOf,
  })
  const plugins: Plugins = createPlugins({
    catalogue,
    seal,
    download: createDownload({
      fetch,
      requirePin: settings.PLUGIN_INSTALL_REQUIRE_PIN ?? settings.NODE_ENV === 'production',
    }),
    openGuest: createOpenGuest({
      tierFor: tiers.hostOf,
      broker,
      clock,
      log,
      offerSearch: search.offer,
    }),
    chain,
    clock,
    log,
    acceptRoutes: createRouteRules({ allowUnsigned: settings.ALLOW_UNSIGNED_INGRESS, log }),
    tierOf: tiers.statusOf,
    project: (pluginId, stored) => ingress.project(pluginId, stored),
    onRunning: pluginId => ingress.wake(pluginId),
    calls,
    trail: createTrail({ db, writer, now, log }),
    grants: createGrantCheck({
      roots: settings.PLUGIN_FS_ROOTS,
      dataDir: deps.dataDir,
      env: deps.env,
      reservedEnv: Object.keys(settingsTable),
    }),
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
    files: {
      open: media.open,
      async put(chunks) {
        const { hash, bytes } = await media.upload(chunks)
        return { uploadId: hash, bytes }
      },
    },
    handlers: {
      ...sessions.methods,
      ...createAccountMethods({ link: sessions.link, removal: createChatRemoval({ db, queue, chain, log }) }),
      ...plugins.handlers,
      ...outbox.handlers,
      ...ingress.handlers,
      ...search.handlers,
      'catalog.list': marketplace,
      ...jobs.handlers,
      ...createMessageMethods(pipeline),
    },
    async restore() {
      await gate.load()
      await outbox.start()
      retention.start()
      // Plugins before sessions: the first message that comes must find them listening.
      await plugins.restore()
      await ingress.start()
      media.start()
      await jobs.load()
      await pipeline.restore()
      await sessions.restore()
      jobs.start()
    },
    async [Symbol.asyncDispose]() {
      // Nothing new comes in, then what is under way ends, then those who may still have been needed for it.
      await jobs[Symbol.asyncDispose]()
      await sessions[Symbol.asyncDispose]()
      await history[Symbol.asyncDispose]()
      await media[Symbol.asyncDispose]()
      await pipeline[Symbol.asyncDispose]()
      await ingress[Symbol.asyncDispose]()
      await plugins[Symbol.asyncDispose]()
      await outbox[Symbol.asyncDispose]()
      await retention[Symbol.asyncDispose]()
    },
  }
}

const chatOf = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'chatId' in data ? String(data.chatId) : ''
