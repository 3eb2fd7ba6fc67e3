// Small files that are there as a whole or not at all, whatever ends the process or the machine meanwhile.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Under a name that counts for nothing yet; for the owner alone. What an earlier try has left is replaced. */
export function writeDraft(draft: string, text: string) {
  rmSync(draft, { force: true })
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true })
  syncFolder(dirname(draft))
}

/** From here on it counts. */
export function giveName(draft: string, file: string) {
  renameSync(draft, file)
  syncFolder(dirname(file))
}

/** A name is durable only with its folder. */
function syncFolder(path: string) {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
