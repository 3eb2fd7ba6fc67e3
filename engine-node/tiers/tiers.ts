// The tiers of this machine: probed once, opened together, and one of them chosen for each plugin.
import { join } from 'node:path'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Settings } from '../settings.ts'
import { chooseTier } from './choose-tier.ts'
import { bundleGuest } from './guest-bundle.ts'
import { createIsolateTier } from './isolate.ts'
import { bundleIsolate } from './isolate-bundle.ts'
import { moduleGaps } from './module-gaps.ts'
import { layersOf, probeMachine } from './probe-machine.ts'
import { createProcessTier } from './process.ts'
import { brokenBoundaries, missingPromises } from './promises.ts'
import type { TierHost } from './tier.ts'
import { createWorkerTier } from './worker.ts'

export type TierSettings = Pick<
  Settings,
  'PLUGIN_TIER' | 'PLUGIN_TIER_WEAKEST' | 'PLUGIN_TIERS' | 'PLUGIN_TRUSTED' | 'PLUGIN_UID' | 'PLUGIN_CGROUP'
>

/** A plugin as the choice sees it: `asked` is the tier that its manifest wants, null for none. */
export interface TierWish {
  pluginId: string
  asked: Tier | null
  /** It came with the gateway. */
  bundled?: boolean
  /** Modules that its manifest asks for. */
  modules?: readonly string[]
  /** Its code, by path, where what it requires should be looked at: before it is enabled for the first time. */
  files?: ReadonlyMap<string, Uint8Array>
}

export interface Tiers extends AsyncDisposable {
  /** Where a plugin runs. Throws `plugin_isolation_missing` with what an operator can do. */
  hostOf(wish: TierWish): TierHost
  /** The tier that a plugin would run in, and what that tier promises and does not hold here. */
  statusOf(wish: TierWish): { tier: Tier; missingPromises: readonly string[] }
  /** What this machine lacks for the tier that plugins get, each a sentence. */
  readonly lacking: readonly string[]
}

export async function openTiers(deps: {
  settings: TierSettings
  /** Where the bundles for guests are written. */
  runDir: string
  nodePath: string
  /** A PATH, to find bubblewrap on. */
  searchPath: string
  clock: Clock
  log: Logger
}): Promise<Tiers> {
  const { settings, runDir, nodePath, clock, log } = deps
  const stack = new AsyncDisposableStack()
  const probed = await probeMachine({
    nodePath,
    searchPath: deps.searchPath,
    firstUid: settings.PLUGIN_UID,
    controlGroup: { wish: settings.PLUGIN_CGROUP, clock },
  })
  if (probed.noGroups !== undefined) log.debug({ because: probed.noGroups }, 'Plugins have no control groups')
  const layers = layersOf(probed)
  const [guestFile, isolates] = await Promise.all([
    bundleGuest({ outDir: runDir }),
    bundleIsolate({ outDir: join(runDir, 'isolate') }),
  ])
  const hosts: Partial<Record<Tier, TierHost>> = {
    worker: stack.use(await createWorkerTier({ guestFile, clock })),
    process: stack.use(
      await createProcessTier({ nodePath, guestFile, clock, log, probe: async () => probed }),
    ),
  }
  const unavailable: Partial<Record<Tier, string>> = {}
  try {
    // Strangers share a process with strangers, and never with what the operator has named.
    const trustOf = (pluginId: string) => (settings.PLUGIN_TRUSTED.includes(pluginId) ? 'named' : 'installed')
    hosts.isolate = stack.use(await createIsolateTier({ nodePath, ...isolates, probed, clock, log, trustOf }))
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'plugin_isolation_missing') throw error
    unavailable.isolate = error.message
  }
  const broken = {
    worker: brokenBoundaries('worker', layers),
    process: brokenBoundaries('process', layers),
    isolate: brokenBoundaries('isolate', layers),
  }

  const choose = ({ pluginId, asked, bundled = false }: TierWish) =>
    chooseTier({
      asked,
      fallback: settings.PLUGIN_TIER,
      weakest: settings.PLUGIN_TIER_WEAKEST,
      chosen: settings.PLUGIN_TIERS.get(pluginId) ?? null,
      trusted: settings.PLUGIN_TRUSTED.includes(pluginId),
      bundled,
      broken,
      unavailable,
    })

  return {
    hostOf(wish) {
      const verdict = choose(wish)
      const host = verdict.allow ? hosts[verdict.tier] : undefined
      if (host) return host
      const why = verdict.allow ? `the tier ${verdict.tier} is not open` : verdict.why
      throw new GatewayError('plugin_isolation_missing', `Plugin ${wish.pluginId} does not run: ${why}`)
    },
    statusOf(wish) {
      const verdict = choose(wish)
      const tier = verdict.allow ? verdict.tier : settings.PLUGIN_TIER
      return {
        tier,
        missingPromises: [...missingPromises(tier, layers), ...moduleGaps(tier, wish)],
      }
    },
    lacking: [
      ...(probed.sandbox === null ? [`plugins run without bubblewrap: ${probed.why}.`] : []),
      ...broken[settings.PLUGIN_TIER].map(sentence => `in the tier ${settings.PLUGIN_TIER}: ${sentence}`),
    ],
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
