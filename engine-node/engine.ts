// The engine put together: sessions, the pipeline, plugins with their chain and broker, the ways in and out. It reads like a
// parts list; what a part does stands in its own file.
import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { EngineFiles, EngineHandlers } from '../src/contract/engine.ts'
import type { Db } from '../src/db/db.ts'
import { findSession, type SessionRow } from '../src/db/sessions.ts'
import type { Clock } from './clock.ts'
import { createAccountMethods } from './directory/account-methods.ts'
import { createChatRemoval } from './directory/chat-removal.ts'
import { createDirectory } from './directory/directory.ts'
import { createEnginePlugins } from './engine-plugins.ts'
import type { Fault } from './fault.ts'
import { createHistory } from './history/history.ts'
import { type Chain, createChain } from './hooks/chain.ts'
import { createHandoverGate } from './hooks/handover-gate.ts'
import { createJobs } from './jobs/jobs.ts'
import { createSendJob } from './jobs/send-job.ts'
import type { Logger } from './log.ts'
import { createEventFiles } from './media/event-files.ts'
import { createMedia } from './media/media.ts'
import { createSessionFetch } from './media/session-fetch.ts'
import { type Dial, dialAddress, type Resolve, resolveHost } from './net/dial.ts'
import { createGuardedFetch } from './net/guarded-fetch.ts'
import { createKeptConnections, type KeptConnections } from './net/kept-connections.ts'
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
import type { Plugins } from './plugins/plugins.ts'
import { createFence } from './sessions/fence.ts'
import { hereOnly } from './sessions/here-only.ts'
import { createLeases } from './sessions/leases.ts'
import { createSessionNews } from './sessions/session-news.ts'
import { createSessions } from './sessions/sessions.ts'
import type { Settings } from './settings.ts'
import { engineHome } from './store/engine-home.ts'
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
  const { db, sealer, clock, log, settings } = deps
  const writer = deps.queue
  const fence = createFence(writer)
  // For all that is written as the owner of a session.
  const { queue } = fence
  const now = clock.now
  const nextRowId = createRowIds({ now })
  const through = (way: { resolve: Resolve | null; dial: Dial; kept?: KeptConnections }) =>
    createGuardedFetch({ ...way, allowedHosts: settings.SSRF_ALLOWED_HOSTS, clock })
  const kept = createKeptConnections({ clock })
  const fetch = through({ resolve: resolveHost, dial: dialAddress, kept })

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

  /** The folder is locked, and the database lies in it. */
  const isAlone = settings.DATABASE_URL === null
  const outbox = createOutbox({
    db,
    writer,
    clock,
    sealer,
    post: createGuardedPost(fetch),
    checkUrl: createUrlCheck({ resolve: resolveHost, allowedHosts: settings.SSRF_ALLOWED_HOSTS }),
    hooks: chain,
    onEvents: deps.commits.onEvents,
    // Ids in the order of time: random ones would have each row written to another page of its indexes.
    newId: nextRowId,
    random: Math.random,
    onError: err => log.error({ err }, 'a webhook delivery failed on our side'),
    maxPayloadBytes: settings.WEBHOOK_MAX_PAYLOAD_BYTES,
    maxInlineMediaBytes: settings.WEBHOOK_MEDIA_INLINE_MAX_BYTES,
    withFile: of => withFile(of),
    isElsewhere: isAlone ? undefined : async sessionId => (await leases.holderOf(sessionId)) !== null,
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
    fetch: createSessionFetch({ fetch, through, routeOf: id => sessions.routeOf(id) }),
    allowedHosts: settings.SSRF_ALLOWED_HOSTS,
    dataDir: deps.dataDir,
    limits: {
      outgoingBytes: settings.MEDIA_DOWNLOAD_MAX_BYTES,
      incomingBytes: settings.MEDIA_INCOMING_MAX_BYTES,
      totalBytes: settings.MEDIA_STORE_MAX_MB * 1024 * 1024,
      maxAgeMs: settings.MEDIA_STORE_MAX_DAYS * DAY_MS,
      inlineBytes: MAX_HOOK_MEDIA_BYTES,
      backgroundMs: settings.HISTORY_MEDIA_DAYS * DAY_MS,
    },
    link: id => sessions.link(id),
    random: Math.random,
    randomBytes,
    fault: deps.fault,
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
    record: outbox.record,
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
    isLive: id => sessions.isLive(id),
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
  const removal = createChatRemoval({ db, queue, chain, log })
  const directory = createDirectory({
    db,
    queue,
    removal,
    paired: gate.paired,
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
    files: media.incoming,
    nextRowId,
  })
  const leases = createLeases({
    db,
    queue: writer,
    fence,
    clock,
    log,
    random: Math.random,
    elapsed: () => performance.now(),
    engine: {
      id: randomUUID(),
      name: settings.ENGINE_NAME ?? hostname(),
      home: engineHome(deps.dataDir, randomUUID),
    },
    leaseMs: settings.SESSION_LEASE_MS,
    isAlone,
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
    leases,
    async takenOver(sessionId) {
      await Promise.all([outbox.reload(), jobs.load(), gate.load()])
      await pipeline.restore(id => id === sessionId)
    },
    fault: deps.fault,
  })
  const { plugins, ingress, search, marketplace } = createEnginePlugins({
    ...deps,
    chain,
    gate,
    fetch,
    sender,
    sessions,
    openMedia: media.open,
    pluginNamed,
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
    handlers: hereOnly(
      {
        ...sessions.methods,
        ...createAccountMethods({
          link: sessions.link,
          removal,
        }),
        ...plugins.handlers,
        ...outbox.handlers,
        ...ingress.handlers,
        ...search.handlers,
        'catalog.list': marketplace,
        ...jobs.handlers,
        ...createMessageMethods(pipeline),
      },
      leases,
    ),
    async restore() {
      await gate.load()
      await outbox.start()
      retention.start()
      // Plugins before sessions: the first message that comes must find them listening.
      await plugins.restore()
      await ingress.start()
      media.start()
      await jobs.load()
      await leases.load()
      await pipeline.restore(id => !leases.isElsewhere(id))
      await sessions.restore()
      jobs.start()
    },
    async [Symbol.asyncDispose]() {
      // Nothing new comes in, then what is under way ends, then those who may still have been needed for it.
      await jobs[Symbol.asyncDispose]()
      await sessions[Symbol.asyncDispose]()
      await leases[Symbol.asyncDispose]()
      await history[Symbol.asyncDispose]()
      await media[Symbol.asyncDispose]()
      await pipeline[Symbol.asyncDispose]()
      await ingress[Symbol.asyncDispose]()
      await plugins[Symbol.asyncDispose]()
      await outbox[Symbol.asyncDispose]()
      kept[Symbol.dispose]()
      await retention[Symbol.asyncDispose]()
    },
  }
}

const chatOf = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'chatId' in data ? String(data.chatId) : ''
