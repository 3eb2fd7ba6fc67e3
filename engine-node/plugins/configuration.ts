// The configuration of a plugin between the database and its readers: sealed as a whole, masked for those without the key,
// changed only by what its schema allows.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import { PluginConfig } from '../../src/contract/frames.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import {
  type Config,
  checkConfig,
  maskSecrets,
  restoreSecrets,
  seedDefaults,
} from '../../src/contract/plugin-config.ts'
import type { NewPluginRow, PluginRow } from '../../src/db/plugins.ts'

export interface ConfigSealer {
  seal(plain: Uint8Array, context: string): Uint8Array
  open(sealed: Uint8Array, context: string): Uint8Array
}

/** All of one plugin's configuration as JSON: it is sent whole to the guest at each change. */
export const MAX_CONFIG_BYTES = 256 * 1024

/** The columns of a row that hold a configuration. They are written together or not at all. */
export type ConfigColumns = Pick<NewPluginRow, 'configSealed' | 'configMasked' | 'sessionConfigMasked'>

/** What a package brings: the base has the schema's defaults where it has no value of its own. */
export function withDefaults(manifest: Manifest, config: PluginConfig): PluginConfig {
  return { ...config, base: seedDefaults(manifest.configSchema, config.base) }
}

/** Values written over the base; keys that were not written stay. Throws `plugin_config_invalid` with every fault. */
export function withBase(manifest: Manifest, config: PluginConfig, written: Config): PluginConfig {
  const restored = accept(manifest, config.base, written)
  return bounded({ ...config, base: { ...config.base, ...restored } })
}

/** A session's slice in place of the one it had; an empty one takes it away. Throws `plugin_config_invalid`. */
export function withSession(
  manifest: Manifest,
  config: PluginConfig,
  sessionId: string,
  written: Config,
): PluginConfig {
  const { [sessionId]: before = {}, ...others } = config.sessions
  if (Object.keys(written).length === 0) return { ...config, sessions: others }
  return bounded({ ...config, sessions: { ...others, [sessionId]: accept(manifest, before, written) } })
}

function accept({ id, configSchema }: Manifest, stored: Config, written: Config): Config {
  const issues = checkConfig(configSchema, written)
  if (issues.length > 0)
    throw new GatewayError(
      'plugin_config_invalid',
      `The configuration of ${id} is refused: ${issues.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
      { details: { issues } },
    )
  return restoreSecrets(configSchema, stored, written)
}

function bounded(config: PluginConfig): PluginConfig {
  if (JSON.stringify(config).length <= MAX_CONFIG_BYTES) return config
  throw new GatewayError(
    'plugin_config_invalid',
    `The configuration is larger than ${MAX_CONFIG_BYTES} bytes`,
  )
}

const contextOf = (id: string) => `plugin-config:${id}`

/** The way into the row and back. `open` throws `credentials_unreadable` when the key is another or the row was changed. */
export function createConfigSeal({ sealer }: { sealer: ConfigSealer }) {
  return {
    columns(manifest: Manifest, config: PluginConfig): ConfigColumns {
      const mask = (values: Config) => maskSecrets(manifest.configSchema, values)
      return {
        configSealed: sealer.seal(new TextEncoder().encode(JSON.stringify(config)), contextOf(manifest.id)),
        configMasked: mask(config.base),
        sessionConfigMasked: Object.fromEntries(
          Object.entries(config.sessions).map(([sessionId, slice]) => [sessionId, mask(slice)]),
        ),
      }
    },
    open({ id, configSealed }: Pick<PluginRow, 'id' | 'configSealed'>): PluginConfig {
      const text = new TextDecoder().decode(sealer.open(configSealed, contextOf(id)))
      return v.parse(PluginConfig, JSON.parse(text))
    },
  }
}
export type ConfigSeal = ReturnType<typeof createConfigSeal>
