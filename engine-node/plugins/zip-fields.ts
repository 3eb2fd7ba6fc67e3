// Parts of a zip file's structures that several of them share: wide numbers and the fields behind a name.
import { notAZip } from './archive-refusal.ts'

/** The marker for a number that does not fit into 32 bits. */
export const U32 = 0xffffffff

/** First four bytes of an entry. */
export const LOCAL = 0x04034b50

/** Flag of an entry whose sizes stand behind its data. */
export const HAS_DESCRIPTOR = 0b1000

export const ZIP64_EXTRA = 0x0001
/** AES, strong encryption, and a second name that some extractors use in place of the first. */
const refusedExtras: ReadonlySet<number> = new Set([0x0017, 0x7075, 0x9901])

export interface ZipEntry {
  name: Uint8Array
  method: 0 | 8
  crc32: number
  compressedSize: number
  size: number
  /** Where its compressed bytes start. */
  dataStart: number
  isFolder: boolean
}

export interface DirectoryEntry extends Omit<ZipEntry, 'dataStart'> {
  flags: number
  localStart: number
}

/** 64-bit numbers that no archive of ours can hold become one that fits nowhere. */
export function wide(file: Buffer, at: number): number {
  const value = file.readBigUInt64LE(at)
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)
}

/** The fields behind a name, by their number. Their lengths must add up. */
export function readExtras(extra: Buffer, name: Uint8Array): Map<number, Buffer> {
  const extras = new Map<number, Buffer>()
  let at = 0
  while (at < extra.length) {
    if (at + 4 > extra.length) throw notAZip('an extra field is cut off', name)
    const id = extra.readUInt16LE(at)
    const stop = at + 4 + extra.readUInt16LE(at + 2)
    if (stop > extra.length) throw notAZip('an extra field is cut off', name)
    if (refusedExtras.has(id)) throw notAZip('an entry has a second name or is encrypted', name)
    if (extras.has(id)) throw notAZip('an extra field is there twice', name)
    extras.set(id, extra.subarray(at + 4, stop))
    at = stop
  }
  return extras
}

/** Replaces each number that is the marker for "too large" by the next one of the zip64 field, which must fit exactly. */
export function widen(numbers: number[], extras: Map<number, Buffer>, name: Uint8Array) {
  const field = extras.get(ZIP64_EXTRA)
  let at = 0
  for (const [index, value] of numbers.entries()) {
    if (value !== U32) continue
    if (!field || at + 8 > field.length) throw notAZip('a zip64 size is missing', name)
    numbers[index] = wide(field, at)
    at += 8
  }
  if (field && at !== field.length) throw notAZip('a zip64 field holds more than it is asked for', name)
}
