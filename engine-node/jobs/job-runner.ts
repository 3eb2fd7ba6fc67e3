// Works off sends to come: one at a time in each session, each claimed before it is sent and settled after. All of its state is
// in the database, and a job that is taken up again has the same key, so a crash between the two sends nothing twice.
import * as v from 'valibot'
import type { Idempotency } from '../../src/contract/engine.ts'
import type { HookSource } from '../../src/contract/hooks.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { Send } from '../../src/contract/job.ts'
import type { SendResult } from '../../src/contract/message.ts'
import { callNext, finishBatch, startBatch, stopBatch } from '../../src/db/batches.ts'
import type { Db, Statement, Writer } from '../../src/db/db.ts'
import { findIdempotencyKey } from '../../src/db/idempotency-keys.ts'
import {
  claimJob,
  dueSessions,
  type JobEnd,
  nextJob,
  postponeJob,
  type QueuedJob,
  returnJob,
  settleJob,
} from '../../src/db/jobs.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { EventLog } from '../outbox/event-log.ts'
import { createRounds } from '../rounds.ts'
import { afterFailure, judge, origins, WAIT_MS } from './verdict.ts'

/** Sends a job as any other message (send-job.ts). A key that has led to a message gives that one, and sends nothing. */
export type SendJob = (
  sessionId: SessionId,
  send: Send,
  options: { idempotency: Idempotency; source: HookSource },
) => Promise<SendResult>

export interface JobRunner extends AsyncDisposable {
  /** Looks for work now. Called when there may be some: a new job, or the start. */
  wake(): void
  /** Resolves when nothing is under way and nothing is due that could go. */
  idle(): Promise<void>
}

/** Sessions that send at once. */
const MAX_UNDER_WAY = 32

/** The part of a delay by which it may come sooner or later, so that messages do not go like clockwork. */
const JITTER = 0.25

export function createJobRunner(deps: {
  db: Db
  writer: Writer
  clock: Clock
  /** In [0, 1). */
  random(): number
  /** Whether the session belongs to this engine and is connected. */
  isReady(sessionId: string): Promise<boolean>
  send: SendJob
  record: EventLog['record']
  onError(error: unknown): void
  fault?: Fault | undefined
  /** How long disposing waits for sends under way. */
  drainMs?: number
}): JobRunner {
  const { db, writer, clock, fault } = deps
  const busy = new Set<string>()
  const rounds = createRounds({ ...deps, look })

  async function look(): Promise<number> {
    let soonest = Number.POSITIVE_INFINITY
    for (const { sessionId, dueAt } of await dueSessions(db)) {
      // Whoever is under way looks again at its end; the list is in order, so all that follow are later.
      if (busy.has(sessionId) || busy.size >= MAX_UNDER_WAY) continue
      if (dueAt > clock.now()) return Math.min(soonest, dueAt)
      if (!(await serve(sessionId))) soonest = Math.min(soonest, clock.now() + WAIT_MS)
    }
    return soonest
  }

  /** Starts the next job of a session. False where it has to wait for the session. */
  async function serve(sessionId: string): Promise<boolean> {
    const job = await nextJob(db, sessionId, clock.now())
    if (job === null) return true
    // Ours are under way and were passed over; this one was left by a crash, or by a try that could not be settled.
    const accepted = job.state === 'sending' ? await acceptedBefore(job) : null
    const verdict = judge(job, accepted, clock.now())
    if (verdict === 'send' && !(await deps.isReady(sessionId))) return false
    if (!rounds.mayBegin) return true
    busy.add(sessionId)
    rounds.start(verdict === 'send' ? attempt(job) : settle(job, verdict), () => {
      busy.delete(sessionId)
      rounds.wake()
    })
    return true
  }

  // No client can give a key with a space.
  const keyOf = (job: QueuedJob) => `job ${job.id}`
  const acceptedBefore = (job: QueuedJob) =>
    findIdempotencyKey(db, { sessionId: job.sessionId, key: keyOf(job), since: 0 })

  async function attempt(job: QueuedJob) {
    const begin: Statement[] = [claimJob(job.id, clock.now())]
    if (job.batchOf) begin.push(startBatch(job.batchOf.id, clock.now()))
    const [claimed] = await writer.commit(begin)
    if (claimed !== 1) return
    fault?.('jobs.after-claim')
    const end = await trySend(job)
    fault?.('jobs.after-send')
    if (!('wait' in end)) return await settle(job, end)
    const dueAt = clock.now() + end.wait
    await writer.commit([end.isKnown ? returnJob(job.id, dueAt) : postponeJob(job.id, dueAt)])
  }

  async function trySend(job: QueuedJob): Promise<ReturnType<typeof afterFailure>> {
    try {
      const send = v.parse(Send, { type: job.type, input: JSON.parse(job.input ?? '') })
      const { messageId } = await deps.send(job.sessionId as SessionId, send, {
        idempotency: { key: keyOf(job), hash: job.id },
        source: origins[job.origin].source,
      })
      return { state: 'sent', waMessageId: messageId }
    } catch (thrown) {
      return afterFailure(thrown, job.attempts + 1)
    }
  }

  async function settle(job: QueuedJob, end: JobEnd) {
    const now = clock.now()
    await writer.commit([
      settleJob(job.id, end, now),
      ...(end.state === 'failed' ? failed(job, end.code, now) : []),
      ...(job.batchOf ? follow(job.batchOf, end, now) : []),
    ])
  }

  /**
   * Nobody waits for the answer to a send to come, so its failure is an event. It may never have become a message: the id is
   * the job's. A message that it did become is told of under its own id besides.
   */
  function failed({ id, sessionId, chatId, batchOf }: QueuedJob, error: string, now: number): Statement[] {
    const ids = { id, messageId: id, jobId: id, ...(batchOf && { batchId: batchOf.batchId }) }
    const data = { ...ids, status: 'failed' as const, ack: -1, chatId, error }
    return deps.record('message.failed', sessionId, data, { occurredAt: now, onlyIf: 'changed' })
  }

  /** What the end of one message means for the rest of its batch. */
  function follow(
    { id, stopOnError, delayMs, randomize }: NonNullable<QueuedJob['batchOf']>,
    end: JobEnd,
    now: number,
  ): Statement[] {
    if (end.state === 'failed' && stopOnError) return stopBatch(id, 'failed', now)
    const factor = randomize ? 1 - JITTER + 2 * JITTER * deps.random() : 1
    return [callNext(id, now + Math.round(delayMs * factor)), finishBatch(id, now)]
  }

  return {
    wake: rounds.wake,
    idle: rounds.idle,
    [Symbol.asyncDispose]: () => rounds[Symbol.asyncDispose](),
  }
}
