// Starts a script of this project under the pinned Node, whatever Node the machine has: installs the locked
// dependencies when they are missing or older than the lock file. Plain JavaScript, since it must run on any recent Node.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.wharf-lock')
const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
const [script, ...args] = process.argv.slice(2)

if (!script) {
  console.error('launch.mjs: name the script to start, as in: node scripts/launch.mjs engine-node/main.ts')
  process.exit(2)
}

// The stamp is a copy of the lock file, so a pull that changes a dependency installs again and nothing else does.
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error(
    'Installing the locked dependencies (npm ci); this happens once per change of package-lock.json …',
  )
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0) {
    console.error('npm ci failed. Check the network and the disk space, then run the command again.')
    process.exit(npm.status ?? 1)
  }
  writeFileSync(stamp, lock)
}

// A platform without a Node package in the lock file has no `.bin/node`; then the machine's own must be new enough.
const bin = join(modules, '.bin')
const pinned = join(bin, process.platform === 'win32' ? 'node.cmd' : 'node')
const OLDEST_NODE = 26
if (!existsSync(pinned) && Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  console.error(
    `Wharf needs Node ${OLDEST_NODE}, and npm has none for ${process.platform} ${process.arch}. ` +
      `This is Node ${process.versions.node}: install Node ${OLDEST_NODE} (https://nodejs.org) and run the command again.`,
  )
  process.exit(1)
}
const node = existsSync(pinned) ? pinned : process.execPath
// V8's helpers, four unless told otherwise: more than there are cores beside the main thread only take its place.
const helpers = Math.max(1, Math.min(4, availableParallelism() - 1))
const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning', `--v8-pool-size=${helpers}`]
const child = spawn(node, [...flags, join(root, script), ...args], {
  cwd: process.cwd(),
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  shell: process.platform === 'win32',
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', error => {
  console.error(`Could not start Node from ${node}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  } else process.exit(code ?? 1)
})
