// The identity of a data folder, for claims on sessions in a database that several engines share.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Made at the first start, and the same at each start after it. Only for who holds the folder. One that is unreadable as a
 * file that was cut short is replaced: its sessions then come back after the time of their leases, and not at once.
 */
export function engineHome(folder: string, newId: () => string): string {
  const file = join(folder, 'engine.id')
  const known = read(file)
  if (known !== null) return known
  const made = newId()
  writeFileSync(file, `${made}\n`, { mode: 0o600, flush: true })
  return made
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim() || null
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
