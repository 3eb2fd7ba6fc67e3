// A plugin as the API shows it (REST spec, section 15). Secrets in configurations are masked before they get here.
import * as v from 'valibot'

/** What stands in the place of a secret, both ways: sent back by a client it means "keep what is stored". */
export const SECRET_MASK = '***'

export const pluginStatuses = ['installed', 'enabled', 'disabled', 'error'] as const
export const PluginStatus = v.picklist(pluginStatuses)
export type PluginStatus = v.InferOutput<typeof PluginStatus>

export const tiers = ['worker', 'process', 'isolate'] as const
export const Tier = v.picklist(tiers)
export type Tier = v.InferOutput<typeof Tier>

const Config = v.record(v.string(), v.unknown())

export const PluginView = v.strictObject({
  id: v.string(),
  name: v.string(),
  version: v.string(),
  type: v.string(),
  description: v.optional(v.string()),
  author: v.optional(v.unknown()),
  status: PluginStatus,
  config: Config,
  builtIn: v.boolean(),
  provides: v.array(v.string()),
  permissions: v.array(v.string()),
  ingressCapable: v.boolean(),
  configSchema: v.optional(Config),
  configUi: v.optional(Config),
  i18n: v.optional(Config),
  sessionConfig: v.optional(v.record(v.string(), Config)),
  sessionScoped: v.boolean(),
  activeSessions: v.array(v.string()),
  loadedAt: v.optional(v.string()),
  enabledAt: v.optional(v.string()),
  error: v.optional(v.string()),
  /** Where its code runs, and which promises of that tier this machine cannot keep (empty: all hold). */
  tier: Tier,
  missingPromises: v.array(v.string()),
})
export type PluginView = v.InferOutput<typeof PluginView>
