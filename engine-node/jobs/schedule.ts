// Takes in sends for later and cancels them.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import { chatOf, MAX_AHEAD_MS, MAX_BEHIND_MS, whyNotKept } from '../../src/contract/job.ts'
import { type Db, isUniqueViolation, type Writer } from '../../src/db/db.ts'
import {
  cancelJob,
  countWaiting,
  findScheduled,
  findScheduledByKey,
  freeClientKey,
  insertJob,
  type JobRow,
  toScheduledSend,
} from '../../src/db/jobs.ts'
import { findSession } from '../../src/db/sessions.ts'
import { KEY_AGE_MS } from '../pipeline/idempotency.ts'

type ScheduleMethod = Extract<keyof EngineHandlers, `schedule.${string}`>

export type Schedule = Pick<EngineHandlers, ScheduleMethod>

/** Scheduled sends that one session may have waiting: a client in a loop must not fill the database. */
export const MAX_WAITING = 10_000

const invalid = (message: string) =>
  new GatewayError('invalid_input', 'Validation failed', { details: { messages: [message] } })

export function createSchedule(deps: {
  db: Db
  writer: Writer
  now(): number
  /** A UUID; those of later calls sort behind. */
  newId(): string
  onNew(): void
}): Schedule {
  const { db, writer, now, newId } = deps

  async function replay(sessionId: string, { key, hash }: { key: string; hash: string }) {
    const row = await findScheduledByKey(db, sessionId, key)
    if (row === null || row.createdAt <= now() - KEY_AGE_MS) return null
    if (row.clientHash !== hash)
      throw new GatewayError(
        'idempotency_key_reused',
        'The Idempotency-Key was used for another request. Use a new key for each message',
      )
    return { ...toScheduledSend(row), replayed: true as const }
  }

  return {
    async 'schedule.create'({ sessionId, send, sendAt, idempotency }) {
      if ((await findSession(db, sessionId)) === null)
        throw new GatewayError('not_found', `Session with id '${sessionId}' not found`)
      const createdAt = now()
      const why = whyNotKept(send)
      if (why !== null) throw invalid(why)
      const before = idempotency && (await replay(sessionId, idempotency))
      if (before) return before
      if (sendAt < createdAt - MAX_BEHIND_MS) throw invalid('sendAt must not lie in the past')
      if (sendAt > createdAt + MAX_AHEAD_MS) throw invalid('sendAt must be within a year')
      if ((await countWaiting(db, sessionId)) >= MAX_WAITING)
        throw new GatewayError('bulk_limit', `A session has at most ${MAX_WAITING} scheduled messages`)
      const row: JobRow = {
        id: newId(),
        sessionId,
        origin: 'scheduled',
        batch: null,
        position: 0,
        chatId: chatOf(send),
        type: send.type,
        input: JSON.stringify(send.input),
        sendAt,
        dueAt: sendAt,
        state: 'waiting',
        attempts: 0,
        claimedAt: null,
        waMessageId: null,
        errorCode: null,
        error: null,
        clientKey: idempotency?.key ?? null,
        clientHash: idempotency?.hash ?? null,
        createdAt,
        settledAt: null,
      }
      const free = idempotency ? [freeClientKey(sessionId, idempotency.key, createdAt - KEY_AGE_MS)] : []
      try {
        await writer.commit([...free, insertJob(db, row)])
      } catch (cause) {
        // Two requests of one moment: the other was first.
        const first = isUniqueViolation(cause) && idempotency && (await replay(sessionId, idempotency))
        if (!first) throw cause
        return first
      }
      deps.onNew()
      return toScheduledSend(row)
    },
    async 'schedule.cancel'({ sessionId, jobId }) {
      const row = await findScheduled(db, sessionId, jobId)
      if (row === null) throw new GatewayError('not_found', `Scheduled message ${jobId} not found`)
      const [cancelled] = await writer.commit([cancelJob(jobId, now())])
      if (cancelled === 1) return null
      const state = (await findScheduled(db, sessionId, jobId))?.state
      throw new GatewayError('job_not_waiting', `Scheduled message ${jobId} is already ${state}`)
    },
  }
}
