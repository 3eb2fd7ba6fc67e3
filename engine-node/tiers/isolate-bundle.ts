// Writes what a process of isolates needs: its own program with the libraries in it, and the runtime that it starts in each isolate.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { contractDefines, writeBundle } from './guest-bundle.ts'
import type { LibraryModule } from './shims/module-table.ts'

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const HOST_ENTRY = pathOf('./isolate-host/start.ts')
const RUNTIME_ENTRY = pathOf('./shims/start.ts')

/** Modules that few plugins load and that are large: an isolate gets the text of one when its plugin asks for it. */
const libraries: Record<LibraryModule, () => string> = {
  // Without its main file, which takes Node's own where there is a `require`.
  stream: () => createRequire(import.meta.url).resolve('readable-stream/lib/stream.js'),
  zlib: () => pathOf('./isolate-libraries/zlib.ts'),
}

export interface IsolateBundle {
  hostFile: string
  runtimeFile: string
}

export interface IsolateBundleOptions {
  outDir: string
  /** What runs in the isolates, with the `start` of shims/start.ts; another one is for tests. */
  runtimeEntry?: string
}

/** Both files in `outDir`, under names made from their content. */
export async function bundleIsolate({
  outDir,
  runtimeEntry = RUNTIME_ENTRY,
}: IsolateBundleOptions): Promise<IsolateBundle> {
  const names = Object.keys(libraries) as LibraryModule[]
  const texts = await Promise.all(names.map(async name => [name, await bundleLibrary(libraries[name]())]))
  const [hostFile, runtimeFile] = await Promise.all([
    writeBundle({
      outDir,
      name: 'isolate-host',
      entry: HOST_ENTRY,
      options: { define: { ISOLATE_LIBRARIES: JSON.stringify(Object.fromEntries(texts)) } },
    }),
    writeBundle({
      outDir,
      name: 'isolate-runtime',
      entry: runtimeEntry,
      options: {
        // An isolate has the language and nothing of Node: a script whose value is a function of what it is given.
        platform: 'neutral',
        target: 'esnext',
        format: 'iife',
        globalName: 'runtime',
        define: contractDefines,
        banner: { js: '(function (send, call, files) {' },
        footer: { js: 'return runtime.start({ send, call }, files)\n})' },
      },
    }),
  ])
  return { hostFile, runtimeFile }
}

/** What a library takes of Node it takes from the isolate, by `require`; some packages write such names with a slash. */
const fromIsolate: Plugin = {
  name: 'from-isolate',
  setup(on) {
    const filter = /^(?:node:)?(?:abort-controller|buffer|events|process|stream|string_decoder)\/?$/
    on.onResolve({ filter }, ({ path }) => ({ path: path.replace(/^node:|\/$/g, ''), external: true }))
  },
}

async function bundleLibrary(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'neutral',
    target: 'esnext',
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [fromIsolate],
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
