// A process that does nothing but take in events and deliver them, to be killed. It prints the number of each event that is
// durable.
import { join } from 'node:path'
import * as v from 'valibot'
import { createClock } from '../../engine-node/clock.ts'
import { createCommitWatch } from '../../engine-node/outbox/commit-watch.ts'
import { defaultLimits } from '../../engine-node/outbox/dispatcher.ts'
import { createOutbox } from '../../engine-node/outbox/outbox.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { CreateWebhook } from '../../src/contract/webhook.ts'
import { logBounds } from '../../src/db/events.ts'
import { findSession, insertSession } from '../../src/db/sessions.ts'

const CHATS = 4
const SESSION = '11111111-1111-4111-8111-111111111111' as SessionId

const Plan = v.object({
  folder: v.string(),
  /** Registered at the first start. */
  urls: v.array(v.string()),
  /** Events are numbered from 0, over all starts; none come from here on. */
  to: v.number(),
  everyMs: v.number(),
  /** Where it ends itself. */
  fault: v.nullable(v.string()),
  /** How far delivery may run ahead of what is noted. */
  unnoted: v.nullable(v.number()),
  /** How long the database takes to note what came of tries, ms. */
  noteMs: v.number(),
  /** How many times as fast its time runs, so that retries come within a test. */
  speed: v.number(),
})

const plan = v.parse(Plan, JSON.parse(process.argv[2] ?? ''))
const real = createClock()
const start = real.now()
const clock = {
  now: () => start + (real.now() - start) * plan.speed,
  elapsed: () => real.elapsed() * plan.speed,
  after: (ms: number, run: () => void) => real.after(ms / plan.speed, run),
}
const database = await openDatabase({ url: `file:${join(plan.folder, 'wharf.db')}` })
const commits = createCommitWatch()
const writer = createWriteQueue({
  target: commits.watch(database.target),
  delay: ms => new Promise(resolve => setTimeout(resolve, ms)),
})
const outbox = createOutbox({
  db: database.db,
  writer: {
    async commit(statements) {
      if (plan.noteMs > 0 && statements.some(({ sql }) => sql.startsWith('UPDATE deliveries')))
        await new Promise(resolve => setTimeout(resolve, plan.noteMs))
      return await writer.commit(statements)
    },
  },
  clock,
  sealer: createSealer(new Uint8Array(32)),
  checkUrl() {},
  hooks: { run: async (_event, data) => ({ continue: true, data }), order: () => [] },
  onEvents: commits.onEvents,
  newId: () => crypto.randomUUID(),
  random: () => 0,
  ...(plan.unnoted === null ? {} : { limits: { ...defaultLimits, unnoted: plan.unnoted } }),
  onError: error => console.error(error),
  fault(name) {
    if (name === plan.fault) process.kill(process.pid, 'SIGKILL')
  },
  async post({ url, headers, body }) {
    const response = await fetch(url, { method: 'POST', headers, body })
    return { status: response.status, headers: {}, body: new Uint8Array(await response.arrayBuffer()) }
  },
})
await outbox.start()
if ((await findSession(database.db, SESSION)) === null) {
  await writer.commit([
    insertSession(database.db, { id: SESSION, name: 'test', status: 'ready', createdAt: 0, updatedAt: 0 }),
  ])
  for (const url of plan.urls)
    await outbox.handlers['webhook.create']({
      sessionId: SESSION,
      input: v.parse(CreateWebhook, { url, secret: 'a secret of OpenWA' }),
    })
}
// What was stored without a word of it is not made again.
const { newest } = await logBounds(database.db)
if (newest > 0) process.stdout.write(`${newest - 1}\n`)
for (let n = newest; n < plan.to; n += 1) {
  const chatId = `${n % CHATS}@c.us`
  const data = { id: String(n), from: chatId, to: 'me@c.us', chatId, body: '', type: 'text' as const }
  const rest = { timestamp: n, fromMe: false, isGroup: false, kind: 'individual' as const }
  await writer.commit(outbox.record('message.received', SESSION, { ...data, ...rest }, { occurredAt: n }))
  process.stdout.write(`${n}\n`)
  await new Promise(resolve => setTimeout(resolve, plan.everyMs))
}
