// Where bubblewrap is missing and the gateway is root: guests under user ids of their own, so that the operating system keeps
// them from the gateway's files and processes, and from each other.
import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../src/contract/errors.ts'

/** First of the ids where the operator names none: above what systems give out to people and services by themselves. */
export const DEFAULT_FIRST_UID = 2_044_000_000

/** Guests at a time. Each has an id of its own, or one could end the other. */
const UIDS = 1_000

/** Entries of one package that are copied; installs have far fewer. */
const MAX_ENTRIES = 10_000

export interface GuestIdentity {
  uid: number
  /** Folder that the guest may read and nobody may write. */
  folder: string
}

export interface GuestIdentities extends AsyncDisposable {
  take(): Promise<GuestIdentity>
  /** Takes the folder away and gives the id free; only when no process has it any more. */
  giveBack(identity: GuestIdentity): Promise<void>
}

export function createGuestIdentities(firstUid: number): GuestIdentities {
  const taken = new Set<number>()
  let root: Promise<string> | null = null

  async function makeRoot(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'wharf-guests-'))
    // Others may pass through, and not look around.
    await chmod(folder, 0o711)
    return folder
  }

  return {
    async take() {
      let uid = firstUid
      while (taken.has(uid)) uid += 1
      if (uid >= firstUid + UIDS) throw new GatewayError('plugin_crashed', 'Too many plugins run already')
      taken.add(uid)
      root ??= makeRoot()
      const folder = await mkdtemp(join(await root, 'guest-'))
      await chmod(folder, 0o755)
      return { uid, folder }
    },
    async giveBack({ uid, folder }) {
      await rm(folder, { recursive: true, force: true })
      taken.delete(uid)
    },
    async [Symbol.asyncDispose]() {
      if (root !== null) await rm(await root, { recursive: true, force: true })
    },
  }
}

/**
 * Copies a file or a folder so that everybody may read it: the original lies where only the gateway comes. Links and whatever
 * else is neither file nor folder are left out.
 */
export async function copyForOthers(
  from: string,
  to: string,
  budget = { entries: MAX_ENTRIES },
): Promise<void> {
  budget.entries -= 1
  if (budget.entries < 0) throw new GatewayError('plugin_crashed', 'The package has too many files')
  const stat = await lstat(from)
  if (stat.isFile()) {
    await copyFile(from, to)
    await chmod(to, 0o444)
  } else if (stat.isDirectory()) {
    await mkdir(to)
    await chmod(to, 0o755)
    for (const name of await readdir(from)) await copyForOthers(join(from, name), join(to, name), budget)
  }
}
