// A plugin's folder as the archive that a gateway installs.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import JSZip from 'jszip'
import { bundlePlugin } from '../tiers/plugin-bundle.ts'
import { normalizeMain, type PluginPackage, readArchive, readManifest } from './archive.ts'

/** The first day that a zip can tell. A real time would make another archive of the same plugin. */
const NO_DATE = new Date(Date.UTC(1980, 0, 1))

export interface PackedPlugin {
  bytes: Uint8Array
  pack: PluginPackage
  /** Of the archive, in hex: the pin. */
  sha256: string
  fileName: string
}

/**
 * Packs a folder with `manifest.json` and `plugin.ts`: one CommonJS file at the manifest's `main`, and the page that
 * `configUi` names. Rejects, as an install would, when the outcome could not be installed.
 */
export async function packPlugin(folder: string): Promise<PackedPlugin> {
  const manifestBytes = await readFile(join(folder, 'manifest.json'))
  const { id, version, main, configUi } = readManifest(manifestBytes)

  const files: [path: string, content: Uint8Array][] = [
    ['manifest.json', manifestBytes],
    [normalizeMain(main), await bundlePlugin(folder)],
  ]
  if (configUi) files.push([normalizeMain(configUi.entry), await readFile(join(folder, configUi.entry))])

  const zip = new JSZip()
  for (const [path, content] of files)
    zip.file(path, content, { date: NO_DATE, createFolders: false, unixPermissions: 0o644 })
  const bytes = await zip.generateAsync({ type: 'uint8array', compression: 'STORE', platform: 'UNIX' })
  const pack = await readArchive(bytes)
  const fileName = `${id}-${version}.zip`.replace(/[^A-Za-z0-9._-]/g, '_')
  return { bytes, pack, sha256: pack.sha256, fileName }
}
