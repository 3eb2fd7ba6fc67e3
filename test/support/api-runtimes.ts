// The API on each runtime that it is made for, with an engine behind HTTP that can be taken away.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createKeyHash } from '../../engine-node/key-hash.ts'
import { type Listening, peerAddress, serveApi, serveEngine } from '../../engine-node/server.ts'
import { upgrade } from '../../engine-node/web-socket.ts'
import { bundleWorker } from '../../scripts/bundle-worker.ts'
import { createApp } from '../../src/api/app.ts'
import { createClientIp } from '../../src/api/client-ip.ts'
import { ensureFirstKey } from '../../src/api/first-key.ts'
import { createHttpEngine } from '../../src/engine-client/http.ts'
import { startChild } from './api-child.ts'
import { openFile, openSqld, type TestDatabase } from './api-database.ts'
import { createFakeEngine } from './fake-engine.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const TOKEN = 'a-token-that-api-and-engine-share-0001'
const PEPPER = 'pepper of the tests'

/** Small, so that a test can go over it; the smallest that the routes of today need. */
export const BODY_LIMIT = 256 * 1024

/** The one origin that pages may come from. */
export const DASHBOARD = 'https://dashboard.test'

/** A suite asks more than a person does. */
const MANY = 1_000_000

export interface ApiUnderTest extends AsyncDisposable {
  baseUrl: string
  adminKey: string
  /** What stands between clients and this runtime adds these to every request. */
  frontHeaders?: Record<string, string>
  /** For rows that the API has no way to make. */
  database: Pick<TestDatabase, 'db' | 'writer'>
  control: { engineAway(): Promise<void>; engineBack(): Promise<void> }
}

/** Everything but the API: database, engine, and the first admin key. */
async function createRig(database: TestDatabase) {
  const stack = new AsyncDisposableStack()
  stack.use(database)
  const handlers = createFakeEngine({ ...database, now: Date.now })
  const log = { error: (...words: unknown[]) => console.error(...words) }
  const serve = (port: number) => serveEngine({ handlers, token: TOKEN, host: '127.0.0.1', port, log })
  let engine: Listening | undefined = await serve(0)
  const { port } = engine
  const engineAway = async () => {
    await engine?.[Symbol.asyncDispose]()
    engine = undefined
  }
  stack.defer(engineAway)
  const hashKey = createKeyHash(PEPPER)
  const random = (length: number) => new Uint8Array(randomBytes(length))
  const adminKey = await ensureFirstKey({
    ...database,
    now: Date.now,
    randomBytes: random,
    hashKey,
    keep() {},
    masterKey: null,
  })
  if (adminKey === null) throw new Error('an empty database has an admin key already')
  return {
    stack,
    adminKey,
    engineUrl: `http://127.0.0.1:${port}`,
    hashKey,
    random,
    control: {
      engineAway,
      async engineBack() {
        engine ??= await serve(port)
      },
    },
  }
}

/** What the API at the edge finds in its environment. */
const edgeEnv = (database: TestDatabase, engineUrl: string) => ({
  DATABASE_URL: database.url,
  ENGINE_URL: engineUrl,
  ENGINE_TOKEN: TOKEN,
  API_KEY_PEPPER: PEPPER,
  NODE_ENV: 'test',
  BODY_SIZE_LIMIT: String(BODY_LIMIT),
  CORS_ORIGINS: DASHBOARD,
  RATE_LIMIT_SHORT_LIMIT: String(MANY),
  RATE_LIMIT_MEDIUM_LIMIT: String(MANY),
  RATE_LIMIT_LONG_LIMIT: String(MANY),
  RATE_LIMIT_FAILED_KEYS: String(MANY),
  INGRESS_IP_LIMIT: String(MANY),
})

export async function startOnNode(): Promise<ApiUnderTest> {
  const database = await openFile()
  const { stack, adminKey, engineUrl, hashKey, random, control } = await createRig(database)
  const app = createApp({
    ...database,
    engine: createHttpEngine({
      url: engineUrl,
      token: TOKEN,
      fetch,
      deadline: ms => AbortSignal.timeout(ms),
    }),
    now: Date.now,
    randomBytes: random,
    hashKey,
    clientIp: createClientIp({ peer: peerAddress, trustedProxies: [] }),
    after: (ms, run) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    memoryUsage: () => process.memoryUsage(),
    upgrade,
    background: () => {},
    log: event => console.error(event),
    settings: {
      version: '0.0.0-test',
      validationDetails: true,
      rateLimits: ['short', 'medium', 'long'].map(name => ({ name, ttlMs: 1000, limit: MANY })),
      failedKeys: { limit: MANY, ttlMs: 1000 },
      bodyLimitBytes: BODY_LIMIT,
      inflightBodyBytes: 4 * BODY_LIMIT,
      ingressPerAddress: { limit: MANY, ttlMs: 1000 },
      inlineMediaBytes: 0,
      corsOrigins: [DASHBOARD],
      baseUrl: null,
    },
  })
  stack.use(app)
  const server = stack.use(await serveApi({ app, host: '127.0.0.1', port: 0 }))
  return {
    baseUrl: `http://127.0.0.1:${server.port}`,
    adminKey,
    database,
    control,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** The bundle that would be deployed, in the runtime that Workers run on. */
export async function startOnWorkerd(): Promise<ApiUnderTest> {
  const database = await openSqld()
  const { stack, adminKey, engineUrl, control } = await createRig(database)
  const folder = mkdtempSync(join(tmpdir(), 'wharf-workerd-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  await bundleWorker(`${folder}/worker.js`)
  writeFileSync(`${folder}/config.capnp`, workerdConfig(edgeEnv(database, engineUrl)))
  const workerd = stack.use(
    await startChild({
      command: binaryOf('workerd', '@cloudflare/workerd-linux-64', 'bin/workerd'),
      args: ['serve', `${folder}/config.capnp`, '--control-fd=3'],
      until: /"socket":"http","port":(\d+)/,
    }),
  )
  return {
    baseUrl: `http://127.0.0.1:${workerd.found}`,
    adminKey,
    // Workers learn a client's address from Cloudflare alone.
    frontHeaders: { 'cf-connecting-ip': '127.0.0.1' },
    database,
    control,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** The program that a package of npm brings for this machine; its script in `.bin` would stand between us and a signal. */
function binaryOf(owner: string, platform: string, file: string): string {
  const require = createRequire(createRequire(import.meta.url).resolve(`${owner}/package.json`))
  return join(dirname(require.resolve(`${platform}/package.json`)), file)
}

/** Loopback is a private address, which workerd reaches only when it is told to. */
function workerdConfig(env: Record<string, string>): string {
  const bindings = Object.entries(env).map(
    ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "api", worker = .api),
    (name = "internet", network = (allow = ["private", "local", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "api")],
);
const api :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "${compatibilityDate()}",
  bindings = [${bindings.join(', ')}],
);
`
}

/** The date that a deployment uses. */
function compatibilityDate(): string {
  const date = /^compatibility_date = "([\d-]+)"$/m.exec(
    readFileSync(join(root, 'wrangler.toml'), 'utf8'),
  )?.[1]
  if (date === undefined) throw new Error('wrangler.toml has no compatibility_date')
  return date
}

export async function startOnDeno(): Promise<ApiUnderTest> {
  const database = await openSqld()
  const { stack, adminKey, engineUrl, control } = await createRig(database)
  const deno = stack.use(
    await startChild({
      command: binaryOf('deno', '@deno/linux-x64-glibc', 'deno'),
      args: [
        'serve',
        '--cached-only',
        '--no-lock',
        '--node-modules-dir=manual',
        '--allow-net=127.0.0.1',
        '--allow-env',
        '--host=127.0.0.1',
        '--port=0',
        'src/edge/worker.ts',
      ],
      cwd: root,
      env: { ...edgeEnv(database, engineUrl), NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
      until: /Listening on http:\/\/127\.0\.0\.1:(\d+)/,
    }),
  )
  return {
    baseUrl: `http://127.0.0.1:${deno.found}`,
    adminKey,
    database,
    control,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
