// A plugin's package as an archive: proven harmless and whole in memory before anything of it is written. The order of the
// checks is the point; each one relies on those before it.
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import { Manifest } from '../../src/contract/manifest.ts'
import { parseStrictJson } from '../../src/contract/strict-json.ts'
import { notAZip, refuseArchive } from './archive-refusal.ts'
import { createPathSet, readEntryName } from './entry-name.ts'
import { readZipDirectory } from './zip-directory.ts'
import type { ZipEntry } from './zip-fields.ts'

/** What one package may cost the process that reads it. The largest official plugin is a tenth of this. */
export const archiveLimits = {
  /** Held in memory while it is checked. */
  archiveBytes: 5 * 1024 * 1024,
  /** Each file is a write and an fsync. */
  entries: 200,
  /** All files together, unpacked: what a bomb would fill memory and disk with. */
  unpackedBytes: 20 * 1024 * 1024,
  /** Above this a file must not be packed more than `ratio` times: text and code reach 10 to 20. */
  freeBytes: 1024 * 1024,
  ratio: 200,
  manifestBytes: 64 * 1024,
  manifestDepth: 16,
} as const

export interface PluginPackage {
  manifest: Manifest
  /** Path inside the package, with forward slashes, to content. */
  files: ReadonlyMap<string, Uint8Array>
  /** Of the archive's bytes, in hex: the identity of the package. */
  sha256: string
}

/** Native code runs in no tier. */
const NATIVE = /\.node$/i

const mainExtensions = /\.[cm]?js$/i

/** A file whose bytes are still packed. */
interface PackedFile {
  path: string
  entry: ZipEntry
}

/**
 * Reads and checks an archive. Rejects with `package_invalid` (details: the rule and the escaped entry) or
 * `manifest_invalid` (details: every issue). Never writes, and `bytes` are the very bytes that are hashed and unpacked.
 */
export async function readArchive(bytes: Uint8Array): Promise<PluginPackage> {
  if (bytes.length > archiveLimits.archiveBytes)
    throw refuseArchive('size', `The archive is larger than ${archiveLimits.archiveBytes} bytes`)
  const entries = readZipDirectory(bytes, { maxEntries: archiveLimits.entries })
  const packed = namedFiles(entries)
  const total = packed.reduce((sum, { entry }) => sum + entry.size, 0)
  if (total > archiveLimits.unpackedBytes) throw tooMuch()

  const root = findRoot(packed)
  const manifestFile = packed.find(({ path }) => path === `${root}manifest.json`)!
  if (manifestFile.entry.size > archiveLimits.manifestBytes)
    throw refuseArchive('manifest', `manifest.json is larger than ${archiveLimits.manifestBytes} bytes`)
  const manifest = readManifest(await unpack(bytes, manifestFile))

  const files = new Map<string, Uint8Array>()
  for (const file of packed) files.set(file.path.slice(root.length), await unpack(bytes, file))
  checkMain(manifest, files)
  return { manifest, files, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function namedFiles(entries: readonly ZipEntry[]): PackedFile[] {
  const paths = createPathSet()
  const files: PackedFile[] = []
  for (const entry of entries) {
    const path = readEntryName(entry.name)
    paths.add(path, entry.isFolder)
    if (entry.isFolder) continue
    if (NATIVE.test(path)) throw refuseArchive('type', 'Native code is not installable', path)
    if (entry.size > archiveLimits.freeBytes && entry.size > entry.compressedSize * archiveLimits.ratio)
      throw tooMuch(path)
    files.push({ path, entry })
  }
  paths.checkParents()
  return files
}

/** `''`, or the one folder around everything with its slash. */
function findRoot(files: readonly PackedFile[]): string {
  if (files.some(({ path }) => path === 'manifest.json')) return ''
  const root = `${files[0]?.path.split('/')[0]}/`
  if (
    files.some(({ path }) => path === `${root}manifest.json`) &&
    files.every(({ path }) => path.startsWith(root))
  )
    return root
  throw refuseArchive('location', 'The archive has no manifest.json at its top or in its only folder')
}

const inflate = promisify(inflateRaw) as unknown as (
  input: Uint8Array,
  options: { maxOutputLength: number; info: true },
) => Promise<{ buffer: Buffer; engine: { bytesWritten: number } }>

/** The content of one entry: exactly as long as declared, made of all its compressed bytes, with the right checksum. */
async function unpack(bytes: Uint8Array, { path, entry }: PackedFile): Promise<Uint8Array> {
  const input = bytes.subarray(entry.dataStart, entry.dataStart + entry.compressedSize)
  const content = entry.method === 0 ? Uint8Array.from(input) : await inflated(input, path, entry.size)
  if (crc32(content) !== entry.crc32)
    throw refuseArchive('content', 'An entry does not match its checksum', path)
  return content
}

async function inflated(input: Uint8Array, path: string, size: number): Promise<Uint8Array> {
  let result: Awaited<ReturnType<typeof inflate>>
  try {
    // One byte more than declared is enough to know that the size is a lie.
    result = await inflate(input, { maxOutputLength: size + 1, info: true })
  } catch (cause) {
    if (cause instanceof RangeError) throw tooMuch(path)
    throw notAZip('the data of an entry is damaged', path)
  }
  if (result.buffer.length > size) throw tooMuch(path)
  if (result.buffer.length < size || result.engine.bytesWritten !== input.length)
    throw notAZip('the data of an entry does not end where it says', path)
  return result.buffer
}

const tooMuch = (path?: string) =>
  refuseArchive('size', 'The contents exceed the size limit or the size that they declare', path)

/** The manifest from its bytes. Throws `package_invalid` where they are no JSON, `manifest_invalid` for what it says. */
export function readManifest(bytes: Uint8Array): Manifest {
  const value = parseStrictJson(bytes, {
    maxDepth: archiveLimits.manifestDepth,
    refuse: why => refuseArchive('manifest', `manifest.json is not valid JSON: it ${why}`),
  })
  return parseManifest(value)
}

/** Throws `manifest_invalid` for what only a plugin may say that came with the gateway, which no archive from outside did. */
export function assertNotBundled(manifest: Manifest) {
  if (manifest.sandboxed === false)
    throw new GatewayError('manifest_invalid', 'Only a bundled plugin may ask for sandboxed: false')
}

/** A manifest from parsed JSON. Throws `manifest_invalid` with every fault and where it is. */
export function parseManifest(value: unknown): Manifest {
  const parsed = v.safeParse(Manifest, value)
  if (parsed.success) return parsed.output
  const issues = parsed.issues.map(issue => ({ path: v.getDotPath(issue) ?? '', message: issue.message }))
  throw new GatewayError('manifest_invalid', issues.map(({ message }) => message).join('; '), {
    details: { issues },
  })
}

function checkMain(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>) {
  const main = normalizeMain(manifest.main)
  if (!files.has(main))
    throw refuseArchive('main', `The plugin is missing its main file: ${manifest.main.slice(0, 240)}`)
  if (!mainExtensions.test(main))
    throw refuseArchive('main', 'The main file must be JavaScript: .js, .cjs or .mjs', main)
}

/** `./a.js` and `dist/../a.js` as the path that the package lists; the manifest's rules keep it inside. */
export function normalizeMain(main: string): string {
  const segments: string[] = []
  for (const segment of main.split('/'))
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  return segments.join('/')
}
