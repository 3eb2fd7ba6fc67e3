// Which names an archive's entries may have. The bytes must mean the same path on every system, so the list of what is
// allowed is short: visible ASCII without what any file system, shell or URL reads as something else.
import { refuseArchive } from './archive-refusal.ts'

const MAX_PATH_BYTES = 240
const MAX_DEPTH = 16

/** Fullwidth slashes, marks that turn text around, look-alikes and unnormalized letters all lie outside of it. */
const SEGMENT = /^[A-Za-z0-9._@+~$()[\], =&!#'-]+$/

/** Devices on Windows under any extension. */
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(\.|$)/i

/** The path that a name stands for, without the slash at the end of a folder. Throws `package_invalid`, rule `path`. */
export function readEntryName(name: Uint8Array): string {
  const text = Buffer.from(name).toString('latin1')
  const path = text.endsWith('/') ? text.slice(0, -1) : text
  const segments = path.split('/')
  if (
    name.length > MAX_PATH_BYTES ||
    segments.length > MAX_DEPTH ||
    !segments.every(
      segment =>
        SEGMENT.test(segment) &&
        segment !== '.' &&
        segment !== '..' &&
        !/[. ]$/.test(segment) &&
        !segment.startsWith(' ') &&
        !RESERVED.test(segment),
    )
  ) {
    const refusal = refuseArchive('path', 'Unsafe path in archive', name)
    throw refuseArchive('path', `Unsafe path in archive: ${refusal.details.entry}`, name)
  }
  return path
}

/**
 * Refuses a second entry of the same path on a file system that does not tell case apart, and a file that another entry
 * uses as a folder. Call it for each entry, then once more when all are known.
 */
export function createPathSet() {
  const seen = new Map<string, { path: string; isFolder: boolean }>()
  return {
    add(path: string, isFolder: boolean) {
      const fold = path.toLowerCase()
      if (seen.has(fold)) throw refuseArchive('duplicate', 'Two entries have the same path', path)
      seen.set(fold, { path, isFolder })
    },
    /** Folders must be spelled alike everywhere, and be folders. */
    checkParents() {
      const spellings = new Map<string, string>()
      for (const { path, isFolder } of seen.values()) {
        const segments = path.split('/')
        const depth = isFolder ? segments.length : segments.length - 1
        for (let count = 1; count <= depth; count += 1) {
          const folder = segments.slice(0, count).join('/')
          const fold = folder.toLowerCase()
          if (seen.get(fold)?.isFolder === false)
            throw refuseArchive('duplicate', 'A file is used as a folder', path)
          if ((spellings.get(fold) ?? folder) !== folder)
            throw refuseArchive('duplicate', 'A folder is spelled in two ways', path)
          spellings.set(fold, folder)
        }
      }
    },
  }
}
