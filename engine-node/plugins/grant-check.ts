// Whether a plugin has been given what it asks for. What the operator confirms is judged here once, and again at each start:
// between the two, a folder may have become a link and a setting may have changed.
import { realpath } from 'node:fs/promises'
import { GatewayError } from '../../src/contract/errors.ts'
import type { GrantPolicy } from '../../src/contract/grant-policy.ts'
import {
  type AskingManifest,
  asksOf,
  type Grants,
  grantsOf,
  lacking,
  linesOf,
  type Powers,
  powersOf,
} from '../../src/contract/grants.ts'

export interface GrantCheckDeps {
  /** PLUGIN_FS_ROOTS: folders below which paths may be given to plugins. Empty: none may. */
  roots: readonly string[]
  /** PLUGIN_GRANT_POLICY: what is confirmed in advance. Empty: nothing. */
  policy: GrantPolicy
  /** The gateway's own folder; nothing of it goes to a plugin, whatever the roots say. */
  dataDir: string
  /** The gateway's environment, to take the values of confirmed names from. */
  env: Readonly<Record<string, string | undefined>>
  /** Names that mean something to the gateway itself: its settings, with its secrets. */
  reservedEnv: readonly string[]
}

/** The grants of a plugin as its row has them. */
export interface StoredGrants {
  grants: Grants | null
  /** Those of them that the policy alone gave. */
  grantsByPolicy: Grants | null
}

/** What a plugin runs with. */
export interface Given {
  powers: Powers
  /** Values of the confirmed names; a name that the gateway does not have is not there. */
  env: Record<string, string>
  /** The grants that are in force, for the plugin's row. */
  stored: StoredGrants
}

export interface GrantCheck {
  /** What is to be stored. Throws `invalid_input` with everything that was not asked for or cannot be given. */
  confirm(manifest: AskingManifest, confirmed: Grants): Promise<Grants>
  /** What is stored when it is installed: what the policy gives of its asks, or nothing. */
  inAdvance(manifest: IdentifiedManifest): Promise<StoredGrants>
  /** Throws `grants_missing` with everything that the plugin waits for. */
  given(manifest: IdentifiedManifest, stored: StoredGrants): Promise<Given>
}

type IdentifiedManifest = AskingManifest & { id: string }

export function createGrantCheck(deps: GrantCheckDeps): GrantCheck {
  const { roots, policy, dataDir, env, reservedEnv } = deps
  const reals = (paths: readonly string[]) => Promise.all(paths.map(path => realpath(path).catch(() => null)))

  /** Whether one of the folders holds it. What both lead to counts, not what they are called. */
  async function isBelow(path: string, folders: readonly string[]): Promise<boolean> {
    const [real = null, ...above] = await reals([path, ...folders])
    return real !== null && above.some(folder => folder !== null && isWithin(real, folder))
  }

  /** Why a path cannot be given; null where it can. */
  async function pathFault(path: string): Promise<string | null> {
    const [real = null, own = null] = await reals([path, dataDir])
    if (real === null) return `${path} does not exist`
    if (own === null || isWithin(real, own) || isWithin(own, real))
      return `${path} holds what belongs to the gateway`
    return (await isBelow(path, roots)) ? null : `${path} is below no folder of PLUGIN_FS_ROOTS`
  }

  async function faultsOf(grants: Grants): Promise<string[]> {
    const { read = [], write = [] } = grants.filesystem ?? {}
    const paths = await Promise.all([...new Set([...read, ...write])].map(pathFault))
    const names = (grants.env ?? [])
      .filter(name => reservedEnv.includes(name))
      .map(name => `${name} belongs to the gateway`)
    return [...paths.filter(fault => fault !== null), ...names]
  }

  /** Of these asks, those that the policy gives this plugin. */
  async function ofPolicy(pluginId: string, asks: Grants): Promise<Grants> {
    const bounds = policy.get(pluginId)
    if (bounds === undefined) return {}
    const { limits, filesystem } = asks
    const named = new Set(linesOf(bounds))
    const within = await Promise.all(
      (['read', 'write'] as const).flatMap(way =>
        (filesystem?.[way] ?? []).map(async path =>
          (await isBelow(path, bounds.filesystem?.[way] ?? [])) ? [`filesystem.${way} ${path}`] : [],
        ),
      ),
    )
    return grantsOf([
      // Names and modules stand for themselves.
      ...linesOf(asks).filter(line => named.has(line) && !line.startsWith('filesystem')),
      ...(limits?.memoryMb !== undefined && limits.memoryMb <= (bounds.limits?.memoryMb ?? 0)
        ? [`limits.memoryMb ${limits.memoryMb}`]
        : []),
      ...(limits?.cpuMs !== undefined && limits.cpuMs <= (bounds.limits?.cpuMs ?? 0)
        ? [`limits.cpuMs ${limits.cpuMs}`]
        : []),
      ...within.flat(),
    ])
  }

  return {
    async confirm(manifest, confirmed) {
      const asks = asksOf(manifest)
      const faults = [
        ...lacking(confirmed, asks).map(line => `${line} is not asked for`),
        ...(await faultsOf(confirmed)),
      ]
      if (faults.length === 0) return confirmed
      throw new GatewayError('invalid_input', `These grants cannot be given: ${faults.join('; ')}`, {
        details: { messages: faults },
      })
    },

    async inAdvance(manifest) {
      const grants = await ofPolicy(manifest.id, asksOf(manifest))
      return linesOf(grants).length === 0
        ? { grants: null, grantsByPolicy: null }
        : { grants, grantsByPolicy: grants }
    },

    async given(manifest, { grants, grantsByPolicy }) {
      const asks = asksOf(manifest)
      // What the policy once gave it gives no longer when it does not say so now.
      const own = grantsOf(lacking(grants ?? {}, grantsByPolicy))
      const open = grantsOf(lacking(asks, own))
      const byPolicy = await ofPolicy(manifest.id, open)
      const waitsFor = lacking(open, byPolicy)
      if (waitsFor.length > 0)
        throw new GatewayError(
          'grants_missing',
          `Waits for the operator to confirm: ${waitsFor.join(', ')}`,
          { details: { waitsFor } },
        )
      const faults = await faultsOf(asks)
      if (faults.length > 0)
        throw new GatewayError('grants_missing', `Cannot be given any more: ${faults.join('; ')}`)
      const values = (asks.env ?? []).flatMap(name => {
        const value = env[name]
        return value === undefined ? [] : [[name, value] as const]
      })
      return {
        powers: powersOf(asks, manifest),
        env: Object.fromEntries(values),
        stored: {
          grants: linesOf(asks).length === 0 && grants === null ? null : asks,
          grantsByPolicy: linesOf(byPolicy).length === 0 ? null : byPolicy,
        },
      }
    },
  }
}

/** Both are real paths. */
const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
