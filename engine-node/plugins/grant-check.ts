// Whether a plugin has been given what it asks for. What the operator confirms is judged here once, and again at each start:
// between the two, a folder may have become a link and a setting may have changed.
import { realpath } from 'node:fs/promises'
import { GatewayError } from '../../src/contract/errors.ts'
import {
  type AskingManifest,
  asksOf,
  type Grants,
  lacking,
  type Powers,
  powersOf,
} from '../../src/contract/grants.ts'

export interface GrantCheckDeps {
  /** PLUGIN_FS_ROOTS: folders below which paths may be given to plugins. Empty: none may. */
  roots: readonly string[]
  /** The gateway's own folder; nothing of it goes to a plugin, whatever the roots say. */
  dataDir: string
  /** The gateway's environment, to take the values of confirmed names from. */
  env: Readonly<Record<string, string | undefined>>
  /** Names that mean something to the gateway itself: its settings, with its secrets. */
  reservedEnv: readonly string[]
}

/** What a plugin runs with. */
export interface Given {
  powers: Powers
  /** Values of the confirmed names; a name that the gateway does not have is not there. */
  env: Record<string, string>
  /** The grants that are in force, for the plugin's row. */
  stored: Grants
}

export interface GrantCheck {
  /** What is to be stored. Throws `invalid_input` with everything that was not asked for or cannot be given. */
  confirm(manifest: AskingManifest, confirmed: Grants): Promise<Grants>
  /** Throws `grants_missing` with everything that the plugin waits for. */
  given(manifest: AskingManifest, stored: Grants | null): Promise<Given>
}

export function createGrantCheck({ roots, dataDir, env, reservedEnv }: GrantCheckDeps): GrantCheck {
  /** Why a path cannot be given; null where it can. What it leads to counts, not what it is called. */
  async function pathFault(path: string): Promise<string | null> {
    const real = await realpath(path).catch(() => null)
    if (real === null) return `${path} does not exist`
    const own = await realpath(dataDir)
    if (isWithin(real, own) || isWithin(own, real)) return `${path} holds what belongs to the gateway`
    const allowed = await Promise.all(roots.map(root => realpath(root).catch(() => null)))
    if (allowed.some(root => root !== null && isWithin(real, root))) return null
    return `${path} is below no folder of PLUGIN_FS_ROOTS`
  }

  async function faultsOf(grants: Grants): Promise<string[]> {
    const { read = [], write = [] } = grants.filesystem ?? {}
    const paths = await Promise.all([...new Set([...read, ...write])].map(pathFault))
    const names = (grants.env ?? [])
      .filter(name => reservedEnv.includes(name))
      .map(name => `${name} belongs to the gateway`)
    return [...paths.filter(fault => fault !== null), ...names]
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

    async given(manifest, stored) {
      const asks = asksOf(manifest)
      const waitsFor = lacking(asks, stored)
      if (waitsFor.length > 0)
        throw new GatewayError(
          'grants_missing',
          `Waits for the operator to confirm: ${waitsFor.join(', ')}`,
          {
            details: { waitsFor },
          },
        )
      const faults = await faultsOf(asks)
      if (faults.length > 0)
        throw new GatewayError('grants_missing', `Cannot be given any more: ${faults.join('; ')}`)
      const values = (asks.env ?? []).flatMap(name => {
        const value = env[name]
        return value === undefined ? [] : [[name, value] as const]
      })
      return { powers: powersOf(asks, manifest), env: Object.fromEntries(values), stored: asks }
    },
  }
}

/** Both are real paths. */
const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
