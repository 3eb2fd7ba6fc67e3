// Bundles the API for Workers into one module: what is deployed, and what the tests run on workerd.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import * as v from 'valibot'

const root = fileURLToPath(new URL('..', import.meta.url))
const Package = v.object({ version: v.string() })

/** Writes the bundle to `outfile` and gives its size in bytes. Rejects where something in it needs more than Web APIs. */
export async function bundleWorker(outfile: string): Promise<number> {
  const { version } = v.parse(Package, JSON.parse(readFileSync(`${root}package.json`, 'utf8')))
  const result = await build({
    entryPoints: [`${root}src/edge/worker.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'esnext',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser', 'import'],
    define: { WHARF_VERSION: JSON.stringify(version) },
    minify: true,
    metafile: true,
    logLevel: 'silent',
  })
  const [output] = Object.values(result.metafile.outputs)
  return output?.bytes ?? 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const outfile = process.argv[2] ?? `${root}dist/worker.js`
  console.log(`${outfile}: ${await bundleWorker(outfile)} bytes`)
}
