// Writes the guest runtime as one plain file, so that a guest starts fast and can be given that file and nothing else.
import { createHash } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { contractFacts } from '../guest/contract-facts.ts'

/**
 * What a guest knows of the contract, in the place of its tables: their schemas are a megabyte in every guest's memory, and
 * judge nothing there.
 */
export const contractDefines = { CONTRACT_FACTS: JSON.stringify(contractFacts) }

const ENTRY = fileURLToPath(new URL('../guest/start.ts', import.meta.url))

/** Bundles the runtime into `outDir`, under a name made from its content, and gives the path of the file. */
export function bundleGuest({ outDir }: { outDir: string }): Promise<string> {
  return writeBundle({ outDir, name: 'guest', entry: ENTRY, options: { define: contractDefines } })
}

export interface BundleOptions {
  outDir: string
  /** What the name of the file begins with. */
  name: string
  entry: string
  /** Over those of a CommonJS file for Node. */
  options?: BuildOptions
}

/** The same for any entry. */
export async function writeBundle({ outDir, name, entry, options }: BundleOptions): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'silent',
    ...options,
    write: false,
  })
  const bytes = outputFiles[0]?.contents ?? new Uint8Array()
  const file = join(outDir, `${name}-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.cjs`)
  await mkdir(outDir, { recursive: true })
  // A gateway that starts at the same moment writes the same bytes; renaming keeps either from reading half of them.
  const draft = `${file}.${process.pid}`
  await writeFile(draft, bytes, { mode: 0o444 })
  await rename(draft, file)
  return file
}
