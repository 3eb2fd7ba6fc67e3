// All plugins of this engine: the port's plugin methods, what is restored at start and stopped at the end, and what the hook
// chain and the broker ask about a plugin. One plugin's life is host.ts, rows and folders are catalogue.ts.
import type { EngineHandlers, EngineMethod } from '../../src/contract/engine.ts'
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { GuestParams, PluginConfig } from '../../src/contract/frames.ts'
import type { Grants } from '../../src/contract/grants.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import type { PluginView, Tier } from '../../src/contract/plugin-view.ts'
import { type PluginRow, toPluginView } from '../../src/db/plugins.ts'
import type { Audit } from '../broker/audit.ts'
import type { BrokerPlugin } from '../broker/decide.ts'
import type { Clock } from '../clock.ts'
import type { Chain, HookFailure } from '../hooks/chain.ts'
import type { AcceptRoutes } from '../ingress/route-rules.ts'
import type { Logger } from '../log.ts'
import { accessOf, guardedBy, isActiveFor } from './access.ts'
import { normalizeMain, parseManifest, readArchive } from './archive.ts'
import { callReport } from './call-report.ts'
import { assertRemovable, type Catalogue, type TierStatus } from './catalogue.ts'
import { readConfigPage } from './config-page.ts'
import type { ConfigSeal } from './configuration.ts'
import type { Download } from './download.ts'
import type { GrantCheck } from './grant-check.ts'
import type { OpenGuest } from './guest-connection.ts'
import { askHealth } from './health.ts'
import { createPluginHost, type PluginHost } from './host.ts'
import { createKeyedQueue } from './keyed-queue.ts'
import { createPluginSettings } from './plugin-settings.ts'
import { switchedOff } from './restart-policy.ts'
import type { Trail } from './trail.ts'
import { assertUpdatable, updatePlugin } from './update.ts'

/** OpenWA's budget for onDisable of all plugins together when the gateway ends. */
export const SHUTDOWN_BUDGET_MS = 10_000

export interface PluginsDeps {
  catalogue: Catalogue
  seal: ConfigSeal
  download: Download
  openGuest: OpenGuest
  chain: Pick<Chain, 'on'>
  clock: Clock
  log: Logger
  tierOf(wish: { pluginId: string; asked: Tier | null }): TierStatus
  /** The configuration as the guest must get it: with that of its ingress instances over the stored one. */
  project(pluginId: string, stored: PluginConfig): Promise<PluginConfig>
  /** Throws for a package whose ingress routes the settings do not allow. */
  acceptRoutes: AcceptRoutes
  grants: GrantCheck
  trail: Trail
  /** What the broker has seen of each plugin's calls. */
  calls: Pick<Audit, 'denials' | 'counts' | 'minutes' | 'forget'>
  /** A plugin runs, for the first time or again. */
  onRunning(pluginId: string): void
}

type PluginMethod = Extract<EngineMethod, `plugin.${string}`>
export type PluginHandlers = { [M in PluginMethod]: EngineHandlers[M] }

export interface Plugins extends AsyncDisposable {
  readonly handlers: PluginHandlers
  /** Makes rows and folders agree and starts, one by one, what the operator had enabled. A plugin that fails stops no other. */
  restore(): Promise<void>
  /** For the broker: undefined for a plugin of which nothing runs. */
  brokerPlugin(pluginId: string): BrokerPlugin | undefined
  /** Whether there is such a plugin, running or not. */
  isInstalled(pluginId: string): boolean
  /** For the hook chain: whether the plugin runs and is active for the session. */
  mayRun(pluginId: string, sessionId: string | null): boolean
  /** The plugin's own configuration, in clear. Rejects with `not_found`. */
  storedConfig(pluginId: string): Promise<PluginConfig>
  /** For `net.fetch`: what its manifest says of hosts, and its configuration as the guest has it. */
  netPolicy(pluginId: string): Promise<{ net: NonNullable<Manifest['net']> | null; config: PluginConfig }>
  /** Calls its handler of an ingress route. Rejects with `plugin_stopped` where it does not run now. */
  callWebhook(
    pluginId: string,
    params: GuestParams<'webhook'>,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<unknown>
  /** Hands a running plugin its configuration anew: what lies over the stored one has changed. */
  refreshConfig(pluginId: string): Promise<void>
  /** For the hook chain: the latest failure shows in the plugin's health. */
  recordHookFailure(pluginId: string, failure: HookFailure): void
}

/** A plugin of which this process knows more than its row says. */
interface Entry {
  host: PluginHost
  access: BrokerPlugin
  lastHookError: HookFailure | null
  isStarting: boolean
}

export function createPlugins(deps: PluginsDeps): Plugins {
  const { catalogue, seal, clock, log } = deps
  const entries = new Map<string, Entry>()
  const inOrder = createKeyedQueue()
  let isClosing = false

  function entryOf(row: PluginRow): Entry {
    const access = accessOf(row)
    const known = entries.get(row.id)
    if (known) {
      known.access = access
      return known
    }
    const entry: Entry = {
      host: hostOf(row.id, row.crashes),
      access,
      lastHookError: null,
      isStarting: false,
    }
    entries.set(row.id, entry)
    return entry
  }

  function hostOf(pluginId: string, crashes: readonly number[]): PluginHost {
    return createPluginHost({
      ...deps,
      pluginId,
      crashes,
      onTransition: transition => deps.trail.transition(pluginId, transition),
      async load() {
        const row = await catalogue.get(pluginId)
        const { packageDir, manifest } = await catalogue.open(row)
        const { stored, ...given } = await deps.grants.given(manifest, row.grants)
        // What an update no longer asks for is no longer given.
        if (row.grants !== null) await catalogue.update(pluginId, { grants: stored })
        const config = await deps.project(pluginId, seal.open(row))
        return {
          ...given,
          packageDir,
          asked: manifest.tier ?? null,
          main: normalizeMain(manifest.main),
          config,
          failClosed: manifest.failClosed ?? [],
        }
      },
      async onRunning({ byItself }) {
        const asked = parseManifest((await catalogue.get(pluginId)).manifest).tier ?? null
        const { tier, missingPromises } = deps.tierOf({ pluginId, asked })
        await catalogue.update(pluginId, {
          status: 'enabled',
          error: null,
          tier,
          missingPromises: [...missingPromises],
          loadedAt: clock.now(),
          ...(byItself ? {} : { enabledByOperator: true, enabledAt: clock.now() }),
        })
        deps.onRunning(pluginId)
      },
      onFailed: (error, latest) =>
        catalogue.update(pluginId, { status: 'error', error, crashes: [...latest] }),
    })
  }

  /** The row and what runs of it, with nothing else happening to the plugin meanwhile. */
  const withPlugin = <T>(pluginId: string, run: (row: PluginRow, entry: Entry) => Promise<T>) =>
    inOrder(pluginId, async () => {
      const row = await catalogue.get(pluginId)
      return await run(row, entryOf(row))
    })

  async function install(archive: Uint8Array): Promise<PluginView> {
    const pack = await readArchive(archive)
    deps.acceptRoutes(pack.manifest)
    const { id } = pack.manifest
    return await inOrder(id, async () => {
      const row = await catalogue.install(pack, archive)
      const { host } = entryOf(row)
      // What was damaged may still run the code that it was started with.
      await host.stop(['onDisable', 'onUnload'])
      log.info({ plugin: id, version: row.version, sha256: pack.sha256 }, 'The plugin was installed')
      if (row.enabledByOperator && !isClosing) await host.start().catch(() => {})
      return toPluginView(await catalogue.get(id))
    })
  }

  /** What the operator confirms is stored before it counts, so that the next start finds the same. */
  async function confirm({ id, manifest }: PluginRow, grants: Grants) {
    const confirmed = await deps.grants.confirm(parseManifest(manifest), grants)
    await catalogue.update(id, { grants: confirmed })
  }

  async function enable(pluginId: string, grants: Grants | undefined) {
    const row = await catalogue.get(pluginId)
    const entry = entryOf(row)
    if (entry.isStarting || isClosing)
      return {
        success: false,
        message: `Plugin ${pluginId} is already being ${isClosing ? 'stopped' : 'enabled'}`,
      }
    entry.isStarting = true
    try {
      return await withPlugin(pluginId, async (row, { host }) => {
        if (host.runtime().state === 'running')
          return { success: true, message: `Plugin ${pluginId} is already enabled` }
        if (grants) await confirm(row, grants)
        await host.start()
        return { success: true, message: `Plugin ${pluginId} enabled successfully` }
      })
    } catch (thrown) {
      const error = toGatewayError(thrown)
      if (passedOn.includes(error.code)) throw error
      return { success: false, message: `Plugin ${pluginId} could not be enabled: ${error.message}` }
    } finally {
      entry.isStarting = false
    }
  }

  async function disable(pluginId: string) {
    // One that comes while another is at it waits for it and finds nothing left to stop.
    await withPlugin(pluginId, async (_row, { host }) => {
      await host.stop(['onDisable'])
      await catalogue.update(pluginId, { status: 'disabled', error: null, enabledByOperator: false })
    })
    return { success: true, message: `Plugin ${pluginId} disabled successfully` }
  }

  const settings = createPluginSettings({
    ...deps,
    exclusive: withPlugin,
    guestOf: pluginId => entries.get(pluginId)?.host.guest() ?? null,
    changed: entryOf,
  })

  async function stopAll() {
    const stops = [...entries.values()].map(({ host }) =>
      host.stop(['onDisable'], { phaseTimeoutMs: SHUTDOWN_BUDGET_MS }),
    )
    const { promise: outOfTime, resolve } = Promise.withResolvers<void>()
    const cancel = clock.after(SHUTDOWN_BUDGET_MS, resolve)
    await Promise.race([Promise.allSettled(stops), outOfTime])
    cancel()
    await Promise.all([...entries.values()].map(({ host }) => host.kill()))
  }

  return {
    handlers: {
      'plugin.install': ({ archive }) => install(Buffer.from(archive, 'base64')),
      'plugin.installUrl': async ({ url }) => install(await deps.download(url)),
      async 'plugin.update'({ pluginId, url }) {
        assertUpdatable(await catalogue.get(pluginId))
        const archive = await deps.download(url)
        const pack = await readArchive(archive)
        deps.acceptRoutes(pack.manifest)
        return await withPlugin(pluginId, async (row, { host }) => {
          const { start } = await updatePlugin(catalogue, { row, host, pack, archive })
          const updated = await catalogue.get(pluginId)
          const { version } = updated
          entryOf(updated)
          log.info({ plugin: pluginId, version, sha256: pack.sha256 }, 'The plugin was updated')
          // What keeps the new version from running is in its row.
          if (start && !isClosing) await host.start().catch(() => {})
          return toPluginView(await catalogue.get(pluginId))
        })
      },
      'plugin.configPage': async ({ pluginId }) => readConfigPage(catalogue, await catalogue.get(pluginId)),
      'plugin.enable': ({ pluginId, grants }) => enable(pluginId, grants),
      'plugin.disable': ({ pluginId }) => disable(pluginId),
      ...settings.handlers,
      async 'plugin.health'({ pluginId }) {
        const row = await catalogue.get(pluginId)
        const { host, lastHookError } = entryOf(row)
        return await askHealth({ row, guest: host.guest(), runtime: host.runtime(), lastHookError })
      },
      async 'plugin.calls'({ pluginId }) {
        await catalogue.get(pluginId)
        return callReport(deps.calls, pluginId)
      },
      'plugin.uninstall': ({ pluginId }) =>
        withPlugin(pluginId, async (row, { host }) => {
          assertRemovable(row)
          await host.stop(['onDisable', 'onUnload'])
          await catalogue.remove(row)
          entries.delete(pluginId)
          deps.calls.forget(pluginId)
          log.info({ plugin: pluginId }, 'The plugin was uninstalled')
          return null
        }),
    },

    async restore() {
      const { swept, damaged } = await catalogue.reconcile()
      if (swept.length > 0) log.warn({ folders: swept }, 'Folders of unfinished installs were taken away')
      for (const id of damaged) log.error({ plugin: id }, 'The plugin is damaged and stays off')
      for (const row of await catalogue.all()) {
        const { host } = entryOf(row)
        if (!row.enabledByOperator || isClosing) continue
        const off = switchedOff(row.crashes, clock.now())
        if (off !== null) host.hold(off)
        if (damaged.includes(row.id) || off !== null) host.block(guardedBy(row))
        // The host has logged and recorded why.
        else await inOrder(row.id, () => host.start()).catch(() => host.block(guardedBy(row)))
      }
    },

    brokerPlugin(pluginId) {
      const entry = entries.get(pluginId)
      return entry?.host.isOpen() ? entry.access : undefined
    },
    // Every row has its entry from the restore or its install on.
    isInstalled: pluginId => entries.has(pluginId),
    mayRun(pluginId, sessionId) {
      const entry = entries.get(pluginId)
      if (!entry || (entry.host.runtime().state !== 'running' && !entry.host.isBlocking())) return false
      return isActiveFor(entry.access, sessionId)
    },
    storedConfig: async pluginId => seal.open(await catalogue.get(pluginId)),
    async netPolicy(pluginId) {
      const row = await catalogue.get(pluginId)
      const config = await deps.project(pluginId, seal.open(row))
      return { net: parseManifest(row.manifest).net ?? null, config }
    },
    async callWebhook(pluginId, params, { timeoutMs }) {
      const guest = entries.get(pluginId)?.host.guest()
      if (!guest) throw new GatewayError('plugin_stopped', `Plugin ${pluginId} is not running`)
      return await guest.call('webhook', params, { timeoutMs })
    },
    refreshConfig: async pluginId => settings.refresh(await catalogue.get(pluginId)),
    recordHookFailure(pluginId, failure) {
      const entry = entries.get(pluginId)
      if (entry) entry.lastHookError = failure
    },

    async [Symbol.asyncDispose]() {
      isClosing = true
      await stopAll()
    },
  }
}

/** Failures of enabling that are not the plugin's: OpenWA's way of saying no in an answer of 200 is not for them. */
const passedOn: readonly string[] = ['storage_unavailable', 'internal', 'invalid_input']
