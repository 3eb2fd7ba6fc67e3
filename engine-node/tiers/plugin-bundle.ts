// One CommonJS file of a plugin's sources, as its package holds it.
import { resolve } from 'node:path'
import { build } from 'esbuild'

/** Bundles `plugin.ts` of the folder: the same bytes on every machine. */
export async function bundlePlugin(folder: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    // Paths in the bundle's comments are relative to this, not to where the command is called.
    absWorkingDir: resolve(folder),
    entryPoints: ['./plugin.ts'],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    legalComments: 'none',
    logLevel: 'silent',
    write: false,
  })
  return outputFiles[0]?.contents ?? new Uint8Array()
}
