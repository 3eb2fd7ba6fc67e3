// The plugins of which this process knows more than their rows say: what runs of each, and what it may do at this moment. One
// life is host.ts; what the operator does with them is plugins.ts.
import { isDeepStrictEqual } from 'node:util'
import type { PluginConfig } from '../../src/contract/frames.ts'
import type { PluginRow } from '../../src/db/plugins.ts'
import type { BrokerPlugin } from '../broker/decide.ts'
import type { Clock } from '../clock.ts'
import type { Chain, HookFailure } from '../hooks/chain.ts'
import type { Logger } from '../log.ts'
import type { TierWish } from '../tiers/tiers.ts'
import { accessOf } from './access.ts'
import { normalizeMain, parseManifest } from './archive.ts'
import type { Catalogue, TierStatus } from './catalogue.ts'
import type { ConfigSeal } from './configuration.ts'
import type { GrantCheck } from './grant-check.ts'
import type { OpenGuest } from './guest-connection.ts'
import { createPluginHost, type PluginHost } from './host.ts'
import { createKeyedQueue } from './keyed-queue.ts'
import { tierWish } from './tier-wish.ts'
import type { Trail } from './trail.ts'

/** OpenWA's budget for onDisable of all plugins together when the gateway ends. */
export const SHUTDOWN_BUDGET_MS = 10_000

export interface LivesDeps {
  catalogue: Catalogue
  seal: ConfigSeal
  openGuest: OpenGuest
  chain: Pick<Chain, 'on'>
  clock: Clock
  log: Logger
  tierOf(wish: TierWish): TierStatus
  /** The configuration as the guest must get it: with that of its ingress instances over the stored one. */
  project(pluginId: string, stored: PluginConfig): Promise<PluginConfig>
  grants: GrantCheck
  trail: Trail
  /** A plugin runs, for the first time or again. */
  onRunning(pluginId: string): void
}

export interface Life {
  readonly host: PluginHost
  access: BrokerPlugin
  lastHookError: HookFailure | null
  isStarting: boolean
}

export interface Lives {
  /** That of a row, which is what it may do from now on. */
  of(row: PluginRow): Life
  get(pluginId: string): Life | undefined
  forget(pluginId: string): void
  /** The row and what runs of it, with nothing else happening to the plugin meanwhile. */
  exclusive<T>(pluginId: string, run: (row: PluginRow, life: Life) => Promise<T>): Promise<T>
  /** The same where there may be no row. */
  inOrder<T>(pluginId: string, run: () => Promise<T>): Promise<T>
  /** Stops all of them within the budget, and ends what is left for certain. */
  stopAll(): Promise<void>
}

export function createLives(deps: LivesDeps): Lives {
  const { catalogue, seal, clock } = deps
  const lives = new Map<string, Life>()
  const inOrder = createKeyedQueue()

  function of(row: PluginRow): Life {
    const access = accessOf(row)
    const known = lives.get(row.id)
    if (known) {
      known.access = access
      return known
    }
    const life: Life = { host: hostOf(row), access, lastHookError: null, isStarting: false }
    lives.set(row.id, life)
    return life
  }

  function hostOf({ id: pluginId, crashes }: PluginRow): PluginHost {
    return createPluginHost({
      ...deps,
      pluginId,
      crashes,
      onTransition: transition => deps.trail.transition(pluginId, transition),
      async load() {
        const row = await catalogue.get(pluginId)
        const { packageDir, manifest } = await catalogue.open(row)
        const { stored, ...given } = await deps.grants.given(manifest, row)
        // What an update no longer asks for is no longer given, and what the policy gives is on record.
        const { grants, grantsByPolicy } = row
        if (!isDeepStrictEqual(stored, { grants, grantsByPolicy })) await catalogue.update(pluginId, stored)
        const { asked, bundled = false } = tierWish(row, manifest)
        return {
          ...given,
          packageDir,
          asked,
          bundled,
          main: normalizeMain(manifest.main),
          config: await deps.project(pluginId, seal.open(row)),
          failClosed: manifest.failClosed ?? [],
        }
      },
      async onRunning({ byItself }) {
        const row = await catalogue.get(pluginId)
        const { tier, missingPromises } = deps.tierOf(tierWish(row, parseManifest(row.manifest)))
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

  return {
    of,
    get: pluginId => lives.get(pluginId),
    forget: pluginId => void lives.delete(pluginId),
    inOrder,
    exclusive: (pluginId, run) =>
      inOrder(pluginId, async () => {
        const row = await catalogue.get(pluginId)
        return await run(row, of(row))
      }),
    async stopAll() {
      const hosts = [...lives.values()].map(({ host }) => host)
      const stops = hosts.map(host => host.stop(['onDisable'], { phaseTimeoutMs: SHUTDOWN_BUDGET_MS }))
      const { promise: outOfTime, resolve } = Promise.withResolvers<void>()
      const cancel = clock.after(SHUTDOWN_BUDGET_MS, resolve)
      await Promise.race([Promise.allSettled(stops), outOfTime])
      cancel()
      await Promise.all(hosts.map(host => host.kill()))
    },
  }
}
