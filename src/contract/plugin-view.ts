// A plugin as the API shows it (REST spec, section 15). Secrets in configurations are masked before they get here.
import * as v from 'valibot'
import { Grants } from './grants.ts'

/** What stands in the place of a secret, both ways: sent back by a client it means "keep what is stored". */
export const SECRET_MASK = '***'

export const pluginStatuses = ['installed', 'enabled', 'disabled', 'error'] as const
export const PluginStatus = v.picklist(pluginStatuses)
export type PluginStatus = v.InferOutput<typeof PluginStatus>

export const tiers = ['worker', 'process', 'isolate'] as const
export const Tier = v.picklist(tiers)
export type Tier = v.InferOutput<typeof Tier>

export const runtimeStates = ['stopped', 'armed', 'running', 'backing off', 'failed'] as const
export type RuntimeState = (typeof runtimeStates)[number]

/** What a plugin does: `armed` is wanted and not there yet. Times are epoch milliseconds. */
export const PluginRuntime = v.strictObject({
  state: v.picklist(runtimeStates),
  reason: v.nullable(v.string()),
  since: v.number(),
  /** Restarts after crashes, since the operator last enabled it. */
  restarts: v.number(),
  lastError: v.nullable(v.string()),
})
export type PluginRuntime = v.InferOutput<typeof PluginRuntime>

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
  /** What its manifest asks for beyond permissions, what of it was confirmed, and what it waits for (empty: nothing). */
  asks: Grants,
  grants: Grants,
  waitsFor: v.array(v.string()),
  runtime: v.optional(PluginRuntime),
})
export type PluginView = v.InferOutput<typeof PluginView>

/** A plugin that somebody offers, as a catalog tells it. Of its other fields nothing is relied on. */
export const CatalogEntry = v.looseObject({
  id: v.pipe(v.string(), v.maxLength(100)),
  name: v.pipe(v.string(), v.maxLength(256)),
  version: v.pipe(v.string(), v.maxLength(64)),
  download: v.optional(v.pipe(v.string(), v.maxLength(2_048))),
})
export type CatalogEntry = v.InferOutput<typeof CatalogEntry>

export const ListedPlugin = v.looseObject({
  ...CatalogEntry.entries,
  installed: v.boolean(),
  installedVersion: v.optional(v.string()),
  updateAvailable: v.boolean(),
})
export type ListedPlugin = v.InferOutput<typeof ListedPlugin>

/** What a plugin asked of the gateway: each refusal of late, and counts, all since the gateway started. Latest last. */
export const PluginCalls = v.strictObject({
  denials: v.array(
    v.strictObject({
      at: v.string(),
      pluginId: v.string(),
      verb: v.string(),
      sessionId: v.nullable(v.string()),
      reason: v.string(),
    }),
  ),
  counts: v.strictObject({
    allowed: v.record(v.string(), v.number()),
    denied: v.number(),
    /** Of the last hour; a minute without calls is left out. */
    minutes: v.array(
      v.strictObject({ at: v.string(), allowed: v.record(v.string(), v.number()), denied: v.number() }),
    ),
  }),
})
export type PluginCalls = v.InferOutput<typeof PluginCalls>
