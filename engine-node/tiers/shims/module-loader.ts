// `require` inside an isolate: the modules that have a shim, and the files of the plugin's own package, which are all here as text.
import { isEsModule, type LibraryModule, libraryModules } from './module-table.ts'
import { path } from './path.ts'

export interface ModuleLoaderDeps {
  /** By absolute path. */
  files: Readonly<Record<string, string>>
  /** Without `node:`. */
  builtins: ReadonlyMap<string, unknown>
  /** The code of one of the modules that are not here from the start. */
  library(name: LibraryModule): string
}

interface Module {
  exports: unknown
  readonly id: string
  readonly filename: string
  loaded: boolean
}

type Require = (specifier: string) => unknown
type Wrapper = (exports: unknown, require: Require, module: Module, filename: string, dirname: string) => void

/** As Node tries them. */
const ENDINGS = ['', '.js', '.cjs', '.mjs', '.json', '/index.js', '/index.cjs']

const notFound = (specifier: string, why: string) =>
  Object.assign(new Error(`Cannot find module '${specifier}': ${why}`), { code: 'MODULE_NOT_FOUND' })

export interface ModuleLoader {
  require: Require
  /** The file of the package that a path stands for. Throws MODULE_NOT_FOUND. */
  resolve(from: string, specifier: string): string
}

export function createModuleLoader({ files, builtins, library }: ModuleLoaderDeps): ModuleLoader {
  const modules = new Map<string, Module>()
  const libraries = new Map<LibraryModule, unknown>()
  // Taken before the plugin runs. In here code from text reaches no more than the plugin's own code does.
  // biome-ignore lint/security/noGlobalEval: it is how an isolate makes a function of a file.
  const compile = globalThis.eval as (code: string) => Wrapper
  const { parse } = JSON

  function load(filename: string): Module {
    const known = modules.get(filename)
    if (known) return known
    const module: Module = { exports: {}, id: filename, filename, loaded: false }
    modules.set(filename, module)
    try {
      run(module)
    } catch (thrown) {
      modules.delete(filename)
      throw thrown
    }
    module.loaded = true
    return module
  }

  function run(module: Module): void {
    const { filename } = module
    const source = files[filename] ?? ''
    if (filename.endsWith('.json')) {
      module.exports = parse(source)
      return
    }
    if (filename.endsWith('.mjs') || isEsModule(source))
      throw new SyntaxError(`${filename} is an ES module: here it can be imported, and not required`)
    const dirname = path.dirname(filename)
    const require = Object.assign((specifier: string) => requireFrom(dirname, specifier), {
      resolve: (specifier: string) => resolve(dirname, specifier),
      cache: {},
    })
    const code = source.replace(/^#![^\n]*/, '')
    const wrapper = compile(
      `(function (exports, require, module, __filename, __dirname) {${code}\n})\n//# sourceURL=${filename}`,
    )
    Reflect.apply(wrapper, module.exports, [module.exports, require, module, filename, dirname])
  }

  function resolve(from: string, specifier: string): string {
    const target = path.resolve(from, specifier)
    const found = ENDINGS.map(ending => target + ending).find(file => Object.hasOwn(files, file))
    if (found === undefined) throw notFound(specifier, 'there is no such file of code in the package')
    return found
  }

  function loadLibrary(name: LibraryModule): unknown {
    if (libraries.has(name)) return libraries.get(name)
    const module = { exports: {} }
    const wrapper = compile(`(function (exports, require, module) {${library(name)}\n})`) as unknown
    Reflect.apply(wrapper as () => void, undefined, [
      module.exports,
      (specifier: string) => requireFrom('/', specifier),
      module,
    ])
    libraries.set(name, module.exports)
    return module.exports
  }

  function requireFrom(from: string, specifier: string): unknown {
    if (typeof specifier !== 'string') throw new TypeError('The "id" argument must be of type string')
    if (/^(\.{1,2}(\/|$)|\/)/.test(specifier)) return load(resolve(from, specifier)).exports
    const name = specifier.replace(/^node:/, '')
    if (builtins.has(name)) return builtins.get(name)
    const known = libraryModules.find(each => each === name.replace(/\/promises$/, ''))
    if (known !== undefined && (name === known || name === 'stream/promises')) {
      const exports = loadLibrary(known)
      return name === known ? exports : Reflect.get(Object(exports), 'promises')
    }
    throw notFound(specifier, 'the isolate tier does not have it')
  }

  return { require: specifier => requireFrom('/', specifier), resolve }
}
