// Finds out, once, whether this machine can run Node inside bubblewrap: by doing it.
import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { bubblewrapArguments, INSIDE, parseLibraries, type Sandbox } from './bubblewrap.ts'

/** Longest wait for either command of the probe; both take some 20 ms. */
const PROBE_TIMEOUT_MS = 10_000

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
  const sandbox = { bwrap, libraries: parseLibraries(listing.stdout) }
  const mounts = { nodePath, files: {} }
  const trial = await run(bwrap, [...bubblewrapArguments(sandbox, mounts), INSIDE.node, '--version'], {})
  if (trial.ok && trial.stdout.startsWith('v')) return { sandbox }
  const said = trial.stderr.trim().split('\n')[0]?.slice(0, 200)
  return { sandbox: null, why: `bubblewrap cannot make a sandbox on this machine${said ? ` (${said})` : ''}` }
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

function run(
  command: string,
  args: string[],
  env: Record<string, string>,
): Promise<{ ok: boolean; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PROBE_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      if (stdout.length < MAX_TEXT) stdout += chunk
    })
    child.stderr.on('data', chunk => {
      if (stderr.length < MAX_TEXT) stderr += chunk
    })
    child.on('error', error => resolve({ ok: false, stdout, stderr: error.message }))
    child.on('close', code => resolve({ ok: code === 0, stdout, stderr }))
  })
}
