// Finds out, once, whether this machine can run Node inside bubblewrap: by doing it.
import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { bubblewrapArguments, INSIDE, parseLibraries, type Sandbox, sendFilter } from './bubblewrap.ts'
import { syscallFilter } from './syscall-filter.ts'

/** Longest wait for either command of the probe; both take some 20 ms. */
const PROBE_TIMEOUT_MS = 10_000

/** The first after the three that every process has. */
const FILTER_FD = 3

/** Most text kept of what a command says. */
const MAX_TEXT = 64 * 1024

/** `searchPath` is a PATH. The answer says why where there is no sandbox. */
export async function probeBubblewrap(
  nodePath: string,
  searchPath: string,
): Promise<{ sandbox: Sandbox } | { sandbox: null; why: string }> {
  if (process.platform !== 'linux') return { sandbox: null, why: 'bubblewrap runs on Linux only' }
  const bwrap = await findOnPath('bwrap', searchPath)
  if (bwrap === null) return { sandbox: null, why: 'bubblewrap is not installed' }
  const listing = await run(nodePath, ['--version'], { LD_TRACE_LOADED_OBJECTS: '1' })
  const libraries = parseLibraries(listing.stdout)
  const filtered: Sandbox = { bwrap, libraries, filter: syscallFilter(process.arch) }
  if (filtered.filter !== null && (await runsNode(filtered, nodePath)).ok) return { sandbox: filtered }
  // A kernel may be built without seccomp, or be one in name only.
  const sandbox: Sandbox = { bwrap, libraries, filter: null }
  const trial = await runsNode(sandbox, nodePath)
  if (trial.ok) return { sandbox }
  const said = trial.stderr.trim().split('\n')[0]?.slice(0, 200)
  return { sandbox: null, why: `bubblewrap cannot make a sandbox on this machine${said ? ` (${said})` : ''}` }
}

async function runsNode(sandbox: Sandbox, nodePath: string): Promise<Ran> {
  const args = bubblewrapArguments(sandbox, { nodePath, files: {} }, FILTER_FD)
  const ran = await run(sandbox.bwrap, [...args, INSIDE.node, '--version'], {}, sandbox)
  return { ...ran, ok: ran.ok && ran.stdout.startsWith('v') }
}

/** The first program of the name that may be run; null where there is none. */
export async function findOnPath(name: string, searchPath: string): Promise<string | null> {
  for (const folder of searchPath.split(delimiter)) {
    const path = join(folder, name)
    if (
      folder !== '' &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return path
  }
  return null
}

interface Ran {
  ok: boolean
  stdout: string
  stderr: string
}

function run(command: string, args: string[], env: Record<string, string>, sandbox?: Sandbox): Promise<Ran> {
  return new Promise(resolve => {
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', sandbox?.filter ? 'pipe' : 'ignore'],
      timeout: PROBE_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    if (sandbox) sendFilter(sandbox, child, FILTER_FD)
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', chunk => {
      if (stdout.length < MAX_TEXT) stdout += chunk
    })
    child.stderr?.on('data', chunk => {
      if (stderr.length < MAX_TEXT) stderr += chunk
    })
    child.on('error', error => resolve({ ok: false, stdout, stderr: error.message }))
    child.on('close', code => resolve({ ok: code === 0, stdout, stderr }))
  })
}
