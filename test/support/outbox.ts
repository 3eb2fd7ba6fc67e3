// An outbox on a database of its own, with a receiver that answers as told and time that stands still.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { createCommitWatch } from '../../engine-node/outbox/commit-watch.ts'
import { createOutbox, type OutboxDeps } from '../../engine-node/outbox/outbox.ts'
import type { PostRequest } from '../../engine-node/outbox/send.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import type { EventData } from '../../src/contract/events.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { CreateWebhook, type WebhookId } from '../../src/contract/webhook.ts'
import type { Writer } from '../../src/db/db.ts'
import { listDeliveries } from '../../src/db/deliveries.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'

export const SESSION = '11111111-1111-4111-8111-111111111111' as SessionId

export interface Received extends PostRequest {
  at: number
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails where it is not there.
  json: any
}

export type Behaviour = (
  request: Received,
) =>
  | Promise<{ status: number; headers?: Record<string, string>; body?: Uint8Array }>
  | { status: number; headers?: Record<string, string>; body?: Uint8Array }

/** A message from a chat, as small as it may be. */
export const message = (chatId: string, id: string, body = ''): EventData<'message.received'> => ({
  id,
  from: chatId,
  to: '15550000000@c.us',
  chatId,
  body,
  type: 'text',
  timestamp: 1_700_000_000,
  fromMe: false,
  isGroup: false,
  kind: 'individual',
})

/** `folder` of an earlier one: the same database, as after a restart. */
export async function openOutbox(
  options: {
    folder?: string
    clock?: FakeClock
    deps?: Partial<OutboxDeps>
    /** What stands between the outbox and its database. */
    wrap?: (writer: Writer) => Writer
  } = {},
) {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'wharf-outbox-'))
  const clock = options.clock ?? createFakeClock()
  const database = await openDatabase({ url: `file:${join(folder, 'wharf.db')}` })
  const commits = createCommitWatch()
  const writer = createWriteQueue({ target: commits.watch(database.target), delay: async () => {} })
  const { db } = database
  const received: Received[] = []
  const errors: unknown[] = []
  const behaviours = new Map<string, Behaviour>()
  const outbox = createOutbox({
    db,
    writer: options.wrap?.(writer) ?? writer,
    clock,
    sealer: createSealer(new Uint8Array(32)),
    checkUrl() {},
    hooks: { run: async (_event, data) => ({ continue: true, data }), order: () => [] },
    onEvents: commits.onEvents,
    newId: () => crypto.randomUUID(),
    random: () => 0,
    onError: error => errors.push(error),
    async post(request) {
      const text = new TextDecoder().decode(request.body)
      const seen = { ...request, at: clock.now(), text, json: JSON.parse(text) }
      received.push(seen)
      const answer = await (behaviours.get(request.url) ?? (() => ({ status: 200 })))(seen)
      return { headers: {}, body: new Uint8Array(), ...answer }
    },
    ...options.deps,
  })
  if (!options.folder)
    await writer.commit([
      insertSession(db, { id: SESSION, name: 'test', status: 'ready', createdAt: 0, updatedAt: 0 }),
    ])
  await outbox.start()

  return {
    ...outbox,
    outbox,
    db,
    writer,
    clock,
    commits,
    folder,
    received,
    errors,
    behaviours,
    async addWebhook(url: string, input: Partial<v.InferInput<typeof CreateWebhook>> = {}) {
      const webhook = await outbox.handlers['webhook.create']({
        sessionId: SESSION,
        input: v.parse(CreateWebhook, { url, ...input }),
      })
      return { ...webhook, id: webhook.id as WebhookId }
    },
    /** Records messages and waits until they are durable. */
    async receive(...messages: EventData<'message.received'>[]) {
      await writer.commit(
        messages.flatMap(data =>
          outbox.record('message.received', SESSION, data, { occurredAt: clock.now() }),
        ),
      )
    },
    /** Lets time pass step by step and what falls due be done, until that much has passed. */
    async pass(ms: number, step = ms) {
      for (let left = ms; left > 0; left -= step) {
        clock.advance(Math.min(step, left))
        await outbox.dispatcher.idle()
      }
    },
    deliveries: () => listDeliveries(db, { scope: null }, { limit: 100_000, offset: 0, oldestFirst: true }),
    /** Ends it; the folder stays for the next one. */
    async stop() {
      let isOver = false
      const stopping = Promise.resolve(outbox[Symbol.asyncDispose]()).finally(() => {
        isOver = true
      })
      while (!isOver) {
        clock.advance(20_000)
        await new Promise(setImmediate)
      }
      await stopping
      await writer[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Waits for something that comes about without time passing. */
export async function until(isTrue: () => boolean, turns = 5_000): Promise<void> {
  for (let turn = 0; !isTrue(); turn += 1) {
    if (turn > turns) throw new Error('what was waited for did not come about')
    await new Promise(setImmediate)
  }
}
