// In which tier a plugin runs, or why it does not: pure, so that it can be read and tested as a table.
import { type Tier, tiers } from '../../src/contract/plugin-view.ts'

export interface TierWishes {
  /** What the manifest asks for; null for nothing. */
  asked: Tier | null
  /** PLUGIN_TIER. */
  fallback: Tier
  /** PLUGIN_TIER_WEAKEST. */
  weakest: Tier
  /** What PLUGIN_TIERS says of this plugin; null for nothing. */
  chosen: Tier | null
  /** PLUGIN_TRUSTED names it. */
  trusted: boolean
  /** It came with the gateway: it alone may ask for a weaker tier. */
  bundled: boolean
  /** Of each tier, what of the boundary does not hold on this machine (promises.ts). */
  broken: Readonly<Record<Tier, readonly string[]>>
  /** Tiers that cannot run here at all, and why. */
  unavailable: Readonly<Partial<Record<Tier, string>>>
}

export type TierVerdict = { allow: true; tier: Tier } | { allow: false; why: string }

/** From the weakest to the strongest, which is the order of the table in the contract. */
const strengthOf = (tier: Tier): number => tiers.indexOf(tier)
const stronger = (a: Tier, b: Tier): Tier => (strengthOf(a) >= strengthOf(b) ? a : b)

/** The operator's word on one plugin counts most; a plugin's own wish only makes it stronger. Nothing falls back silently. */
export function chooseTier(wishes: TierWishes): TierVerdict {
  const { asked, fallback, weakest, chosen, trusted, bundled, broken, unavailable } = wishes
  const tier =
    chosen ?? (bundled ? stronger(asked ?? fallback, weakest) : stronger(asked ?? fallback, fallback))
  if (strengthOf(tier) < strengthOf(weakest))
    return refuse(`it would run in the tier ${tier}, and PLUGIN_TIER_WEAKEST allows none below ${weakest}`)
  const why = unavailable[tier]
  if (why !== undefined) return refuse(`the tier ${tier} cannot run here: ${why}`)
  if (broken[tier].length > 0 && !trusted && !bundled)
    return refuse(
      `the tier ${tier} does not hold here what code of a stranger needs: ${broken[tier].join(' ')} ` +
        'Name the plugin in PLUGIN_TRUSTED to run it all the same',
    )
  return { allow: true, tier }
}

const refuse = (why: string): TierVerdict => ({ allow: false, why })
