// What the tests of plugins share: a database and a folder of their own, a guest made of functions, and packages to install.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { GatewayError } from '../../src/contract/errors.ts'
import type { GuestCall, LogLevel } from '../../src/contract/frames.ts'
import type { Grants, Powers } from '../../src/contract/grants.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createAudit } from '../broker/audit.ts'
import { type Chain, createChain, type HookFailure } from '../hooks/chain.ts'
import type { Logger } from '../log.ts'
import { openDatabase } from '../store/database.ts'
import { createSealer } from '../store/sealer.ts'
import { createWriteQueue } from '../store/write-queue.ts'
import { buildZip, type FixtureEntry, goodEntries } from './archive.fixtures.ts'
import type { BundledPackage } from './bundled.ts'
import { createCatalogue } from './catalogue.ts'
import { createConfigSeal } from './configuration.ts'
import { createGrantCheck } from './grant-check.ts'
import type { GuestConnection, OpenGuest } from './guest-connection.ts'
import { createPackageFolders } from './package-folders.ts'
import { createPlugins } from './plugins.ts'
import { createTrail } from './trail.ts'

/** What a plugin of a test does when it is called; what it lacks answers null. `never` is a plugin that hangs. */
export type FakePlugin = Partial<Record<GuestCall | `lifecycle:${string}`, (params: unknown) => unknown>>
export const never = () => new Promise(() => {})

export interface FakeGuest extends GuestConnection {
  readonly pluginId: string
  readonly packageDir: string
  readonly asked: string | null
  readonly bundled: boolean
  readonly powers: Powers
  /** Every call so far: the method, and the phase of a lifecycle call. */
  readonly calls: string[]
  readonly isDisposed: boolean
  subscribe(event: string, priority?: number): void
  log(level: LogLevel, message: string, meta?: unknown): void
  print(line: string): void
  crash(message: string): void
}

/** Opens guests that run in this process and obey its clock. */
export function createFakeGuests(clock: ReturnType<typeof createFakeClock>) {
  const opened: FakeGuest[] = []
  const behaviour = new Map<string, FakePlugin>()
  let refusal: GatewayError | null = null

  const openGuest: OpenGuest = async options => {
    const { pluginId, packageDir, asked, bundled = false, powers, onOutput } = options
    if (refusal) throw refusal
    const { promise: closed, resolve: close } = Promise.withResolvers<GatewayError>()
    const listeners = { subscribe: (_: { event: string; priority: number }) => {}, log: (_: never) => {} }
    const calls: string[] = []
    let isDisposed = false
    const guest: FakeGuest = {
      pluginId,
      packageDir,
      asked,
      bundled,
      powers,
      calls,
      closed,
      get isDisposed() {
        return isDisposed
      },
      call(method, params, { timeoutMs }) {
        const name = method === 'lifecycle' ? `lifecycle:${(params as { phase: string }).phase}` : method
        calls.push(name)
        const answer = behaviour.get(pluginId)?.[name as GuestCall]
        return new Promise((resolve, reject) => {
          const cancel = clock.after(timeoutMs, () =>
            reject(new GatewayError('plugin_timeout', `${method} was not answered within ${timeoutMs} ms`)),
          )
          void closed.then(reason => {
            cancel()
            reject(reason)
          })
          Promise.resolve()
            .then(() => answer?.(params) ?? null)
            .then(resolve, (cause: Error) =>
              reject(new GatewayError('plugin_failed', cause.message, { cause })),
            )
            .finally(cancel)
        })
      },
      onSubscribe: listener => {
        listeners.subscribe = listener
      },
      onLog: listener => {
        listeners.log = listener as never
      },
      resolveMain: main => `/guest/${main}`,
      usage: async () => (isDisposed ? null : { memoryBytes: 1_000, cpuMs: 5 }),
      subscribe: (event, priority = 100) => listeners.subscribe({ event, priority }),
      log: (level, message, meta) => listeners.log({ level, message, meta } as never),
      print: onOutput,
      crash: message => close(new GatewayError('plugin_crashed', message)),
      async [Symbol.asyncDispose]() {
        isDisposed = true
        close(new GatewayError('plugin_stopped', 'The guest was ended'))
      },
    }
    opened.push(guest)
    return guest
  }

  return {
    openGuest,
    opened,
    last: () => opened.at(-1)!,
    behave: (pluginId: string, plugin: FakePlugin) => void behaviour.set(pluginId, plugin),
    refuse: (error: GatewayError | null) => {
      refusal = error
    },
  }
}

/** A package with a manifest of its own and, if wanted, other files. */
export const packageOf = (manifest: Record<string, unknown> = {}, ...more: FixtureEntry[]): Uint8Array =>
  buildZip([...goodEntries(manifest), ...more])

export const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

/** Lets everything run that waits for nothing but its turn. What waits for a disk needs `until`. */
export async function settle() {
  for (let turn = 0; turn < 30; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

/** Waits, turn by turn, until the check holds. */
export async function until(check: () => boolean | Promise<boolean>) {
  const end = performance.now() + 10_000
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`not within ten seconds: ${check}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** A gateway's plugins on a database and a folder of their own; `again` starts them anew, as a restart does. */
export async function openPlugins(root = mkdtempSync(join(tmpdir(), 'wharf-plugins-'))) {
  const pluginsDir = join(root, 'plugins')
  const database = await openDatabase({ url: `file:${join(root, 'wharf.db')}` })
  const writer = createWriteQueue({ target: database.target, delay: async () => {} })
  const seal = createConfigSeal({ sealer: createSealer(new Uint8Array(32).fill(7)) })
  const clock = createFakeClock()
  const lines: string[] = []
  const log: Logger = pino({ level: 'debug', base: null }, { write: (line: string) => void lines.push(line) })
  const guests = createFakeGuests(clock)
  const faults = { at: (_point: string): void | Promise<void> => {} }
  const downloads = new Map<string, Uint8Array>()
  const calls = createAudit()
  const env: Record<string, string> = { API_MASTER_KEY: 'the key of the gateway' }
  const policy = new Map<string, Grants>()
  const bundled = new Map<string, BundledPackage>()

  function start() {
    const folders = createPackageFolders({ pluginsDir, fault: point => faults.at(point) })
    const tierOf = () => ({ tier: 'process' as const, missingPromises: ['no namespaces here'] })
    const catalogue = createCatalogue({
      db: database.db,
      writer,
      folders,
      seal,
      now: clock.now,
      tierOf,
      bundled: async () => bundled,
    })
    const chain: Chain = createChain({
      now: clock.now,
      log,
      mayRun: (pluginId, _event, sessionId) => plugins.mayRun(pluginId, sessionId),
      record: (pluginId: string, failure: HookFailure) => plugins.recordHookFailure(pluginId, failure),
    })
    const download = async (url: string) => downloads.get(url)!
    const plugins = createPlugins({
      catalogue,
      seal,
      download,
      openGuest: guests.openGuest,
      chain,
      clock,
      log,
      tierOf,
      project: async (_pluginId, stored) => stored,
      onRunning: () => {},
      acceptRoutes: () => {},
      calls,
      trail: createTrail({ db: database.db, writer, now: clock.now, log }),
      grants: createGrantCheck({
        roots: [join(root, 'shared')],
        dataDir: pluginsDir,
        policy,
        env,
        reservedEnv: ['API_MASTER_KEY'],
      }),
    })
    return { plugins, chain, catalogue, folders, ...plugins.handlers }
  }

  return {
    root,
    pluginsDir,
    db: database.db,
    writer,
    seal,
    clock,
    lines,
    guests,
    faults,
    calls,
    env,
    policy,
    bundled,
    downloads,
    start,
    onDisk: () => readdirSync(pluginsDir).sort(),
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      rmSync(root, { recursive: true, force: true })
    },
  }
}
