// The data folder: made for its owner alone, and held by one gateway at a time.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { GatewayError } from '../../src/contract/errors.ts'

export interface DataFolder extends Disposable {
  path: string
}

/**
 * Takes the folder. The hold is a lock of the operating system on a small SQLite file, so it ends with the process
 * however that ends, and no stale mark is left to clean up. Throws `data_folder_in_use` when another gateway has it:
 * two engines on one identity destroy each other's Signal sessions.
 */
export function holdDataFolder(path: string): DataFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const lock = new DatabaseSync(join(path, 'wharf.lock'))
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    throw new GatewayError(
      'data_folder_in_use',
      `The data folder ${path} is in use by another running Wharf. Stop that one, or give this one a folder of its own with DATA_DIR.`,
      { cause },
    )
  }
  return { path, [Symbol.dispose]: () => lock.close() }
}
