// `npm run pack-plugin -- <folder>`: bundles a plugin's folder into the zip that the gateway installs, the same bytes on every
// machine, and prints its pin.
import { mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { assertNotBundled } from '../engine-node/plugins/archive.ts'
import { packPlugin } from '../engine-node/plugins/pack-plugin.ts'

export { packPlugin }

/** Where an author's archives go, below the folder that the command is called in. */
const OUTPUT = 'dist'

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = argv.slice(2)
  if (!folder) {
    console.error('Name the folder of the plugin, as in: npm run pack-plugin -- plugins/wharf-auto-reply')
    process.exit(2)
  }
  try {
    const { bytes, pack, sha256, fileName } = await packPlugin(folder)
    assertNotBundled(pack.manifest)
    const path = resolve(OUTPUT, fileName)
    mkdirSync(resolve(OUTPUT), { recursive: true })
    writeFileSync(path, bytes)
    console.log(`${path}\n#sha256=${sha256}`)
  } catch (error) {
    console.error(`${folder} could not be packed: ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
}
