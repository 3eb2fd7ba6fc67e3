// The plugin in what its main file exports: the default export is preferred over the module itself, and a class is
// constructed without arguments.
import { GatewayError } from '../../src/contract/errors.ts'

export type PluginObject = Record<string, unknown>

/** Throws `plugin_failed` for a module that exports neither a class nor an object. */
export function toPlugin(module: unknown): PluginObject {
  const exported = pickExport(module)
  const plugin = isClass(exported) ? Reflect.construct(exported, []) : exported
  if (typeof plugin === 'object' && plugin !== null) return plugin as PluginObject
  throw new GatewayError('plugin_failed', 'The main file must export a class or an object')
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
