// The outbox as the gateway runs it, without the gateway around it: database, queue, guarded post and signatures are the real ones.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import * as v from 'valibot'
import { createClock } from '../../engine-node/clock.ts'
import { dialAddress, resolveHost } from '../../engine-node/net/dial.ts'
import { createGuardedFetch } from '../../engine-node/net/guarded-fetch.ts'
import { createKeptConnections } from '../../engine-node/net/kept-connections.ts'
import { createCommitWatch } from '../../engine-node/outbox/commit-watch.ts'
import { createGuardedPost } from '../../engine-node/outbox/guarded-post.ts'
import { createOutbox, type Outbox } from '../../engine-node/outbox/outbox.ts'
import type { PostRequest } from '../../engine-node/outbox/send.ts'
import { createRowIds } from '../../engine-node/pipeline/row-ids.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { CreateWebhook } from '../../src/contract/webhook.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { message } from './hook-round-trip.ts'

const SESSION = '11111111-1111-4111-8111-111111111111' as SessionId
const CHATS = 64

/** Rows of one commit of a backlog. */
const FILL_CHUNK = 50_000

/** Where nobody listens: the port of `discard`, which the guard is told to allow here. */
const DEAD_URL = 'http://127.0.0.1:9/'

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
  /** The next post, when it begins on this process's clock. */
  nextPost(): Promise<{ at: number; request: PostRequest }>
  /** Queues so many deliveries of one webhook, written straight into the tables. */
  fill(webhook: number, count: number): Promise<void>
  /** How many deliveries one webhook has answered. */
  answeredBy(webhook: number): number
}

/** Chats of a backlog. */
const BACKLOG_CHATS = 1_000

/** Events that a backlog's deliveries share: what is measured is the queue and not the log. */
const BACKLOG_EVENTS = 10_000

/** With so many webhooks of the address. */
export async function createOutboxRig({
  url,
  endpoints,
  answers = () => true,
}: {
  url: string
  endpoints: number
  /** Whether the webhook is up; one that is down refuses connections. */
  answers?(webhook: number): boolean
}): Promise<OutboxRig> {
  const stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const clock = createClock()
  const database = stack.use(await openDatabase({ url: `file:${join(folder, 'bench.db')}`, thread: true }))
  const { db } = database
  const commits = createCommitWatch()
  const writer = stack.use(
    createWriteQueue({ target: commits.watch(database.target), delay: async () => {} }),
  )
  const fetch = createGuardedFetch({
    resolve: resolveHost,
    dial: dialAddress,
    allowedHosts: ['127.0.0.1', '127.0.0.1:9'],
    clock,
    kept: stack.use(createKeptConnections({ clock })),
  })
  const guardedPost = createGuardedPost(fetch)
  const answered: number[] = []
  let posted = (_post: { at: number; request: PostRequest }) => {}
  const start = async ({ isListening }: { isListening: boolean }): Promise<Outbox> => {
    const outbox = createOutbox({
      db,
      writer,
      clock,
      sealer: createSealer(new Uint8Array(32)),
      post(request) {
        posted({ at: performance.now(), request })
        const webhook = Number(request.url.slice(url.length))
        if (!answers(webhook)) return guardedPost({ ...request, url: DEAD_URL })
        return guardedPost(request).then(answer => {
          answered[webhook] = (answered[webhook] ?? 0) + 1
          return answer
        })
      },
      checkUrl() {},
      hooks: { run: async (_event, data) => ({ continue: true, data }), order: () => [] },
      onEvents: isListening ? commits.onEvents : () => () => {},
      newId: createRowIds({ now: clock.now }),
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
  const webhooks: string[] = []
  for (let index = 0; index < endpoints; index += 1) {
    const { id } = await outbox.handlers['webhook.create']({
      sessionId: SESSION,
      input: v.parse(CreateWebhook, { url: `${url}${index}`, secret: 'a secret of this bench' }),
    })
    webhooks.push(id)
  }
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
        // In one turn all would be one commit, and nothing could be delivered before the last was recorded.
        await nextTurn()
      }
      await Promise.all(done)
    },
    async delivered() {
      await outbox.dispatcher.idle()
      // By the indexes over what is open and what is dead: to count all would be part of what is measured.
      const [left] = await db.all<{ left: number }>(sql`SELECT
        (SELECT count(*) FROM deliveries WHERE status = 'due' OR status = 'waiting') +
        (SELECT count(*) FROM deliveries WHERE status = 'dead') AS "left"`)
      if (left?.left !== 0) throw new Error(`${left?.left} deliveries were not delivered`)
    },
    pause: () => restart({ isListening: false }),
    resume: () => restart({ isListening: true }),
    nextPost: () =>
      new Promise(resolve => {
        posted = resolve
      }),
    async fill(webhook, many) {
      await writer.commit([
        {
          sql: `WITH RECURSIVE k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < ?1 - 1)
            INSERT INTO events (id, event, session_id, chat_id, data, bytes, occurred_at, created_at)
            SELECT printf('evt_backlog_%08d', n), 'message.received', ?2, printf('%d@c.us', n % ?3), ?4, 1000, 0, 0
            FROM k WHERE true ON CONFLICT DO NOTHING`,
          args: [BACKLOG_EVENTS, SESSION, BACKLOG_CHATS, JSON.stringify(message)],
        },
      ])
      for (let from = 0; from < many; from += FILL_CHUNK)
        await writer.commit([
          {
            sql: `WITH RECURSIVE k(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM k WHERE n < ?2 - 1)
              INSERT INTO deliveries (id, webhook_id, session_id, event_id, event, lane, idempotency_key, url, status,
                next_at, created_at)
              SELECT printf('dlv_%s_%08d', ?3, n), ?3, ?4, printf('evt_backlog_%08d', n % ?5), 'message.received',
                printf('%d@c.us', n % ?6), printf('key_%d', n), '', iif(n < ?6, 'due', 'waiting'), 0, 0 FROM k`,
            args: [
              from,
              Math.min(from + FILL_CHUNK, many),
              webhooks[webhook] ?? '',
              SESSION,
              BACKLOG_EVENTS,
              BACKLOG_CHATS,
            ],
          },
        ])
    },
    answeredBy: webhook => answered[webhook] ?? 0,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
