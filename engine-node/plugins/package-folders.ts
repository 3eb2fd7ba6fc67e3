// Packages on disk. Each lies in one folder, `<id>@<sha256 of its archive>`, with the archive itself beside its files: the hash
// in the database proves the archive, the archive proves every file. A folder appears by one rename or not at all.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { GatewayError } from '../../src/contract/errors.ts'
import { archiveLimits, type PluginPackage, readArchive } from './archive.ts'

/** What a folder under work is called; a start sweeps it. */
const STAGING = '.staging-'

/** Which package a row stands for. */
export interface PackageName {
  id: string
  sha256: string
}

export interface PackageFolders {
  /** Writes a checked package. Rejects with nothing left behind; the undo takes it away again. */
  place(pack: PluginPackage, archive: Uint8Array): Promise<() => Promise<void>>
  /** Absolute folder of the package's files, after proving every byte of it. Rejects with `package_invalid`. */
  verify(name: PackageName): Promise<{ packageDir: string; pack: PluginPackage }>
  remove(name: PackageName): Promise<void>
  /** Takes away all that is none of these packages: what a killed install or uninstall left. Tells what it took. */
  sweep(keep: readonly PackageName[]): Promise<string[]>
}

export function createPackageFolders(deps: {
  /** Absolute; made when it is not there. */
  pluginsDir: string
  /** Called at each step of writing. Tests fail or kill the process there. */
  fault?: (point: string) => void | Promise<void>
}): PackageFolders {
  const { pluginsDir, fault = () => {} } = deps
  const nameOf = ({ id, sha256 }: PackageName) => `${id}@${sha256}`
  const folderOf = (name: PackageName) => join(pluginsDir, nameOf(name))
  const newStaging = () => join(pluginsDir, `${STAGING}${randomBytes(8).toString('hex')}`)

  async function write(staging: string, pack: PluginPackage, archive: Uint8Array) {
    await mkdir(pluginsDir, { recursive: true, mode: 0o700 })
    await mkdir(staging, { mode: 0o700 })
    await fault('plugin.staging')
    const folders = new Set([join(staging, 'package'), staging])
    for (const path of pack.files.keys()) {
      const folder = join(staging, 'package', dirname(path))
      await mkdir(folder, { recursive: true, mode: 0o700 })
      for (let above = folder; above !== staging; above = dirname(above)) folders.add(above)
    }
    await writeDurable(join(staging, 'archive.zip'), archive)
    for (const [path, content] of pack.files) {
      await writeDurable(join(staging, 'package', path), content)
      await fault('plugin.file-written')
    }
    for (const folder of folders) await syncFolder(folder)
    await fault('plugin.staged')
  }

  return {
    async place(pack, archive) {
      const folder = folderOf({ id: pack.manifest.id, sha256: pack.sha256 })
      const staging = newStaging()
      try {
        await write(staging, pack, archive)
        // Only a damaged package of the same bytes can be there; its replacement must not depend on what it is.
        await setAside(folder, newStaging())
        await rename(staging, folder)
        await syncFolder(pluginsDir)
        await fault('plugin.placed')
      } catch (cause) {
        await rm(staging, { recursive: true, force: true })
        await rm(folder, { recursive: true, force: true })
        if (cause instanceof GatewayError) throw cause
        throw new GatewayError(
          'storage_unavailable',
          'The plugin could not be written. Check the disk space and the permissions of the plugins folder. Nothing of it was kept',
          { cause },
        )
      }
      return () => rm(folder, { recursive: true, force: true })
    },

    async verify(name) {
      const folder = folderOf(name)
      const pack = await readPackage(folder, name.sha256)
      const packageDir = join(folder, 'package')
      await compareFiles(packageDir, pack)
      return { packageDir, pack }
    },

    async remove(name) {
      await rm(folderOf(name), { recursive: true, force: true })
    },

    async sweep(keep) {
      await mkdir(pluginsDir, { recursive: true, mode: 0o700 })
      const kept = new Set(keep.map(nameOf))
      const swept = (await readdir(pluginsDir)).filter(name => isOurs(name) && !kept.has(name))
      for (const name of swept) await rm(join(pluginsDir, name), { recursive: true, force: true })
      return swept
    },
  }

  async function setAside(folder: string, aside: string) {
    if (!(await exists(folder))) return
    await rename(folder, aside)
    await rm(aside, { recursive: true, force: true })
  }
}

/** What an operator put there by hand is not swept away. */
const isOurs = (name: string) => name.startsWith(STAGING) || /@[0-9a-f]{64}$/.test(name)

const exists = (path: string) =>
  stat(path).then(
    () => true,
    (cause: unknown) => {
      if (isMissing(cause)) return false
      throw cause
    },
  )

/** `wx`: a file that is there already is somebody else's. */
async function writeDurable(path: string, content: Uint8Array) {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename or a new file is durable only with its folder. */
async function syncFolder(path: string) {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function readPackage(folder: string, sha256: string): Promise<PluginPackage> {
  try {
    const path = join(folder, 'archive.zip')
    if (!isOwn((await stat(folder)).uid)) throw damaged('its folder belongs to another user')
    if ((await stat(path)).size > archiveLimits.archiveBytes) throw damaged('its archive was changed')
    const pack = await readArchive(await readFile(path))
    if (pack.sha256 === sha256) return pack
  } catch (cause) {
    if (cause instanceof GatewayError && cause.details.rule === 'damaged') throw cause
    if (isMissing(cause)) throw damaged('its folder is missing', cause)
    throw damaged('its archive was changed', cause)
  }
  throw damaged('its archive was changed')
}

/** Exactly the files of the archive, byte by byte, and no other entry of any kind. */
async function compareFiles(packageDir: string, pack: PluginPackage) {
  const entries = await readdir(packageDir, { recursive: true, withFileTypes: true }).catch(
    (cause: unknown) => {
      throw damaged('its files are missing', cause)
    },
  )
  const found = new Set<string>()
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const path = relative(packageDir, join(entry.parentPath, entry.name)).split(sep).join('/')
    const content = pack.files.get(path)
    if (!entry.isFile() || !content) throw damaged('its folder holds a file that is not of the package')
    const { size, uid } = await stat(join(packageDir, path))
    if (!isOwn(uid)) throw damaged(`its file ${path} belongs to another user`)
    if (size !== content.length || !(await readFile(join(packageDir, path))).equals(content))
      throw damaged(`its file ${path} was changed`)
    found.add(path)
  }
  for (const path of pack.files.keys()) if (!found.has(path)) throw damaged(`its file ${path} is missing`)
}

/** What belongs to another user can change after the check. Windows has no owners to compare. */
const isOwn = (uid: number) => process.getuid === undefined || uid === process.getuid()

const isMissing = (cause: unknown) => cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'

const damaged = (why: string, cause?: unknown) =>
  new GatewayError('package_invalid', `The plugin is damaged: ${why}. Install it again`, {
    details: { rule: 'damaged' },
    cause,
  })
