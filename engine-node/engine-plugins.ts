// The plugins' part of the parts list: what they may call, where they come from, and what reaches them from outside.
import { join } from 'node:path'
import { listPlugins } from '../src/db/plugins.ts'
import { findSession } from '../src/db/sessions.ts'
import { createAudit } from './broker/audit.ts'
import { createBroker } from './broker/broker.ts'
import { createPluginSender } from './broker/plugin-sender.ts'
import { createConversationVerbs } from './broker/verbs/conversations.ts'
import { createEngineVerbs } from './broker/verbs/engine.ts'
import { createMessageVerbs } from './broker/verbs/messages.ts'
import { createNetVerbs } from './broker/verbs/net.ts'
import { createStorageVerbs } from './broker/verbs/storage.ts'
import type { EngineDeps } from './engine.ts'
import type { Chain } from './hooks/chain.ts'
import type { HandoverGate } from './hooks/handover-gate.ts'
import { createIngress, type Ingress } from './ingress/ingress.ts'
import { createRouteRules } from './ingress/route-rules.ts'
import type { Media } from './media/media.ts'
import type { GuardedFetch } from './net/guarded-fetch.ts'
import type { Sender } from './pipeline/sender.ts'
import { createBundled } from './plugins/bundled.ts'
import { createCatalogue } from './plugins/catalogue.ts'
import { createConfigSeal } from './plugins/configuration.ts'
import { createDownload } from './plugins/download.ts'
import { createGrantCheck } from './plugins/grant-check.ts'
import { createMarketplace } from './plugins/marketplace.ts'
import { createOpenGuest } from './plugins/open-guest.ts'
import { createPackageFolders } from './plugins/package-folders.ts'
import { createPlugins, type Plugins } from './plugins/plugins.ts'
import { createTrail } from './plugins/trail.ts'
import { createSearch, type Search } from './search/search.ts'
import type { Sessions } from './sessions/sessions.ts'
import { settingsTable } from './settings.ts'
import type { WriteQueue } from './store/write-queue.ts'

export interface EnginePluginsDeps
  extends Pick<EngineDeps, 'db' | 'sealer' | 'clock' | 'log' | 'settings' | 'dataDir' | 'tiers' | 'env'> {
  queue: WriteQueue
  chain: Chain
  gate: HandoverGate
  fetch: GuardedFetch
  sender: Sender
  sessions: Sessions
  openMedia: Media['open']
  /** What this makes, for those who are made before it. */
  pluginNamed(): Plugins
}

export function createEnginePlugins(deps: EnginePluginsDeps): {
  plugins: Plugins
  ingress: Ingress
  search: Search
  marketplace: ReturnType<typeof createMarketplace>
} {
  const { db, sealer, clock, log, settings, tiers, chain, gate, fetch, sender, sessions, pluginNamed } = deps
  const writer = deps.queue
  const now = clock.now
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
      ...createEngineVerbs({ db, now, link: sessions.link, open: deps.openMedia }),
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
    bundled: createBundled(),
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
      policy: settings.PLUGIN_GRANT_POLICY,
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

  return { plugins, ingress, search, marketplace }
}
