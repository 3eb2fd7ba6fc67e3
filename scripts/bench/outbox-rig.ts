// The outbox as the gateway runs it, without the gateway around it: database, queue, guarded post and signatures are the real ones.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { count, ne } from 'drizzle-orm'
import * as v from 'valibot'
import { createClock } from '../../engine-node/clock.ts'
import { dialAddress, resolveHost } from '../../engine-node/net/dial.ts'
import { createGuardedFetch } from '../../engine-node/net/guarded-fetch.ts'
import { createCommitWatch } from '../../engine-node/outbox/commit-watch.ts'
import { createGuardedPost } from '../../engine-node/outbox/guarded-post.ts'
import { createOutbox, type Outbox } from '../../engine-node/outbox/outbox.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { CreateWebhook } from '../../src/contract/webhook.ts'
import { deliveries } from '../../src/db/schema.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { message } from './hook-round-trip.ts'

const SESSION = '11111111-1111-4111-8111-111111111111' as SessionId
const CHATS = 64

/** Events of one commit: what comes within one turn of a busy gateway. */
const PER_COMMIT = 16

export interface OutboxRig extends AsyncDisposable {
  /** Stores so many messages as events, and resolves when they are durable. */
  record(count: number): Promise<void>
  /** Resolves when nothing waits for delivery, and everything was delivered. */
  delivered(): Promise<void>
  /** Stops looking for events, as if the gateway were down; and starts again. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** The next time that a post begins, on this process's clock. */
  nextPost(): Promise<number>
}

/** With so many webhooks of the address. */
export async function createOutboxRig({
  url,
  endpoints,
}: {
  url: string
  endpoints: number
}): Promise<OutboxRig> {
  const stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const clock = createClock()
  const database = stack.use(await openDatabase({ url: `file:${join(folder, 'bench.db')}` }))
  const { db } = database
  const commits = createCommitWatch()
  const writer = stack.use(
    createWriteQueue({ target: commits.watch(database.target), delay: async () => {} }),
  )
  const fetch = createGuardedFetch({
    resolve: resolveHost,
    dial: dialAddress,
    allowedHosts: ['127.0.0.1'],
    clock,
  })
  const guardedPost = createGuardedPost(fetch)
  let posted = (_at: number) => {}
  const start = async ({ isListening }: { isListening: boolean }): Promise<Outbox> => {
    const outbox = createOutbox({
      db,
      writer,
      clock,
      sealer: createSealer(new Uint8Array(32)),
      post(request) {
        posted(performance.now())
        return guardedPost(request)
      },
      checkUrl() {},
      hooks: { run: async (_event, data) => ({ continue: true, data }), order: () => [] },
      onEvents: isListening ? commits.onEvents : () => () => {},
      newId: () => crypto.randomUUID(),
      random: Math.random,
      onError(error) {
        throw error
      },
    })
    await outbox.start()
    return outbox
  }
  await writer.commit([
    insertSession(db, { id: SESSION, name: 'bench', status: 'ready', createdAt: 0, updatedAt: 0 }),
  ])
  let outbox = await start({ isListening: true })
  stack.defer(() => outbox[Symbol.asyncDispose]())
  for (let index = 0; index < endpoints; index += 1)
    await outbox.handlers['webhook.create']({
      sessionId: SESSION,
      input: v.parse(CreateWebhook, { url: `${url}${index}`, secret: 'a secret of this bench' }),
    })
  const restart = async (options: { isListening: boolean }) => {
    await outbox[Symbol.asyncDispose]()
    outbox = await start(options)
  }
  let recorded = 0
  const event = () => {
    recorded += 1
    const from = `${recorded % CHATS}@c.us`
    const data = { ...message, id: `3EB0${recorded}`, from, chatId: from }
    return outbox.record('message.received', SESSION, data, { occurredAt: clock.now() })
  }

  return {
    async record(many) {
      const done: Promise<unknown>[] = []
      for (let left = many; left > 0; left -= PER_COMMIT) {
        const together = Array.from({ length: Math.min(left, PER_COMMIT) }, event).flat()
        done.push(writer.commit(together))
      }
      await Promise.all(done)
    },
    async delivered() {
      await outbox.dispatcher.idle()
      const [left] = await db
        .select({ left: count() })
        .from(deliveries)
        .where(ne(deliveries.status, 'delivered'))
      if (left?.left !== 0) throw new Error(`${left?.left} deliveries were not delivered`)
    },
    pause: () => restart({ isListening: false }),
    resume: () => restart({ isListening: true }),
    nextPost: () =>
      new Promise(resolve => {
        posted = resolve
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
