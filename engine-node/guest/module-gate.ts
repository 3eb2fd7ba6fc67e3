// Which of Node's modules the plugin's code may load. It makes a grant mean what it says; what a plugin cannot do even with a
// module in its hands, the tier sees to.
import Module, { isBuiltin, registerHooks } from 'node:module'
import { moduleRoot } from '../../src/contract/plugin-modules.ts'

const refusal = (specifier: string) =>
  Object.assign(
    new Error(
      `Module ${JSON.stringify(specifier)} is not allowed by plugin permissions; a manifest may ask for it in "modules"`,
    ),
    { code: 'ERR_MODULE_NOT_GRANTED' },
  )

/** To be called once, before any of the plugin's code runs. It holds for `require`, `import` and `process.getBuiltinModule`. */
export function closeModuleGate(granted: readonly string[]): void {
  const may = new Set(granted)
  const mayLoad = (specifier: string) => may.has(moduleRoot(specifier))
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context)
      // What a specifier resolved to counts: a package may carry a file with the name of a module.
      if (isBuiltin(found.url) && !mayLoad(found.url)) throw refusal(specifier)
      // `data:` would be code from a string, past the flag that forbids it.
      if (!isBuiltin(found.url) && !found.url.startsWith('file:')) throw refusal(specifier)
      return found
    },
  })
  const getBuiltinModule = process.getBuiltinModule.bind(process)
  Object.assign(process, {
    getBuiltinModule: (specifier: string) => (mayLoad(specifier) ? getBuiltinModule(specifier) : undefined),
  })
  // Every CommonJS module can reach this class, and a later hook would be asked before ours.
  for (const name of ['registerHooks', 'register']) Reflect.deleteProperty(Module, name)
}
