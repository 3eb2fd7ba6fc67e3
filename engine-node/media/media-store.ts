// Files by the SHA-256 of their content, in a folder. A file is there whole or not at all, whenever the process dies. Who refers
// to a file, and for how long, is others' business.
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, mkdirSync, rmSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Fault } from '../fault.ts'

export interface StoredFile {
  /** SHA-256 in hex: its name. */
  hash: string
  bytes: number
}

/** Small, so that an object store can stand in its place. */
export interface MediaStore {
  /**
   * Takes a file in. Resolves when it is durable. Rejects with `body_too_large` above `maxBytes` and with `storage_unavailable`
   * when the disk takes no more, and leaves nothing then.
   */
  put(chunks: AsyncIterable<Uint8Array>, options: { maxBytes: number }): Promise<StoredFile>
  /**
   * Null for a file that is not here. `from` and `length` give a part of it, from its end where `from` is
   * negative; `bytes` are of all of it.
   */
  open(
    hash: string,
    part?: { from: number; length?: number },
  ): Promise<{ stream: Readable; bytes: number } | null>
  remove(hash: string): Promise<void>
  /** What is here, with the time (epoch ms) at which each came. */
  list(): AsyncIterable<StoredFile & { storedAt: number }>
  /** A file that exists as long as `use` runs, for those who need one on disk. */
  temporary<T>(use: (path: string) => Promise<T>): Promise<T>
}

const HASH = /^[0-9a-f]{64}$/

/** Opens the folder, and takes away what a death has left half done. */
export function createMediaStore({
  folder,
  fault,
}: {
  folder: string
  fault?: Fault | undefined
}): MediaStore {
  const temporary = join(folder, 'tmp')
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(temporary, { recursive: true, mode: 0o700 })
  const shelf = (hash: string) => join(folder, hash.slice(0, 2))
  const place = (hash: string) => join(shelf(hash), hash)
  const freshPath = () => join(temporary, randomBytes(12).toString('hex'))

  async function write(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
    maxBytes: number,
  ): Promise<StoredFile> {
    const digest = createHash('sha256')
    let bytes = 0
    const file = await open(path, 'wx', 0o600)
    try {
      for await (const chunk of chunks) {
        bytes += chunk.byteLength
        if (bytes > maxBytes)
          throw new GatewayError('body_too_large', `The file is larger than ${maxBytes} bytes`, {
            details: { maxBytes },
          })
        digest.update(chunk)
        await file.writeFile(chunk)
        fault?.('media.half-written')
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return { hash: digest.digest('hex'), bytes }
  }

  return {
    async put(chunks, { maxBytes }) {
      const path = freshPath()
      try {
        const stored = await write(path, chunks, maxBytes)
        await mkdir(shelf(stored.hash), { recursive: true, mode: 0o700 })
        await rename(path, place(stored.hash))
        // The name is durable only with its folder.
        await sync(shelf(stored.hash))
        fault?.('media.stored')
        return stored
      } catch (error) {
        await rm(path, { force: true })
        throw ofTheDisk(error)
      }
    },
    async open(hash, { from, length } = { from: 0 }) {
      if (!HASH.test(hash)) return null
      const found = await stat(place(hash)).catch(absent)
      if (found === null) return null
      const start = from < 0 ? Math.max(0, found.size + from) : from
      const end = length === undefined ? Number.POSITIVE_INFINITY : start + length - 1
      return { stream: createReadStream(place(hash), { start, end }), bytes: found.size }
    },
    async remove(hash) {
      if (HASH.test(hash)) await rm(place(hash), { force: true })
    },
    async *list() {
      for (const name of await readdir(folder)) {
        if (!/^[0-9a-f]{2}$/.test(name)) continue
        for (const hash of await readdir(join(folder, name))) {
          const found = HASH.test(hash) ? await stat(place(hash)).catch(absent) : null
          if (found) yield { hash, bytes: found.size, storedAt: found.mtimeMs }
        }
      }
    },
    async temporary(use) {
      const path = freshPath()
      try {
        return await use(path)
      } catch (error) {
        throw ofTheDisk(error)
      } finally {
        await rm(path, { force: true })
      }
    },
  }
}

const DISK_ERRORS: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO']

/** What an operator can mend is said as such; all else is passed on. */
function ofTheDisk(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && DISK_ERRORS.includes(error.code))) return error
  return new GatewayError(
    'storage_unavailable',
    'The file could not be written. Check the disk space and the permissions of the data folder',
    { cause: error },
  )
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
