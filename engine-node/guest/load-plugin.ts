// Reads the plugin's main file: CommonJS by `require`, ES modules by `require` or `import()`.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { closeModuleGate } from './module-gate.ts'
import { type PluginObject, toPlugin } from './plugin-export.ts'

/** What Node says of an ES module that it cannot load at once, because it awaits at its top level. */
const ASYNC_MODULE = 'ERR_REQUIRE_ASYNC_MODULE'

/** Once in the life of a guest: from then on nothing else of Node's is loaded, by whomever. */
export async function loadPlugin(main: string, modules?: readonly string[]): Promise<PluginObject> {
  if (modules !== undefined) closeModuleGate(modules)
  return toPlugin(await readModule(main))
}

async function readModule(main: string): Promise<unknown> {
  try {
    return createRequire(main)(main)
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === ASYNC_MODULE)) throw thrown
    return await import(pathToFileURL(main).href)
  }
}
