// What an operator sets of an installed plugin: its configuration, that of a session, and the sessions it is active for.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { PluginConfig } from '../../src/contract/frames.ts'
import { type PluginRow, toPluginView } from '../../src/db/plugins.ts'
import type { Logger } from '../log.ts'
import { parseManifest } from './archive.ts'
import type { Catalogue } from './catalogue.ts'
import { type ConfigSeal, withBase, withSession } from './configuration.ts'
import type { GuestConnection } from './guest-connection.ts'
import { PHASE_TIMEOUT_MS } from './host.ts'

type SettingMethod = 'plugin.configure' | 'plugin.configureSession' | 'plugin.setSessions'

export interface PluginSettings {
  handlers: Pick<EngineHandlers, SettingMethod>
  /** Hands a running plugin its configuration anew: what lies over the stored one has changed. */
  refresh(row: PluginRow): Promise<void>
}

export function createPluginSettings(deps: {
  catalogue: Catalogue
  seal: ConfigSeal
  log: Logger
  /** Runs with the row, while nothing else happens to the plugin. */
  exclusive<T>(pluginId: string, run: (row: PluginRow) => Promise<T>): Promise<T>
  guestOf(pluginId: string): GuestConnection | null
  /** A row has changed in what it allows. */
  changed(row: PluginRow): void
  project(pluginId: string, stored: PluginConfig): Promise<PluginConfig>
}): PluginSettings {
  const { catalogue, seal, log, exclusive, guestOf } = deps

  async function save(row: PluginRow, config: PluginConfig) {
    await catalogue.update(row.id, seal.columns(parseManifest(row.manifest), config))
    await hand(row.id, config)
  }

  async function hand(pluginId: string, stored: PluginConfig) {
    const guest = guestOf(pluginId)
    if (guest === null) return
    const config = await deps.project(pluginId, stored)
    // Its onConfigChange is the plugin's own affair: a throw must not fail the operator's write.
    guest
      .call('configure', { config }, { timeoutMs: PHASE_TIMEOUT_MS })
      .catch((error: unknown) =>
        log.warn({ plugin: pluginId, err: error }, 'A change of configuration failed'),
      )
  }

  return {
    refresh: row => hand(row.id, seal.open(row)),
    handlers: {
      'plugin.configure': ({ pluginId, config }) =>
        exclusive(pluginId, async row => {
          await save(row, withBase(parseManifest(row.manifest), seal.open(row), config))
          return null
        }),
      'plugin.configureSession': ({ pluginId, sessionId, config }) =>
        exclusive(pluginId, async row => {
          assertSessionScoped(row)
          await save(row, withSession(parseManifest(row.manifest), seal.open(row), sessionId, config))
          return null
        }),
      'plugin.setSessions': ({ pluginId, sessions }) =>
        exclusive(pluginId, async row => {
          assertSessionScoped(row)
          await catalogue.update(pluginId, { activeSessions: [...new Set(sessions)] })
          const changed = await catalogue.get(pluginId)
          deps.changed(changed)
          return toPluginView(changed)
        }),
    },
  }
}

function assertSessionScoped(row: PluginRow) {
  if (parseManifest(row.manifest).sessionScoped === false)
    throw new GatewayError(
      'invalid_input',
      `Plugin ${row.id} serves the whole gateway and has nothing to set per session`,
    )
}
