// The engine on its data folder: database, write queue, seal and tiers, opened in their order. For the gateway, and for benches of
// the engine alone.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type Clock, createClock } from './clock.ts'
import { createEngine, type EngineDeps } from './engine.ts'
import { createCommitWatch } from './outbox/commit-watch.ts'
import { openDatabase } from './store/database.ts'
import { assertMarkedDatabase, markDatabase } from './store/database-mark.ts'
import { openSealer } from './store/encryption-key.ts'
import { createWriteProbe } from './store/write-probe.ts'
import { createWriteQueue } from './store/write-queue.ts'
import { SYSTEM_PATH } from './tiers/probe-machine.ts'
import { openTiers } from './tiers/tiers.ts'

/** All of it is disposed of by `stack`, in the reverse order. Rejects as what it opens. */
export async function openEngine(
  stack: AsyncDisposableStack,
  given: Pick<EngineDeps, 'log' | 'settings' | 'dataDir' | 'env' | 'onQr' | 'fault'>,
) {
  const { log, settings, dataDir } = given
  const clock: Clock = createClock()
  const database = stack.use(
    await openDatabase({
      url: settings.DATABASE_URL ?? `file:${join(dataDir, 'wharf.db')}`,
      authToken: settings.DATABASE_AUTH_TOKEN ?? undefined,
      thread: true,
    }),
  )
  const { db } = database
  const commits = createCommitWatch()
  const queue = stack.use(
    createWriteQueue({
      target: commits.watch(database.target),
      delay: ms => new Promise<void>(done => clock.after(ms, done)),
    }),
  )
  const { canWrite } = stack.use(createWriteProbe({ queue, target: database.target, clock }))
  const markFile = join(dataDir, 'database.id')
  await assertMarkedDatabase({ db, markFile })
  const sealer = await openSealer({
    db,
    writer: queue,
    keyFile: join(dataDir, 'encryption.key'),
    given: settings.ENCRYPTION_KEY,
  })
  await markDatabase({ db, writer: queue, markFile, newId: randomUUID })
  const tiers = stack.use(
    await openTiers({
      settings,
      runDir: join(dataDir, 'run'),
      nodePath: process.execPath,
      searchPath: SYSTEM_PATH,
      clock,
      log,
    }),
  )
  const engine = stack.use(createEngine({ ...given, db, queue, sealer, clock, commits, tiers }))
  return { engine, db, queue, canWrite, clock, commits, tiers, halt: database.halt }
}
