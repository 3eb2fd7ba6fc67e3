// Reads the plugin's main file: CommonJS by `require`, ES modules by `require` or `import()`. The default export is
// preferred over the module itself; a class is constructed without arguments.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { GatewayError } from '../../src/contract/errors.ts'

/** What Node says of an ES module that it cannot load at once, because it awaits at its top level. */
const ASYNC_MODULE = 'ERR_REQUIRE_ASYNC_MODULE'

export type PluginObject = Record<string, unknown>

export async function loadPlugin(main: string): Promise<PluginObject> {
  const exported = pickExport(await readModule(main))
  const plugin = isClass(exported) ? Reflect.construct(exported, []) : exported
  if (typeof plugin === 'object' && plugin !== null) return plugin as PluginObject
  throw new GatewayError('plugin_failed', 'The main file must export a class or an object')
}

async function readModule(main: string): Promise<unknown> {
  try {
    return createRequire(main)(main)
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === ASYNC_MODULE)) throw thrown
    return await import(pathToFileURL(main).href)
  }
}

/** Compiled TypeScript has the class at `default`, and once more below it where a bundler wrapped a bundle. */
function pickExport(module: unknown): unknown {
  let picked = module
  for (let depth = 0; depth < 2; depth += 1) {
    if ((typeof picked !== 'object' && typeof picked !== 'function') || picked === null) break
    const inner: unknown = Reflect.get(picked, 'default')
    if (inner === undefined || inner === null) break
    picked = inner
  }
  return picked
}

const isClass = (value: unknown): value is new () => unknown => typeof value === 'function'
