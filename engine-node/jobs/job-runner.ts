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

/** How long it rests after the database has failed it. */
const FAILURE_PAUSE_MS = 5_000

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
  onError(error: unknown): void
  fault?: Fault | undefined
  /** How long disposing waits for sends under way. */
  drainMs?: number
}): JobRunner {
  const { db, writer, clock, fault, drainMs = 5_000 } = deps
  const underWay = new Map<string, Promise<void>>()
  let passing: Promise<void> | null = null
  let again = false
  let restsUntil = 0
  let cancelTimer = () => {}
  let isStopped = false

  function wake() {
    if (isStopped) return
    again = true
    passing ??= passes().finally(() => {
      passing = null
      if (again) wake()
    })
  }

  async function passes() {
    while (again && !isStopped) {
      again = false
      try {
        await pass()
      } catch (error) {
        rest(error)
      }
    }
  }

  function rest(error: unknown) {
    deps.onError(error)
    restsUntil = clock.now() + FAILURE_PAUSE_MS
    wakeAt(restsUntil)
  }

  function wakeAt(time: number) {
    cancelTimer()
    cancelTimer = () => {}
    if (isStopped || !Number.isFinite(time)) return
    cancelTimer = clock.after(Math.max(0, time - clock.now()), wake)
  }

  async function pass() {
    if (clock.now() < restsUntil) return wakeAt(restsUntil)
    let soonest = Number.POSITIVE_INFINITY
    for (const { sessionId, dueAt } of await dueSessions(db)) {
      // Whoever is under way looks again at its end; the list is in order, so all that follow are later.
      if (underWay.has(sessionId) || underWay.size >= MAX_UNDER_WAY) continue
      if (dueAt > clock.now()) {
        soonest = Math.min(soonest, dueAt)
        break
      }
      if (!(await serve(sessionId))) soonest = Math.min(soonest, clock.now() + WAIT_MS)
    }
    wakeAt(soonest)
  }

  /** Starts the next job of a session. False where it has to wait for the session. */
  async function serve(sessionId: string): Promise<boolean> {
    const job = await nextJob(db, sessionId, clock.now())
    if (job === null) return true
    // Ours are under way and were passed over; this one was left by a crash, or by a try that could not be settled.
    const accepted = job.state === 'sending' ? await acceptedBefore(job) : null
    const verdict = judge(job, accepted, clock.now())
    if (verdict === 'send' && !(await deps.isReady(sessionId))) return false
    if (isStopped) return true
    const done = (verdict === 'send' ? attempt(job) : settle(job, verdict)).catch(rest).finally(() => {
      underWay.delete(sessionId)
      wake()
    })
    underWay.set(sessionId, done)
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
    await writer.commit([settleJob(job.id, end, now), ...(job.batchOf ? follow(job.batchOf, end, now) : [])])
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
    wake,
    async idle() {
      while (passing !== null || underWay.size > 0) await Promise.all([passing, ...underWay.values()])
    },
    async [Symbol.asyncDispose]() {
      isStopped = true
      cancelTimer()
      await passing
      await new Promise<void>(resolve => {
        const cancel = clock.after(drainMs, resolve)
        Promise.all(underWay.values()).then(() => {
          cancel()
          resolve()
        })
      })
    },
  }
}
