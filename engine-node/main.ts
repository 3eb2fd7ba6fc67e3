// Where the gateway on Node is wired: settings in, everything connected, one thing to dispose of. Started as a program it also
// speaks to the terminal and obeys signals.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { createApp } from '../src/api/app.ts'
import { createClientIp } from '../src/api/client-ip.ts'
import { effectiveOrigins } from '../src/api/cors.ts'
import { ensureFirstKey } from '../src/api/first-key.ts'
import { GatewayError } from '../src/contract/errors.ts'
import { listPlugins } from '../src/db/plugins.ts'
import { allSessions } from '../src/db/sessions.ts'
import { createFault } from './fault.ts'
import { createKeyHash } from './key-hash.ts'
import { type LineOutput, openOutput } from './line-output.ts'
import { createLog, type Logger } from './log.ts'
import { openEngine } from './open-engine.ts'
import { createLocalEngine, peerAddress, serveApi, serveEngine } from './server.ts'
import { silenceSignalConsole } from './sessions/signal-console.ts'
import { readSettings, type Settings } from './settings.ts'
import { holdDataFolder } from './store/data-folder.ts'
import { qrText, startText } from './terminal.ts'
import { upgrade } from './web-socket.ts'

export interface Gateway extends AsyncDisposable {
  /** Where the API listens. */
  url: string
  /** Where the engine listens for an API elsewhere; null unless ENGINE_TOKEN is set. */
  engineUrl: string | null
  /** The admin key that this start has made, in clear; null where one was there. */
  firstKey: string | null
  /** For an end that cannot wait: commits nothing more, and resolves when the commit under way is over. */
  halt(): Promise<void>
}

/**
 * Starts everything and resolves when the API listens. `print` takes what the operator should read. Rejects with a
 * GatewayError that says what to do, and leaves nothing running. `env` is what plugins may be given names of.
 */
export async function startGateway(
  settings: Settings,
  {
    print,
    log = createLog(settings.LOG_LEVEL),
    env = {},
    faultFile,
  }: {
    print(text: string): void
    log?: Logger
    env?: Readonly<Record<string, string | undefined>>
    faultFile?: string | undefined
  },
): Promise<Gateway> {
  await using starting = new AsyncDisposableStack()
  starting.defer(silenceSignalConsole())
  const dataDir = resolve(settings.DATA_DIR)
  const folder = starting.use(holdDataFolder(dataDir))
  const { engine, db, queue, canWrite, clock, commits, tiers, halt } = await openEngine(starting, {
    log,
    settings,
    dataDir: folder.path,
    env,
    onQr: (row, text) =>
      void qrText(row.name, text).then(print, err => log.error({ err }, 'the QR code could not be drawn')),
    fault: faultFile === undefined ? undefined : createFault(faultFile),
  })

  const hashKey = createKeyHash(settings.API_KEY_PEPPER)
  const keyFile = join(folder.path, '.api-key')
  const firstKey = await ensureFirstKey({
    db,
    writer: queue,
    now: clock.now,
    randomBytes,
    hashKey,
    masterKey: settings.API_MASTER_KEY,
    keep: key => writeFileSync(keyFile, `${key}\n`, { mode: 0o600, flush: true }),
  })
  const app = starting.use(
    createApp({
      db,
      writer: queue,
      canWrite,
      engine: createLocalEngine(engine.handlers, engine.files),
      now: clock.now,
      after: clock.after,
      onEvents: commits.onEvents,
      upgrade,
      randomBytes,
      hashKey,
      clientIp: createClientIp({ peer: peerAddress, trustedProxies: settings.TRUST_PROXY }),
      memoryUsage,
      background: (_context, work) =>
        void work.catch(err => log.error({ err }, 'a write in the background failed')),
      log: ({ message, error, ...rest }) => log.error({ err: error, ...rest }, message),
      settings: apiSettings(settings),
    }),
  )
  await engine.restore()

  const { ENGINE_TOKEN: token, ENGINE_HOST, ENGINE_PORT } = settings
  const enginePort = token
    ? starting.use(
        await serveEngine({ handlers: engine.handlers, token, host: ENGINE_HOST, port: ENGINE_PORT, log }),
      )
    : null
  const server = starting.use(await serveApi({ app, host: settings.HOST, port: settings.PORT }))
  const url = urlOf(settings.HOST, server.port)
  print(
    startText({
      version: packageJson.version,
      url,
      dataDir,
      keyFile: settings.API_MASTER_KEY === null ? keyFile : null,
      keyIsNew: firstKey !== null,
      sessions: (await allSessions(db)).length,
      plugins: (await listPlugins(db)).filter(({ builtIn, status }) => !builtIn || status === 'enabled')
        .length,
      lacking: tiers.lacking,
    }),
  )

  const running = starting.move()
  return {
    url,
    engineUrl: enginePort && urlOf(ENGINE_HOST, enginePort.port),
    firstKey,
    halt,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** An address to reach it by: a server that listens on all of them is reached on this machine. */
function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

function memoryUsage() {
  const { heapUsed, heapTotal, rss } = process.memoryUsage()
  const megabytes = (bytes: number) => Math.round(bytes / 1024 / 1024)
  return { heapUsed: megabytes(heapUsed), heapTotal: megabytes(heapTotal), rss: megabytes(rss) }
}

const apiSettings = (settings: Settings) => ({
  version: packageJson.version,
  validationDetails: settings.NODE_ENV !== 'production' || settings.VALIDATION_ERROR_DETAIL,
  rateLimits: [
    { name: 'short', ttlMs: settings.RATE_LIMIT_SHORT_TTL, limit: settings.RATE_LIMIT_SHORT_LIMIT },
    { name: 'medium', ttlMs: settings.RATE_LIMIT_MEDIUM_TTL, limit: settings.RATE_LIMIT_MEDIUM_LIMIT },
    { name: 'long', ttlMs: settings.RATE_LIMIT_LONG_TTL, limit: settings.RATE_LIMIT_LONG_LIMIT },
  ],
  failedKeys: { limit: settings.RATE_LIMIT_FAILED_KEYS, ttlMs: 60_000 },
  bodyLimitBytes: settings.BODY_SIZE_LIMIT,
  inflightBodyBytes: settings.INFLIGHT_BODY_BUDGET_BYTES ?? 4 * settings.BODY_SIZE_LIMIT,
  ingressPerAddress: { limit: settings.INGRESS_IP_LIMIT, ttlMs: settings.INGRESS_INSTANCE_TTL },
  inlineMediaBytes: settings.MESSAGE_LIST_INLINE_MEDIA_BUDGET_BYTES,
  corsOrigins: effectiveOrigins(settings.CORS_ORIGINS, settings.NODE_ENV === 'production'),
  baseUrl: settings.BASE_URL,
})

/** How long the last lines may take to be read before the process ends without them. */
const LAST_LINES_MS = 1_000

/** How long a commit may still take when the process ends at once; one waits a tenth of a second for a lock. */
const LAST_COMMIT_MS = 500

/** A terminal tells the launcher and the gateway, and the launcher tells the gateway: that is one wish to end it, and not two. */
const ONE_REQUEST_MS = 500

/** The gateway as a program: starts, waits for a signal, ends in order. Gives the exit code. */
async function run({ out, err }: { out: LineOutput; err: LineOutput }): Promise<number> {
  const settings = readSettings(process.env)
  const ended = Promise.withResolvers<number>()
  let gateway: Gateway | null = null
  let endsSince: number | null = null
  function end(code: number) {
    endsSince ??= performance.now()
    ended.resolve(code)
  }
  // A second signal, or a grace time that is over, ends it as it is: everything that was promised is in the database.
  async function endNow(code: number) {
    // The commit under way has its end first, unless the disk hangs.
    await Promise.race([gateway?.halt(), new Promise(resolve => setTimeout(resolve, LAST_COMMIT_MS))])
    process.exit(code)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (endsSince !== null && performance.now() - endsSince >= ONE_REQUEST_MS) void endNow(1)
      end(0)
    })
  // What nobody expected leaves by one door: said, closed in order, ended. Going on would be in an unknown state.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, error => {
      createLog('fatal', err).fatal({ err: error }, 'an error that nobody expected ends the gateway')
      end(1)
    })
  gateway = await startGateway(settings, {
    print: text => out.write(text),
    log: createLog(settings.LOG_LEVEL, err),
    env: process.env,
    // For test/faults alone: no setting, so that none turns it on by mistake.
    faultFile: process.env.WHARF_FAULT_FILE,
  })
  const code = await ended.promise
  setTimeout(() => void endNow(code || 1), settings.SHUTDOWN_GRACE_MS).unref()
  await gateway[Symbol.asyncDispose]()
  return code
}

const because = ({ cause }: GatewayError) => (cause instanceof Error ? ` (${cause.message})` : '')

if (import.meta.main) {
  // Whatever mode the data folder has: the database, its log and the locks in it are for the owner alone.
  process.umask(0o077)
  const outputs = { out: openOutput(1), err: openOutput(2) }
  let code = 1
  try {
    code = await run(outputs)
  } catch (error) {
    // Thrown on, it would meet the handler of what nobody expected, and the process would end as if all had gone well.
    if (error instanceof GatewayError) outputs.err.write(`${error.message}${because(error)}\n`)
    else createLog('fatal', outputs.err).fatal({ err: error }, 'the gateway could not be started')
  }
  await Promise.all([outputs.out.drained(LAST_LINES_MS), outputs.err.drained(LAST_LINES_MS)])
  process.exit(code)
}
