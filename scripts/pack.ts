// `npm run pack-plugin -- <folder>`: bundles a plugin's folder into the zip that the gateway installs, the same bytes on every
// machine, and prints its pin.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import JSZip from 'jszip'
import { normalizeMain, readArchive, readManifest } from '../engine-node/plugins/archive.ts'

/** The first day that a zip can tell. A real time would make another archive of the same plugin. */
const NO_DATE = new Date(Date.UTC(1980, 0, 1))

/** Where an author's archives go, below the folder that the command is called in. */
const OUTPUT = 'dist'

export interface PackedPlugin {
  bytes: Uint8Array
  /** Of the archive, in hex: the pin. */
  sha256: string
  fileName: string
}

/**
 * Packs a folder with `manifest.json` and `plugin.ts`: one CommonJS file at the manifest's `main`, and the page that
 * `configUi` names. Rejects, as an install would, when the outcome could not be installed.
 */
export async function packPlugin(folder: string): Promise<PackedPlugin> {
  const manifestBytes = readFileSync(join(folder, 'manifest.json'))
  const { id, version, main, configUi } = readManifest(manifestBytes)

  const files: [path: string, content: Uint8Array][] = [
    ['manifest.json', manifestBytes],
    [normalizeMain(main), await bundle(folder)],
  ]
  if (configUi) files.push([normalizeMain(configUi.entry), readFileSync(join(folder, configUi.entry))])

  const zip = new JSZip()
  for (const [path, content] of files)
    zip.file(path, content, { date: NO_DATE, createFolders: false, unixPermissions: 0o644 })
  const bytes = await zip.generateAsync({ type: 'uint8array', compression: 'STORE', platform: 'UNIX' })
  const { sha256 } = await readArchive(bytes)
  return { bytes, sha256, fileName: `${id}-${version}.zip`.replace(/[^A-Za-z0-9._-]/g, '_') }
}

async function bundle(folder: string): Promise<Uint8Array> {
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
  return outputFiles[0]!.contents
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = argv.slice(2)
  if (!folder) {
    console.error('Name the folder of the plugin, as in: npm run pack-plugin -- plugins/wharf-auto-reply')
    process.exit(2)
  }
  try {
    const { bytes, sha256, fileName } = await packPlugin(folder)
    const path = resolve(OUTPUT, fileName)
    mkdirSync(resolve(OUTPUT), { recursive: true })
    writeFileSync(path, bytes)
    console.log(`${path}\n#sha256=${sha256}`)
  } catch (error) {
    console.error(`${folder} could not be packed: ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
}
