// A process that finds 10,000 deliveries queued to a healthy endpoint and as many to a dead one, works them off, and tells what
// it posted and what its memory did. The endpoints are functions: what is looked at is the outbox.
import { join } from 'node:path'
import * as v from 'valibot'
import { createClock } from '../../engine-node/clock.ts'
import { createCommitWatch } from '../../engine-node/outbox/commit-watch.ts'
import { createOutbox } from '../../engine-node/outbox/outbox.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { CreateWebhook } from '../../src/contract/webhook.ts'
import { findSession, insertSession } from '../../src/db/sessions.ts'

const SESSION = '11111111-1111-4111-8111-111111111111' as SessionId
const HEALTHY = 'https://healthy.example/'
const DEAD = 'https://dead.example/'
const CHATS = 100

const Plan = v.object({
  folder: v.string(),
  queued: v.number(),
  /** It kills itself after so many answers of the healthy endpoint. */
  killAfter: v.nullable(v.number()),
})
const plan = v.parse(Plan, JSON.parse(process.argv[2] ?? ''))
const database = await openDatabase({ url: `file:${join(plan.folder, 'wharf.db')}` })
const commits = createCommitWatch()
const writer = createWriteQueue({ target: commits.watch(database.target), delay: async () => {} })
const { db } = database
const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`)

let answered = 0
let [lowest, highest] = [Number.POSITIVE_INFINITY, 0]
/** What is in use, as of now; the first tenth is for what is compiled and opened once. */
function weigh() {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  lowest = Math.min(lowest, heapUsed + external)
  highest = Math.max(highest, heapUsed + external)
}

const outbox = createOutbox({
  db,
  writer,
  clock: createClock(),
  sealer: createSealer(new Uint8Array(32)),
  checkUrl() {},
  hooks: { run: async (_event, data) => ({ continue: true, data }), order: () => [] },
  // Starts when all is queued.
  onEvents: () => () => {},
  newId: () => crypto.randomUUID(),
  random: () => 0,
  onError(error) {
    throw error
  },
  async post({ url, body, headers }) {
    await new Promise(setImmediate)
    if (url === DEAD) throw new GatewayError('transport_failed', 'refused', { details: { stage: 'connect' } })
    const { data, deliveryId } = JSON.parse(new TextDecoder().decode(body))
    say({ n: Number(data.id), deliveryId, eventId: headers['webhook-id'] })
    answered += 1
    if (answered === plan.killAfter) process.kill(process.pid, 'SIGKILL')
    if (answered % 500 === 0 && answered >= plan.queued / 10) weigh()
    return { status: 200, headers: {}, body: new Uint8Array() }
  },
})
if ((await findSession(db, SESSION)) === null) {
  await writer.commit([
    insertSession(db, { id: SESSION, name: 'test', status: 'ready', createdAt: 0, updatedAt: 0 }),
  ])
  for (const url of [HEALTHY, DEAD])
    await outbox.handlers['webhook.create']({ sessionId: SESSION, input: v.parse(CreateWebhook, { url }) })
  for (let from = 0; from < plan.queued; from += 500) {
    const one = (n: number) => {
      const chatId = `${n % CHATS}@c.us`
      const data = {
        id: String(n),
        from: chatId,
        to: 'me@c.us',
        chatId,
        body: 'x'.repeat(500),
        type: 'text' as const,
      }
      const rest = { timestamp: n, fromMe: false, isGroup: false, kind: 'individual' as const }
      return outbox.record('message.received', SESSION, { ...data, ...rest }, { occurredAt: n })
    }
    await writer.commit(Array.from({ length: 500 }, (_, index) => one(from + index)).flat())
  }
}
await outbox.start()
const left = () =>
  db.all<{ rows: number }>(
    `SELECT count(*) AS rows FROM deliveries WHERE url = '${HEALTHY}' AND status IN ('due', 'waiting')`,
  )
while ((await left())[0]?.rows !== 0) await new Promise(resolve => setTimeout(resolve, 20))
const [dead] = await db.all<{ open: number; tries: number }>(
  `SELECT count(*) AS open, sum(attempts) AS tries FROM deliveries WHERE url = '${DEAD}' AND status IN ('due', 'waiting')`,
)
say({ grown: highest - lowest, dead })
process.exit(0)
