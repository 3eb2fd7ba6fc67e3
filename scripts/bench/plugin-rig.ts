// Plugins as the gateway runs them, without the gateway around them: tier, broker, chain, guest and storage are the real ones.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAudit } from '../../engine-node/broker/audit.ts'
import { createBroker } from '../../engine-node/broker/broker.ts'
import type { Verbs } from '../../engine-node/broker/verb.ts'
import { createStorageVerbs } from '../../engine-node/broker/verbs/storage.ts'
import { createClock } from '../../engine-node/clock.ts'
import { type Chain, createChain } from '../../engine-node/hooks/chain.ts'
import { createLog } from '../../engine-node/log.ts'
import type { GuestConnection } from '../../engine-node/plugins/guest-connection.ts'
import { createOpenGuest } from '../../engine-node/plugins/open-guest.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import { bundleGuest } from '../../engine-node/tiers/guest-bundle.ts'
import { createProcessTier } from '../../engine-node/tiers/process.ts'
import { powersOf } from '../../src/contract/grants.ts'
import { isHookName } from '../../src/contract/hooks.ts'

export interface PluginRig extends AsyncDisposable {
  chain: Chain
  /** Starts a plugin from the text of its main file, and resolves when it is enabled. */
  enable(pluginId: string, source: string): Promise<GuestConnection>
}

const PHASE_TIMEOUT_MS = 30_000
const powers = powersOf({}, {})

export async function createPluginRig(): Promise<PluginRig> {
  const stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const clock = createClock()
  const log = createLog('error')
  const database = stack.use(await openDatabase({ url: `file:${join(folder, 'bench.db')}` }))
  const queue = stack.use(createWriteQueue({ target: database.target, delay: async () => {} }))
  const tier = stack.use(
    await createProcessTier({
      nodePath: process.execPath,
      guestFile: await bundleGuest({ outDir: folder }),
      clock,
      log,
    }),
  )
  const chain = createChain({
    now: clock.now,
    log,
    mayRun: () => true,
    record: (pluginId, { error }) => {
      throw new Error(`${pluginId} failed: ${error}`)
    },
  })
  const broker = createBroker({
    // Plugins of a bench store, and do nothing else.
    verbs: createStorageVerbs({ db: database.db, writer: queue }) as Verbs,
    plugin: id => ({
      id,
      permissions: ['storage:use'],
      sessions: ['*'],
      sessionScoped: true,
      activeSessions: ['*'],
    }),
    isLive: () => false,
    clock,
    audit: createAudit(),
  })
  const openGuest = createOpenGuest({ tierFor: () => tier, broker, clock, log })

  return {
    chain,
    async enable(pluginId, source) {
      await queue.commit([
        {
          sql: `INSERT INTO plugins (id, name, version, manifest, status, tier, config_masked, session_config_masked,
            config_sealed, active_sessions, installed_at, updated_at)
            VALUES (?1, ?1, '1.0.0', '{}', 'enabled', 'process', '{}', '{}', x'', '["*"]', 0, 0)`,
          args: [pluginId],
        },
      ])
      const packageDir = mkdtempSync(join(folder, 'plugin-'))
      writeFileSync(join(packageDir, 'index.js'), source)
      const guest = stack.use(
        await openGuest({ pluginId, packageDir, asked: null, powers, onOutput: line => log.error(line) }),
      )
      guest.onSubscribe(({ event, priority }) => {
        if (!isHookName(event)) return
        chain.on(event, {
          pluginId,
          priority,
          handler: ({ timeoutMs, ...params }) =>
            guest.call('hook', { ...params, inFlight: [...params.inFlight] }, { timeoutMs }),
        })
      })
      const options = { timeoutMs: PHASE_TIMEOUT_MS }
      const config = { base: {}, sessions: {} }
      await guest.call('load', { pluginId, main: guest.resolveMain('index.js'), config }, options)
      for (const phase of ['onLoad', 'onEnable'] as const) await guest.call('lifecycle', { phase }, options)
      return guest
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** A plugin that looks at a message and lets it go on. */
export const LOOKING_PLUGIN = `module.exports = { onEnable(ctx) {
  ctx.registerHook('message:received', ({ data }) => ({ continue: data.id.length > 0 }))
} }`
