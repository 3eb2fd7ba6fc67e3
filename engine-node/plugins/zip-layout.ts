// Where the entries of a zip file lie: each exactly behind the one before, each saying what the directory says of it.
import { notAZip, refuseArchive } from './archive-refusal.ts'
import {
  type DirectoryEntry,
  HAS_DESCRIPTOR,
  LOCAL,
  readExtras,
  U32,
  wide,
  widen,
  ZIP64_EXTRA,
  type ZipEntry,
} from './zip-fields.ts'

const DESCRIPTOR = 0x08074b50

/** Walks the entries as they lie in the file; each must start where the one before ended, the last at the directory. */
export function placeEntries(
  file: Buffer,
  entries: readonly DirectoryEntry[],
  directoryStart: number,
): ZipEntry[] {
  const placed = new Map<DirectoryEntry, number>()
  const inOrder = entries.toSorted((one, other) => one.localStart - other.localStart)
  let position = 0
  for (const [index, entry] of inOrder.entries()) {
    // It cannot start before: the entry in front of it was checked not to reach this far.
    if (entry.localStart > position) throw notAZip('bytes lie between its entries', entry.name)
    const dataStart = checkLocal(file, entry, directoryStart)
    const dataStop = dataStart + entry.compressedSize
    const next = inOrder[index + 1]?.localStart ?? directoryStart
    if (dataStop > next)
      throw next < directoryStart
        ? refuseArchive('overlap', 'Two entries share bytes of the archive', entry.name)
        : notAZip('an entry reaches into the directory', entry.name)
    position = dataStop
    if ((entry.flags & HAS_DESCRIPTOR) !== 0) {
      checkDescriptor(file.subarray(dataStop, next), entry)
      position = next
    }
    placed.set(entry, dataStart)
  }
  if (position !== directoryStart) throw notAZip('bytes lie between its entries and its directory')
  return entries.map(({ flags: _flags, localStart: _localStart, ...entry }, index) => ({
    ...entry,
    dataStart: placed.get(entries[index]!)!,
  }))
}

/** The header before the data must say what the directory says; sizes may come behind the data instead. */
function checkLocal(file: Buffer, entry: DirectoryEntry, directoryStart: number): number {
  const at = entry.localStart
  if (at + 30 > directoryStart || file.readUInt32LE(at) !== LOCAL)
    throw notAZip('an entry is not where the directory says', entry.name)
  const nameStop = at + 30 + file.readUInt16LE(at + 26)
  const dataStart = nameStop + file.readUInt16LE(at + 28)
  if (dataStart > directoryStart) throw notAZip('an entry reaches into the directory', entry.name)
  const sizes = [file.readUInt32LE(at + 22), file.readUInt32LE(at + 18)]
  const extras = readExtras(file.subarray(nameStop, dataStart), entry.name)
  // A streamed entry may announce zip64 before it knows its sizes.
  const announced = extras.get(ZIP64_EXTRA)
  if (announced && !sizes.includes(U32)) extras.delete(ZIP64_EXTRA)
  widen(sizes, extras, entry.name)
  const stated = [file.readUInt32LE(at + 14), ...sizes]
  const known = [entry.crc32, entry.size, entry.compressedSize]
  const later = (entry.flags & HAS_DESCRIPTOR) !== 0 && stated.every(value => value === 0)
  if (
    !file.subarray(at + 30, nameStop).equals(entry.name) ||
    file.readUInt16LE(at + 6) !== entry.flags ||
    file.readUInt16LE(at + 8) !== entry.method ||
    !(later || stated.every((value, index) => value === known[index]))
  )
    throw notAZip('an entry and the directory contradict each other', entry.name)
  return dataStart
}

/** Checksum and sizes behind the data: with or without a signature, with numbers of 4 or 8 bytes, and nothing else. */
function checkDescriptor(bytes: Buffer, entry: DirectoryEntry) {
  const signed = bytes.length === 16 || bytes.length === 24
  const wideSizes = bytes.length === 20 || bytes.length === 24
  const fits = signed || wideSizes || bytes.length === 12
  const start = signed ? 4 : 0
  if (
    !fits ||
    (signed && bytes.readUInt32LE(0) !== DESCRIPTOR) ||
    bytes.readUInt32LE(start) !== entry.crc32 ||
    (wideSizes ? wide(bytes, start + 4) : bytes.readUInt32LE(start + 4)) !== entry.compressedSize ||
    (wideSizes ? wide(bytes, start + 12) : bytes.readUInt32LE(start + 8)) !== entry.size
  )
    throw notAZip('the sizes behind an entry are wrong', entry.name)
}
