// Writes what a process of isolates needs: its own program, and the runtime that it starts in each isolate.
import { fileURLToPath } from 'node:url'
import { writeBundle } from './guest-bundle.ts'

const HOST_ENTRY = fileURLToPath(new URL('./isolate-host/start.ts', import.meta.url))
const RUNTIME_ENTRY = fileURLToPath(new URL('./shims/start.ts', import.meta.url))

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
  const [hostFile, runtimeFile] = await Promise.all([
    writeBundle({ outDir, name: 'isolate-host', entry: HOST_ENTRY }),
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
        banner: { js: '(function (send, call, files) {' },
        footer: { js: 'return runtime.start({ send, call }, files)\n})' },
      },
    }),
  ])
  return { hostFile, runtimeFile }
}
