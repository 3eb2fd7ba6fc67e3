// ES modules inside an isolate. V8 loads them; which text belongs to which name is said here, since the files are here.
import type { Ask } from './ask.ts'
import { isEsModule } from './module-table.ts'
import { path } from './path.ts'

/** A module as V8 takes it. `filename` is its identity. */
export interface ModuleUnit {
  filename: string
  code: string
}

export interface EsModules {
  /** Whether a file of the package is one: by its ending, by its package.json, or else by what it says. */
  isOne(filename: string): boolean
  /** The namespace of a file that is one, when all that it awaits has come. */
  importMain(filename: string): Promise<unknown>
  /** For the host: what a module that asks for `specifier` gets, as JSON of a ModuleUnit. Throws as `require` does. */
  link(specifier: string, from: string): string
  /** For the host: the main module could not be loaded. */
  failed(why: string): void
  /** While it waits for something, a rejection that nobody hears may be its own: no other word comes of it. */
  isLoading(): boolean
}

export interface EsModulesDeps {
  files: Readonly<Record<string, string>>
  ask: Ask
  resolve(from: string, specifier: string): string
  require(specifier: string): unknown
}

/** Where generated modules find this file. It is a name in the isolate's own realm, and leads nowhere else. */
const KEY = Symbol.for('wharf.modules')

/** The module around the main one: it runs when that has run. */
const ROOT = 'wharf:main'

const isPath = (specifier: string) => /^(\.{1,2}(\/|$)|\/)/.test(specifier)

export function createEsModules({ files, ask, resolve, require }: EsModulesDeps): EsModules {
  const { parse, stringify } = JSON
  let main = ''
  let loading: PromiseWithResolvers<unknown> | null = null
  const access = {
    exportsOf: (name: string) => require(name),
    done: (namespace: unknown) => loading?.resolve(namespace),
  }
  Object.defineProperty(globalThis, KEY, { value: access })
  const found = `globalThis[Symbol.for(${stringify(KEY.description)})]`

  function saysModule(folder: string): boolean {
    const text = files[path.resolve(folder, 'package.json')]
    if (text !== undefined) return Object(parse(text)).type === 'module'
    return folder !== '/' && saysModule(path.dirname(folder))
  }

  function isOne(filename: string): boolean {
    if (!/\.[cm]?js$/.test(filename) || filename.endsWith('.cjs')) return false
    return (
      filename.endsWith('.mjs') || saysModule(path.dirname(filename)) || isEsModule(files[filename] ?? '')
    )
  }

  /** What is no ES module, as one: its exports by their names, and all of it as the default. */
  function wrapped(name: string): ModuleUnit {
    const exports = require(name)
    const names = Object.keys(Object(exports)).filter(each => each !== 'default' && each.isWellFormed())
    return {
      filename: name,
      code: [
        `const all = ${found}.exportsOf(${stringify(name)})`,
        'export default all',
        ...names.map(
          (each, n) => `const $${n} = all[${stringify(each)}]\nexport { $${n} as ${stringify(each)} }`,
        ),
      ].join('\n'),
    }
  }

  function unitOf(specifier: string, from: string): ModuleUnit {
    if (specifier === ROOT && from === '/')
      return { filename: ROOT, code: `import * as main from ${stringify(main)}\n${found}.done(main)` }
    if (!isPath(specifier)) return wrapped(specifier)
    const filename = resolve(path.dirname(from), specifier)
    return isOne(filename) ? { filename, code: files[filename] ?? '' } : wrapped(filename)
  }

  return {
    isOne,
    importMain(filename) {
      main = filename
      const started = Promise.withResolvers()
      loading = started
      ask('importModule', ROOT)
      return started.promise.finally(() => {
        loading = null
      })
    },
    link: (specifier, from) => stringify(unitOf(specifier, from)),
    failed: why => loading?.reject(new Error(why)),
    isLoading: () => loading !== null,
  }
}
