// Jobs on a database of their own, with a sender that keeps the pipeline's promises on keys, and time that stands still. A
// second rig on the same folder is the gateway after a restart.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { SendBulk } from '../../src/contract/bulk.ts'
import type { GatewayError } from '../../src/contract/errors.ts'
import type { HookSource } from '../../src/contract/hooks.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { chatOf, type JobId, type Send } from '../../src/contract/job.ts'
import { findBatch, viewBatch } from '../../src/db/batches.ts'
import type { Statement } from '../../src/db/db.ts'
import { findIdempotencyKey, insertIdempotencyKey } from '../../src/db/idempotency-keys.ts'
import { findScheduled, toScheduledSend } from '../../src/db/jobs.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { eventLogAlone } from '../../test/support/event-log.ts'
import { createFakeClock, type FakeClock } from '../../test/support/fake-clock.ts'
import type { FaultPoint } from '../fault.ts'
import { createRowIds } from '../pipeline/row-ids.ts'
import { openDatabase } from '../store/database.ts'
import { createWriteQueue } from '../store/write-queue.ts'
import type { SendJob } from './job-runner.ts'
import { createJobs } from './jobs.ts'

export const SESSION = '11111111-1111-4111-8111-111111111111' as SessionId
export const OTHER = '22222222-2222-4222-8222-222222222222' as SessionId
export const CHAT = '15550000001@c.us'

export interface Wire {
  at: number
  chatId: string
  text: string
  type: string
  source: HookSource
  sessionId: string
}

/** What WhatsApp has got; it outlives restarts. */
export interface World {
  folder: string
  clock: FakeClock
  wire: Wire[]
}

export function createWorld(): World & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'wharf-jobs-'))
  return {
    folder,
    clock: createFakeClock(),
    wire: [],
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export class Crash extends Error {}

/** `crashAt`: the point, and which pass of it, at which everything stops as in a crash. `ready`: the sessions that are. */
export async function openJobs(
  world: World,
  options: { crashAt?: [FaultPoint, number]; ready?: readonly string[] } = {},
) {
  const { folder, clock, wire } = world
  const database = await openDatabase({ url: `file:${join(folder, 'wharf.db')}` })
  const queue = createWriteQueue({ target: database.target, delay: async () => {} })
  const { db } = database
  const errors: unknown[] = []
  const warnings: unknown[] = []
  const ready = new Set<string>(options.ready ?? [SESSION, OTHER])
  const handedOver = new Set<string>()
  let [passed, isDead] = [0, false]
  /** What the next sends do in place of going out: fail, or wait. */
  const trouble: ((send: Send) => GatewayError | Promise<void> | undefined)[] = []
  /** Statements that the database refuses. */
  const refuse: { match: RegExp | null } = { match: null }

  const writer = {
    put: queue.put,
    async commit(statements: readonly Statement[]) {
      if (isDead) throw new Crash('dead')
      if (refuse.match && statements.some(({ sql }) => refuse.match?.test(sql))) throw new Error('disk full')
      return await queue.commit(statements)
    },
  }

  const send: SendJob = async (sessionId, job, { idempotency, source }) => {
    const { key, hash } = idempotency
    const before = await findIdempotencyKey(db, { sessionId, key, since: clock.now() - 24 * 60 * 60_000 })
    if (before) return { messageId: before.waMessageId, timestamp: before.timestamp }
    const what = trouble.shift()?.(job)
    if (what instanceof Error) throw what
    await what
    const waMessageId = `WA${wire.length + 1}`
    const row = { messageId: waMessageId, waMessageId, timestamp: 1, createdAt: clock.now() }
    await queue.commit(insertIdempotencyKey({ ...row, sessionId, key, hash }, 0))
    const { input } = job
    const text = 'text' in input ? input.text : ''
    wire.push({ at: clock.now(), chatId: chatOf(job), text, type: job.type, source, sessionId })
    return { messageId: waMessageId, timestamp: 1 }
  }

  const jobs = createJobs({
    db,
    queue: writer,
    clock,
    log: {
      error: (facts: { err: unknown }) => errors.push(facts.err),
      warn: (facts: unknown) => warnings.push(facts),
    } as never,
    random: () => 0.5,
    newId: createRowIds({ now: clock.now }),
    isReady: async id => !isDead && ready.has(id),
    send,
    record: eventLogAlone(clock.now).record,
    mayAnswer: (_session, chatId) => !handedOver.has(chatId),
    maxOpenBatches: 3,
    maxRulesPerSession: 2,
    fault(point) {
      if (options.crashAt?.[0] !== point) return
      passed += 1
      if (passed !== options.crashAt[1]) return
      isDead = true
      throw new Crash(point)
    },
  })
  if ((await db.query.sessions.findFirst()) === undefined)
    await queue.commit(
      [SESSION, OTHER].map(id =>
        insertSession(db, { id, name: id, status: 'ready', engineLoaded: true, createdAt: 0, updatedAt: 0 }),
      ),
    )
  await jobs.load()
  jobs.start()

  /** Waits until nothing happens any more at this hour. */
  async function quiet() {
    for (let turn = 0; turn < 3; turn += 1) {
      await jobs.idle()
      await queue.settled()
    }
  }

  return {
    jobs,
    db,
    queue,
    errors,
    warnings,
    ready,
    handedOver,
    trouble,
    refuse,
    quiet,
    get isDead() {
      return isDead
    },
    /** Lets time pass step by step, and what falls due be done. */
    async pass(ms: number, step = 1_000) {
      await quiet()
      for (let left = ms; left > 0; left -= step) {
        clock.advance(Math.min(step, left))
        await quiet()
      }
    },
    schedule: (text: string, inMs: number, more: object = {}) =>
      jobs.handlers['schedule.create']({
        sessionId: SESSION,
        send: { type: 'text', input: { chatId: CHAT, text } } as Send,
        sendAt: clock.now() + inMs,
        ...more,
      }),
    scheduled: async (jobId: string) => {
      const row = await findScheduled(db, SESSION, jobId)
      return row && toScheduledSend(row)
    },
    bulk: (texts: readonly string[], more: object = {}, sessionId = SESSION) =>
      jobs.handlers['bulk.create']({
        sessionId,
        input: v.parse(SendBulk, {
          messages: texts.map(text => ({ chatId: CHAT, type: 'text', content: { text } })),
          ...more,
        }),
      }),
    cancel: (jobId: string) =>
      jobs.handlers['schedule.cancel']({ sessionId: SESSION, jobId: jobId as JobId }),
    batch: async (batchId: string) => {
      const row = await findBatch(db, SESSION, batchId)
      if (row === null) throw new Error(`no batch ${batchId}`)
      return await viewBatch(db, row)
    },
    /** Ends it; the folder stays for the next one. */
    async [Symbol.asyncDispose]() {
      isDead = true
      const ending = Promise.resolve(jobs[Symbol.asyncDispose]())
      clock.advance(0)
      await ending
      await queue[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

export type JobsRig = Awaited<ReturnType<typeof openJobs>>
