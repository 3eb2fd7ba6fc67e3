// A gateway with something to lose: canaries in its environment, its database, its folder and on the network, and a second
// plugin that must go on serving. One gateway for all attacks of a tier.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildZip } from '../../engine-node/plugins/archive.fixtures.ts'
import type { Grants } from '../../src/contract/grants.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'
import { type GatewayProcess, startGateway } from '../support/gateway.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PLUGINS = fileURLToPath(new URL('./plugins/', import.meta.url))
const PRELUDE = readFileSync(join(PLUGINS, 'prelude.js'), 'utf8')

export const NEIGHBOUR = 'neighbour'

export interface Package {
  id: string
  /** File in plugins/, without its ending. */
  file: string
  permissions?: readonly string[]
  asks?: Grants
  sessions?: readonly string[]
}

export interface AttackRig extends AsyncDisposable {
  gateway: GatewayProcess
  pid: number
  /** The gateway's folder, with its temporary files in it. */
  dataDir: string
  /** What must be in no log. */
  secrets: readonly string[]
  /** Connections that came to where nobody may come. */
  hits(): number
  /** Status of GET /health, asked for on a connection of its own. */
  health(): Promise<number>
  install(pack: Package): Promise<void>
  /** Makes a session, so that plugins are told of it. */
  makeSession(): Promise<void>
  fileIsUntouched(): boolean
  /** The session in the database, and the value of the second plugin. */
  neighbourValue(): Promise<string>
  canaryRow(): Promise<unknown>
  /** Processes below the gateway. */
  descendants(): string[]
}

export async function openAttackRig(tier: Tier, pluginIds: readonly string[]): Promise<AttackRig> {
  await using opening = new AsyncDisposableStack()
  const dataDir = mkdtempSync(join(tmpdir(), `wharf-attacks-${tier}-`))
  opening.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  let hits = 0
  const web = createHttpServer((_request, response) => {
    hits += 1
    response.end('hit')
  })
  const unix = createServer(socket => {
    hits += 1
    socket.destroy()
  })
  const socket = join(dataDir, 'canary.sock')
  await new Promise<void>(resolve => web.listen(0, '127.0.0.1', resolve))
  await new Promise<void>(resolve => unix.listen(socket, resolve))
  for (const server of [web, unix]) opening.defer(() => void server.close())
  web.on('connection', connection => connection.unref())
  const { port } = web.address() as AddressInfo

  mkdirSync(join(dataDir, 'tmp'))
  const file = join(dataDir, 'canary.txt')
  writeFileSync(file, 'canary-file-5e1f')
  const { mtimeMs } = statSync(file)
  const secrets = ['canary-env-93ab', 'canary-file-5e1f', 'canary-value-c07d']
  const gateway = opening.use(
    await startGateway({
      dataDir,
      whatsappUrl: 'ws://127.0.0.1:9/ws/chat',
      env: {
        SECRET_KEY: 'canary-env-93ab',
        TMPDIR: join(dataDir, 'tmp'),
        LOG_LEVEL: 'debug',
        PLUGIN_TIER: tier,
        // Named by the operator, so that they run where the tier is no boundary too.
        PLUGIN_TRUSTED: [NEIGHBOUR, ...pluginIds].join(','),
        RATE_LIMIT_SHORT_LIMIT: '1000000',
        RATE_LIMIT_MEDIUM_LIMIT: '1000000',
        RATE_LIMIT_LONG_LIMIT: '1000000',
        MAX_SESSIONS: '1000',
      },
    }),
  )
  const { pid } = gateway
  const session = (await gateway.ask('POST', '/sessions', { name: 'canary' })).body.id as string
  const canary = { file, dataDir, port, socket, pid, session, root: ROOT, api: gateway.url }

  async function install({ id, file: name, permissions = [], asks = {}, sessions }: Package) {
    const source = readFileSync(join(PLUGINS, `${name}.js`), 'utf8')
    const given = { ...canary, value: id === NEIGHBOUR ? 'canary-value-c07d' : '' }
    const code = `const canary = ${JSON.stringify(given)}\n${PRELUDE}\n${source}`
    const about = { id, name: id, version: '1.0.0', type: 'extension', main: 'index.js' }
    const manifest = { ...about, permissions, ...asks, ...(sessions && { sessions }) }
    const archive = buildZip([
      { name: 'manifest.json', content: JSON.stringify(manifest) },
      { name: 'index.js', content: code },
    ])
    const form = new FormData()
    form.append('file', new Blob([Uint8Array.from(archive)]), 'plugin.zip')
    const { status, body } = await gateway.ask('POST', '/plugins/install', form)
    if (status !== 201) throw new Error(`${name} could not be installed: ${JSON.stringify(body)}`)
  }

  let made = 0
  await install({ id: NEIGHBOUR, file: NEIGHBOUR, permissions: ['storage:use'] })
  const enabled = await gateway.ask('POST', `/plugins/${NEIGHBOUR}/enable`)
  if (enabled.body.success !== true)
    throw new Error(`the second plugin does not run: ${enabled.body.message}`)
  const running = opening.move()

  return {
    gateway,
    pid,
    dataDir,
    secrets,
    hits: () => hits,
    health: () =>
      new Promise((resolve, reject) => {
        const request = get(`${gateway.url}/api/health`, { agent: false }, response => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        request.once('error', reject)
      }),
    install,
    async makeSession() {
      made += 1
      await gateway.ask('POST', '/sessions', { name: `session-${made}` })
    },
    fileIsUntouched: () =>
      readFileSync(file, 'utf8') === 'canary-file-5e1f' && statSync(file).mtimeMs === mtimeMs,
    neighbourValue: async () => (await gateway.ask('GET', `/plugins/${NEIGHBOUR}/health`)).body.message,
    canaryRow: async () => (await gateway.ask('GET', `/sessions/${session}`)).body,
    descendants: () => descendantsOf(pid),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Processes below one, whatever they call themselves. */
export function descendantsOf(pid: number): string[] {
  const parents = new Map<string, string>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      // What has ended and only waits to be counted holds nothing.
      if (state !== 'Z') parents.set(name, parent ?? '')
    } catch {
      // It ended while we looked.
    }
  }
  const isBelow = (id: string | undefined): boolean =>
    id !== undefined && (id === String(pid) || isBelow(parents.get(id)))
  return [...parents.keys()].filter(id => id !== String(pid) && isBelow(parents.get(id)))
}
