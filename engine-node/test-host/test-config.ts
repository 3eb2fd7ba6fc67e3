// The configuration of a plugin under test: the schema's defaults with the test's values, written as an operator writes them.
import type { PluginConfig } from '../../src/contract/frames.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import { type Config, resolveConfig } from '../../src/contract/plugin-config.ts'
import { withBase, withDefaults, withSession } from '../plugins/configuration.ts'

export interface TestConfigInput {
  /** Values over the defaults of the schema. */
  config?: Config
  /** Slices of sessions. */
  sessionConfig?: Readonly<Record<string, Config>>
}

/** Throws `plugin_config_invalid` for values that an operator could not save. */
export function createTestConfig(manifest: Manifest, given: TestConfigInput) {
  let config: PluginConfig = withBase(
    manifest,
    withDefaults(manifest, { base: {}, sessions: {} }),
    given.config ?? {},
  )
  for (const [sessionId, slice] of Object.entries(given.sessionConfig ?? {}))
    config = withSession(manifest, config, sessionId, slice)
  return {
    current: () => config,
    merge(values: Config) {
      config = withBase(manifest, config, values)
    },
    forInstance: (over: Config = {}): Config => resolveConfig(config.base, over),
  }
}
