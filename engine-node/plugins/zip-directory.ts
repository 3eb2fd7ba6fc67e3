// The directory of a zip file, read without trusting it: where each entry's data lies, proven to be all that the file holds.
// Nothing is inflated here, and names are bytes still (APPNOTE.TXT 6.3.10 numbers the structures).
import { notAZip, refuseArchive } from './archive-refusal.ts'
import {
  type DirectoryEntry,
  HAS_DESCRIPTOR,
  LOCAL,
  readExtras,
  U32,
  wide,
  widen,
  type ZipEntry,
} from './zip-fields.ts'
import { placeEntries } from './zip-layout.ts'

const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const CENTRAL = 0x02014b50

const END_BYTES = 22
const LOCATOR64_BYTES = 20
const END64_BYTES = 56

/** Some release tools sign in the comment; more than a line hides something. */
const MAX_COMMENT = 1_024

/** Deflate's level (1, 2), sizes after the data (3), names in UTF-8 (11). Encryption, patches and masking are refused. */
const KNOWN_FLAGS = 0b1000_0000_0110 | HAS_DESCRIPTOR
const ENCRYPTION_FLAGS = 0b0010_0000_0100_0001

/** 4.5 is zip64; what needs more needs a method or an encryption that is refused anyway. */
const MAX_VERSION = 45

/** Systems whose attributes are known: FAT, Unix, NTFS, VFAT and macOS. */
const knownSystems: ReadonlySet<number> = new Set([0, 3, 10, 14, 19])

const U16 = 0xffff

/**
 * The entries in the order of the directory. Throws `package_invalid` unless the file is local entries from its first
 * byte, without gap or overlap, then the directory, then one end record that ends it.
 */
export function readZipDirectory(bytes: Uint8Array, limits: { maxEntries: number }): ZipEntry[] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = readEnd(file)
  if (end.entries === 0) throw refuseArchive('location', 'The archive is empty')
  if (end.entries > limits.maxEntries)
    throw refuseArchive('count', `The archive holds too many files: the limit is ${limits.maxEntries}`)
  if (file.readUInt32LE(0) !== LOCAL) throw notAZip('it does not begin with an entry')

  const entries: DirectoryEntry[] = []
  let position = end.start
  while (entries.length < end.entries) {
    if (position + 46 > end.stop || file.readUInt32LE(position) !== CENTRAL)
      throw notAZip('its directory has fewer entries than it says')
    const { entry, next } = readCentral(file, position, end.stop)
    entries.push(entry)
    position = next
  }
  if (position !== end.stop) throw notAZip('its directory has more entries than it says')
  return placeEntries(file, entries, end.start)
}

interface End {
  entries: number
  start: number
  stop: number
}

function readEnd(file: Buffer): End {
  const found: number[] = []
  for (let at = Math.max(0, file.length - END_BYTES - MAX_COMMENT); at + END_BYTES <= file.length; at += 1)
    if (file.readUInt32LE(at) === END && at + END_BYTES + file.readUInt16LE(at + 20) === file.length)
      found.push(at)
  const [at] = found
  if (at === undefined) throw notAZip('it has no end record')
  if (found.length > 1) throw notAZip('it has more than one end record')
  const end: End = {
    entries: file.readUInt16LE(at + 10),
    start: file.readUInt32LE(at + 16),
    stop: at,
  }
  const size = file.readUInt32LE(at + 12)
  if (file.readUInt16LE(at + 4) !== 0 || file.readUInt16LE(at + 6) !== 0)
    throw notAZip('it is one part of several')
  if (file.readUInt16LE(at + 8) !== end.entries) throw notAZip('its end record contradicts itself')
  if (at >= LOCATOR64_BYTES && file.readUInt32LE(at - LOCATOR64_BYTES) === LOCATOR64)
    return readEnd64(file, at - LOCATOR64_BYTES, { ...end, size })
  if (end.start + size !== at) throw notAZip('its directory does not lie right before its end')
  return end
}

/** The wide end record must say what the narrow one says, or stand for a field that the narrow one leaves out. */
function readEnd64(file: Buffer, locator: number, narrow: End & { size: number }): End {
  const at = locator - END64_BYTES
  if (
    at < 0 ||
    file.readUInt32LE(locator + 4) !== 0 ||
    file.readUInt32LE(locator + 16) !== 1 ||
    wide(file, locator + 8) !== at ||
    file.readUInt32LE(at) !== END64 ||
    wide(file, at + 4) !== END64_BYTES - 12 ||
    file.readUInt32LE(at + 16) !== 0 ||
    file.readUInt32LE(at + 20) !== 0
  )
    throw notAZip('its zip64 end record is wrong')
  const entries = wide(file, at + 32)
  const size = wide(file, at + 40)
  const start = wide(file, at + 48)
  const agrees = (field: number, marker: number, value: number) => field === marker || field === value
  if (
    wide(file, at + 24) !== entries ||
    !agrees(narrow.entries, U16, entries) ||
    !agrees(narrow.size, U32, size) ||
    !agrees(narrow.start, U32, start)
  )
    throw notAZip('its two end records contradict each other')
  if (start + size !== at) throw notAZip('its directory does not lie right before its end')
  return { entries, start, stop: at }
}

function readCentral(file: Buffer, at: number, stop: number): { entry: DirectoryEntry; next: number } {
  const nameStart = at + 46
  const nameStop = nameStart + file.readUInt16LE(at + 28)
  const extraStop = nameStop + file.readUInt16LE(at + 30)
  const next = extraStop + file.readUInt16LE(at + 32)
  if (next > stop) throw notAZip('its directory is cut off')
  const name = file.subarray(nameStart, nameStop)
  const flags = file.readUInt16LE(at + 8)
  const method = file.readUInt16LE(at + 10)
  if ((flags & ENCRYPTION_FLAGS) !== 0) throw refuseArchive('encryption', 'An entry is encrypted', name)
  if ((flags & ~KNOWN_FLAGS) !== 0 || (file.readUInt16LE(at + 6) & 0xff) > MAX_VERSION)
    throw notAZip('an entry needs an extension of the format', name)
  if (method !== 0 && method !== 8)
    throw refuseArchive('method', 'An entry is compressed by another method than deflate', name)
  if (file.readUInt16LE(at + 34) !== 0) throw notAZip('an entry lies in another part', name)

  const extras = readExtras(file.subarray(nameStop, extraStop), name)
  const widened = [file.readUInt32LE(at + 24), file.readUInt32LE(at + 20), file.readUInt32LE(at + 42)] as [
    number,
    number,
    number,
  ]
  widen(widened, extras, name)
  const [size, compressedSize, localStart] = widened
  const isFolder = name.at(-1) === 0x2f
  checkType(name, isFolder, file.readUInt16LE(at + 4) >> 8, file.readUInt32LE(at + 38))
  if (isFolder && size !== 0) throw refuseArchive('type', 'A folder has content', name)
  if (method === 0 && size !== compressedSize) throw notAZip('a stored entry has two sizes', name)
  return {
    entry: {
      name,
      flags,
      method,
      size,
      compressedSize,
      localStart,
      isFolder,
      crc32: file.readUInt32LE(at + 16),
    },
    next,
  }
}

/** Only plain files and folders, by every hint at a type that the attributes hold, and no bits that give rights. */
function checkType(name: Uint8Array, isFolder: boolean, system: number, attributes: number) {
  const mode = attributes >>> 16
  const type = mode & 0o170000
  if (!knownSystems.has(system)) throw refuseArchive('type', 'An entry is of an unknown system', name)
  if (type !== 0 && type !== (isFolder ? 0o040000 : 0o100000))
    throw refuseArchive('type', 'An entry is neither a plain file nor a folder', name)
  if ((mode & 0o7000) !== 0) throw refuseArchive('type', 'An entry asks for special rights', name)
  if ((attributes & 0x10) !== 0 && !isFolder) throw refuseArchive('type', 'A file says it is a folder', name)
}
