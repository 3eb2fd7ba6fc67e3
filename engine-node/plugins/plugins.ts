// All plugins of this engine: the port's plugin methods, what is restored at start and stopped at the end, and what the hook
// chain and the broker ask about a plugin. What runs of them is lives.ts, rows and folders are catalogue.ts.
import type { EngineHandlers, EngineMethod } from '../../src/contract/engine.ts'
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { GuestParams, PluginConfig } from '../../src/contract/frames.ts'
import type { Grants } from '../../src/contract/grants.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import type { PluginView } from '../../src/contract/plugin-view.ts'
import { type PluginRow, toPluginView } from '../../src/db/plugins.ts'
import type { Audit } from '../broker/audit.ts'
import type { BrokerPlugin } from '../broker/decide.ts'
import type { HookFailure } from '../hooks/chain.ts'
import type { AcceptRoutes } from '../ingress/route-rules.ts'
import { guardedBy, isActiveFor } from './access.ts'
import { assertNotBundled, parseManifest, readArchive } from './archive.ts'
import { callReport } from './call-report.ts'
import { assertRemovable } from './catalogue.ts'
import { readConfigPage } from './config-page.ts'
import type { Download } from './download.ts'
import { askHealth } from './health.ts'
import { createLives, type LivesDeps } from './lives.ts'
import { createPluginSettings } from './plugin-settings.ts'
import { switchedOff } from './restart-policy.ts'
import { assertUpdatable, updatePlugin } from './update.ts'

export interface PluginsDeps extends LivesDeps {
  download: Download
  /** Throws for a package whose ingress routes the settings do not allow. */
  acceptRoutes: AcceptRoutes
  /** What the broker has seen of each plugin's calls. */
  calls: Pick<Audit, 'denials' | 'counts' | 'minutes' | 'forget'>
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

export function createPlugins(deps: PluginsDeps): Plugins {
  const { catalogue, seal, clock, log } = deps
  const lives = createLives(deps)
  const { exclusive, inOrder } = lives
  let isClosing = false

  /** A package from outside, judged by itself and by the settings. */
  async function accept(archive: Uint8Array) {
    const pack = await readArchive(archive)
    assertNotBundled(pack.manifest)
    deps.acceptRoutes(pack.manifest)
    return pack
  }

  async function install(archive: Uint8Array): Promise<PluginView> {
    const pack = await accept(archive)
    const { id } = pack.manifest
    return await inOrder(id, async () => {
      const installed = await catalogue.install(pack, archive)
      if (installed.grants === null) await catalogue.update(id, await deps.grants.inAdvance(pack.manifest))
      const row = await catalogue.get(id)
      const { host } = lives.of(row)
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
    await catalogue.update(id, { grants: confirmed, grantsByPolicy: null })
  }

  async function enable(pluginId: string, grants: Grants | undefined) {
    const entry = lives.of(await catalogue.get(pluginId))
    if (entry.isStarting || isClosing)
      return {
        success: false,
        message: `Plugin ${pluginId} is already being ${isClosing ? 'stopped' : 'enabled'}`,
      }
    entry.isStarting = true
    try {
      return await exclusive(pluginId, async (row, { host }) => {
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
    await exclusive(pluginId, async (_row, { host }) => {
      await host.stop(['onDisable'])
      await catalogue.update(pluginId, { status: 'disabled', error: null, enabledByOperator: false })
    })
    return { success: true, message: `Plugin ${pluginId} disabled successfully` }
  }

  /** A gateway whose own plugins cannot be packed runs without them. */
  async function adoptBundled() {
    await catalogue
      .adoptBundled()
      .catch((err: unknown) => log.error({ err }, 'The bundled plugins are not there'))
    for (const row of await catalogue.all()) if (row.builtIn && !lives.get(row.id)) lives.of(row)
  }

  const settings = createPluginSettings({
    ...deps,
    exclusive,
    guestOf: pluginId => lives.get(pluginId)?.host.guest() ?? null,
    changed: lives.of,
  })

  return {
    handlers: {
      'plugin.install': ({ archive }) => install(Buffer.from(archive, 'base64')),
      'plugin.installUrl': async ({ url }) => install(await deps.download(url)),
      async 'plugin.update'({ pluginId, url }) {
        assertUpdatable(await catalogue.get(pluginId))
        const archive = await deps.download(url)
        const pack = await accept(archive)
        return await exclusive(pluginId, async (row, { host }) => {
          const { start } = await updatePlugin(catalogue, { row, host, pack, archive })
          const updated = await catalogue.get(pluginId)
          const { version } = updated
          lives.of(updated)
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
        const { host, lastHookError } = lives.of(row)
        return await askHealth({ row, guest: host.guest(), runtime: host.runtime(), lastHookError })
      },
      async 'plugin.calls'({ pluginId }) {
        await catalogue.get(pluginId)
        return callReport(deps.calls, pluginId)
      },
      'plugin.uninstall': ({ pluginId }) =>
        exclusive(pluginId, async (row, { host }) => {
          assertRemovable(row)
          await host.stop(['onDisable', 'onUnload'])
          await catalogue.remove(row)
          lives.forget(pluginId)
          deps.calls.forget(pluginId)
          log.info({ plugin: pluginId }, 'The plugin was uninstalled')
          // It may have stood in the place of a bundled one.
          await adoptBundled()
          return null
        }),
    },

    async restore() {
      await adoptBundled()
      const { swept, damaged } = await catalogue.reconcile()
      if (swept.length > 0) log.warn({ folders: swept }, 'Folders of unfinished installs were taken away')
      for (const id of damaged) log.error({ plugin: id }, 'The plugin is damaged and stays off')
      for (const row of await catalogue.all()) {
        const { host } = lives.of(row)
        if (!row.enabledByOperator || isClosing) continue
        const off = switchedOff(row.crashes, clock.now())
        if (off !== null) host.hold(off)
        if (damaged.includes(row.id) || off !== null) host.block(guardedBy(row))
        // The host has logged and recorded why.
        else await inOrder(row.id, () => host.start()).catch(() => host.block(guardedBy(row)))
      }
    },

    brokerPlugin(pluginId) {
      const entry = lives.get(pluginId)
      return entry?.host.isOpen() ? entry.access : undefined
    },
    // Every row has its entry from the restore or its install on.
    isInstalled: pluginId => lives.get(pluginId) !== undefined,
    mayRun(pluginId, sessionId) {
      const entry = lives.get(pluginId)
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
      const guest = lives.get(pluginId)?.host.guest()
      if (!guest) throw new GatewayError('plugin_stopped', `Plugin ${pluginId} is not running`)
      return await guest.call('webhook', params, { timeoutMs })
    },
    refreshConfig: async pluginId => settings.refresh(await catalogue.get(pluginId)),
    recordHookFailure(pluginId, failure) {
      const entry = lives.get(pluginId)
      if (entry) entry.lastHookError = failure
    },

    async [Symbol.asyncDispose]() {
      isClosing = true
      await lives.stopAll()
    },
  }
}

/** Failures of enabling that are not the plugin's: OpenWA's way of saying no in an answer of 200 is not for them. */
const passedOn: readonly string[] = ['storage_unavailable', 'internal', 'invalid_input']
