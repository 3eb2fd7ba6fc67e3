// The code of a package as text, for guests that have no files: read by the gateway, which follows no link and stops at a bound.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../src/contract/errors.ts'
import { INSIDE } from './bubblewrap.ts'

/** What holds code; `require` in an isolate loads all but the last. */
const CODE = /\.(?:js|cjs|json|mjs)$/

/** Bytes of code in one package: it travels in one frame, escaped, and each isolate holds all of it. */
export const MAX_CODE_BYTES = 6 * 1024 * 1024
const MAX_FILES = 5_000

/** By the path that the guest knows it under. Throws `plugin_crashed` for a package that is too large. */
export async function readPackageCode(packageDir: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  let bytes = 0
  let count = 0

  async function read(folder: string, inside: string): Promise<void> {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const [from, to] = [join(folder, entry.name), `${inside}/${entry.name}`]
      count += 1
      if (count > MAX_FILES) throw tooLarge(`more than ${MAX_FILES} files`)
      if (entry.isDirectory()) await read(from, to)
      else if (entry.isFile() && CODE.test(entry.name)) {
        bytes += (await stat(from)).size
        if (bytes > MAX_CODE_BYTES) throw tooLarge(`more than ${MAX_CODE_BYTES} bytes of code`)
        files[to] = await readFile(from, 'utf8')
      }
    }
  }
  await read(packageDir, INSIDE.packageDir)
  return files
}

const tooLarge = (why: string) =>
  new GatewayError('plugin_crashed', `The package is too large for an isolate: it has ${why}`)
