// Loads an ES module with all that it imports into an isolate. What a name stands for the isolate says; nothing is read here.
import type IsolatedVm from 'isolated-vm'
import * as v from 'valibot'
import { GatewayError } from '../../../src/contract/errors.ts'

/** Modules of one plugin: as many files as its package may have, and Node's. */
const MAX_MODULES = 1_000

const Unit = v.strictObject({ filename: v.string(), code: v.string() })

export interface ModuleLoading {
  isolate: IsolatedVm.Isolate
  context: IsolatedVm.Context
  /** Asks the isolate what a module of this name is, from the module that asks for it; JSON. */
  link(specifier: string, from: string): Promise<unknown>
  /** Longest that the modules may run without a pause. */
  turnMs: number
}

/** Rejects with what the isolate threw. */
export async function loadModule(
  { isolate, context, link, turnMs }: ModuleLoading,
  root: string,
): Promise<void> {
  const modules = new Map<string, IsolatedVm.Module>()
  const imports = new Map<IsolatedVm.Module, Map<string, IsolatedVm.Module>>()

  async function add(specifier: string, from: string): Promise<IsolatedVm.Module> {
    const { filename, code } = v.parse(Unit, JSON.parse(String(await link(specifier, from))))
    const known = modules.get(filename)
    if (known !== undefined) return known
    if (modules.size >= MAX_MODULES)
      throw new GatewayError('plugin_failed', `The plugin has more than ${MAX_MODULES} modules`)
    const module = await isolate.compileModule(code, { filename })
    const found = new Map<string, IsolatedVm.Module>()
    // Before its imports are looked at: they may come back to it.
    modules.set(filename, module)
    imports.set(module, found)
    for (const name of module.dependencySpecifiers) found.set(name, await add(name, filename))
    return module
  }

  const module = await add(root, '/')
  await module.instantiate(context, (specifier, referrer) => {
    const found = imports.get(referrer)?.get(specifier)
    if (found === undefined) throw new GatewayError('plugin_failed', `Nothing is known of ${specifier}`)
    return found
  })
  await module.evaluate({ timeout: turnMs, promise: true })
}
