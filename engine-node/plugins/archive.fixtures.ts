// Builds archives for tests, good ones and hostile ones: every field of the format can be set to a lie. All is made from a
// fixed seed, so that a case is the same bytes on each run.
import { crc32, deflateRawSync } from 'node:zlib'

export interface FixtureEntry {
  name: string | Uint8Array
  content?: string | Uint8Array
  method?: number
  flags?: number
  /** Unix mode with its type bits, as it stands in the upper half of the attributes. */
  mode?: number
  dosAttributes?: number
  system?: number
  /** Bytes in place of the compressed content. */
  data?: Uint8Array
  descriptor?: 'plain' | 'signed' | 'wide'
  /** What the directory, or the header before the data, says in place of the truth. */
  central?: Partial<
    Record<'crc' | 'size' | 'packed' | 'method' | 'flags' | 'offset' | 'disk' | 'version', number>
  > & {
    name?: string | Uint8Array
    extra?: Uint8Array
  }
  local?: Partial<Record<'crc' | 'size' | 'packed' | 'method' | 'flags', number>> & {
    name?: string | Uint8Array
    extra?: Uint8Array
  }
}

export interface FixtureOptions {
  before?: Uint8Array
  afterEntries?: Uint8Array
  afterDirectory?: Uint8Array
  after?: Uint8Array
  comment?: Uint8Array
  zip64End?: 'legal' | 'lying'
  end?: Partial<
    Record<'disk' | 'startDisk' | 'entriesHere' | 'entries' | 'size' | 'start' | 'comment', number>
  >
}

const bytesOf = (text: string | Uint8Array) =>
  typeof text === 'string' ? Buffer.from(text) : Buffer.from(text)

const packed = (...fields: [bytes: 2 | 4 | 8, value: number][]) =>
  Buffer.concat(
    fields.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes)
      if (bytes === 8) field.writeBigUInt64LE(BigInt(value))
      else field.writeUIntLE(value, 0, bytes)
      return field
    }),
  )

/** A zip of these entries, as true as the options leave it. */
export function buildZip(entries: readonly FixtureEntry[], options: FixtureOptions = {}): Uint8Array {
  const parts: Buffer[] = [bytesOf(options.before ?? '')]
  const directory: Buffer[] = []
  const length = () => parts.reduce((sum, part) => sum + part.length, 0)
  for (const entry of entries) {
    const content = bytesOf(entry.content ?? '')
    const method = entry.method ?? 0
    const data = entry.data ? Buffer.from(entry.data) : method === 8 ? deflateRawSync(content) : content
    const [crc, flags] = [crc32(content), (entry.flags ?? 0) | (entry.descriptor ? 8 : 0)]
    const offset = length()
    const later = entry.descriptor ? 0 : 1
    const { local = {}, central = {} } = entry
    const localName = bytesOf(local.name ?? entry.name)
    const localExtra = bytesOf(local.extra ?? '')
    parts.push(
      packed([4, 0x04034b50], [2, 20], [2, local.flags ?? flags], [2, local.method ?? method], [4, 0x21]),
      packed(
        [4, local.crc ?? crc * later],
        [4, local.packed ?? data.length * later],
        [4, local.size ?? content.length * later],
        [2, localName.length],
        [2, localExtra.length],
      ),
      localName,
      localExtra,
      data,
    )
    if (entry.descriptor) {
      const wide = entry.descriptor === 'wide' ? 8 : 4
      parts.push(
        entry.descriptor === 'plain' ? Buffer.alloc(0) : packed([4, 0x08074b50]),
        packed([4, crc], [wide, data.length], [wide, content.length]),
      )
    }
    const name = bytesOf(central.name ?? entry.name)
    const extra = bytesOf(central.extra ?? '')
    const isFolder = name.at(-1) === 0x2f
    const mode = entry.mode ?? (isFolder ? 0o040755 : 0o100644)
    directory.push(
      packed([4, 0x02014b50], [2, central.version ?? ((entry.system ?? 3) << 8) | 20], [2, 20]),
      packed([2, central.flags ?? flags], [2, central.method ?? method], [4, 0x21]),
      packed(
        [4, central.crc ?? crc],
        [4, central.packed ?? data.length],
        [4, central.size ?? content.length],
      ),
      packed([2, name.length], [2, extra.length], [2, 0], [2, central.disk ?? 0], [2, 0]),
      packed([2, entry.dosAttributes ?? (isFolder ? 0x10 : 0)], [2, mode], [4, central.offset ?? offset]),
      name,
      extra,
    )
  }
  parts.push(bytesOf(options.afterEntries ?? ''))
  const start = length()
  const size = directory.reduce((sum, part) => sum + part.length, 0)
  parts.push(...directory, bytesOf(options.afterDirectory ?? ''))
  const { end = {} } = options
  if (options.zip64End) {
    const at = length()
    const count = options.zip64End === 'lying' ? entries.length + 1 : entries.length
    parts.push(
      packed(
        [4, 0x06064b50],
        [8, 44],
        [2, 45],
        [2, 45],
        [4, 0],
        [4, 0],
        [8, count],
        [8, count],
        [8, size],
        [8, start],
      ),
      packed([4, 0x07064b50], [4, 0], [8, at], [4, 1]),
    )
  }
  const comment = bytesOf(options.comment ?? '')
  parts.push(
    packed([4, 0x06054b50], [2, end.disk ?? 0], [2, end.startDisk ?? 0]),
    packed([2, end.entriesHere ?? end.entries ?? entries.length], [2, end.entries ?? entries.length]),
    packed([4, end.size ?? size], [4, end.start ?? start], [2, end.comment ?? comment.length]),
    comment,
    bytesOf(options.after ?? ''),
  )
  return Buffer.concat(parts)
}

export const goodManifest = {
  id: 'good-plugin',
  name: 'Good plugin',
  version: '1.0.0',
  type: 'extension',
  main: 'index.js',
  permissions: ['storage:use'],
}

/** The two files of a plugin that is fine, with fields of its manifest replaced. */
export const goodEntries = (manifest: Record<string, unknown> = {}): FixtureEntry[] => [
  { name: 'manifest.json', content: JSON.stringify({ ...goodManifest, ...manifest }) },
  { name: 'index.js', content: 'module.exports = class {}' },
]

/** The same bytes on every run (mulberry32), and none that compress. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let at = 0; at < length; at += 1) {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    bytes[at] = (mixed ^ (mixed >>> 14)) & 255
  }
  return bytes
}
