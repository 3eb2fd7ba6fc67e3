// What a package asks for and will not have where it would run: for the operator to read before it is enabled. Only said, and not
// refused, since a package may ask for a module that it can do without.
import { isBuiltin } from 'node:module'
import { defaultModules, isGrantableModule, moduleRoot } from '../../src/contract/plugin-modules.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'
import { isolateGaps, isolateModules, missingModules } from './shims/module-table.ts'

export interface PackageNeeds {
  /** Its code, by path; without it, only what its manifest says is looked at. */
  files?: ReadonlyMap<string, Uint8Array>
  /** Modules that its manifest asks for. */
  modules?: readonly string[]
}

/** Each a sentence, in the order of the modules' names. */
export function moduleGaps(tier: Tier, { files = new Map(), modules = [] }: PackageNeeds): string[] {
  const code = [...files].filter(([path]) => /\.[cm]?js$/.test(path))
  const sources = Object.fromEntries(code.map(([path, bytes]) => [path, Buffer.from(bytes).toString()]))
  if (tier === 'isolate') {
    const asked = modules.filter(name => !isolateModules.some(known => known === name))
    const gaps = new Set([...isolateGaps(sources), ...asked])
    return [...gaps].sort().map(name => `The tier isolate has no ${name}, which the package asks for.`)
  }
  const given: readonly string[] = [...defaultModules, ...modules]
  const loaded = Object.values(sources).flatMap(source => missingModules(source, given))
  return [...new Set(loaded)]
    .filter(name => isBuiltin(name) && !given.includes(moduleRoot(name)))
    .sort()
    .map(name =>
      isGrantableModule(name)
        ? `The package loads ${name}, which a plugin gets only where its manifest asks for it.`
        : `The package loads ${name}, which no plugin gets.`,
    )
}
