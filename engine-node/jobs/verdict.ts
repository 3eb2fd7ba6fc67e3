// What is to be done with a job: before it is sent, and after a send that failed. Pure; the times are in tables.
import { type ErrorCode, type GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { HookSource } from '../../src/contract/hooks.ts'
import type { JobEnd, JobOrigin, QueuedJob } from '../../src/db/jobs.ts'
import { KEY_AGE_MS } from '../pipeline/idempotency.ts'

const MINUTE_MS = 60_000

/**
 * What the kinds of jobs differ in. `lateMs`: what could not be sent by then is no longer what its sender wants to say; a
 * batch waits until it is cancelled.
 */
export const origins = {
  scheduled: { source: 'MessageService', lateMs: 24 * 60 * MINUTE_MS },
  bulk: { source: 'BulkMessageService', lateMs: Number.POSITIVE_INFINITY },
  automation: { source: 'MessageService', lateMs: 10 * MINUTE_MS },
} as const satisfies Record<JobOrigin, { source: HookSource; lateMs: number }>

/**
 * For how long the pipeline surely knows what a key has led to. After that an unknown outcome stays unknown: sending again
 * could be sending twice. A margin, since keys are cut off by another clock reading.
 */
const KNOWN_MS = KEY_AGE_MS - 30 * MINUTE_MS

/** Tries of which nobody could say what they led to. */
const MAX_ATTEMPTS = 5

/** How long until it is looked at again. */
export const WAIT_MS = 5_000
const UNKNOWN_MS = [1_000, 5_000, 30_000, 2 * MINUTE_MS]

const failed = (code: ErrorCode | 'expired' | 'outcome_unknown', message: string): JobEnd => ({
  state: 'failed',
  code,
  message,
})

/**
 * Whether a job may be sent now, or how it ends. `accepted` is the message that its key has led to before, for a job that
 * was on its way when the gateway went down.
 */
export function judge(
  job: Pick<QueuedJob, 'state' | 'origin' | 'sendAt' | 'claimedAt' | 'batchOf'>,
  accepted: { waMessageId: string } | null,
  now: number,
): JobEnd | 'send' {
  if (accepted !== null) return { state: 'sent', waMessageId: accepted.waMessageId }
  if (job.state === 'sending' && job.claimedAt !== null && now - job.claimedAt > KNOWN_MS)
    return failed('outcome_unknown', 'The gateway was down for too long to know whether it was sent')
  if (job.batchOf !== null && job.batchOf.completedAt !== null) return { state: 'cancelled' }
  if (now - job.sendAt > origins[job.origin].lateMs)
    return failed('expired', 'The session was not ready in time')
  return 'send'
}

export type AfterFailure = JobEnd | { wait: number; isKnown: boolean }

/** Nothing was accepted, and waiting helps. */
const waits: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'session_not_started',
  'session_not_ready',
  'session_busy',
  'rate_limited',
  'engine_unavailable',
  'proxy_failed',
])

/** The message may have been accepted; its key will tell. */
const unknowns: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'storage_unavailable',
  'idempotency_key_in_progress',
  'whatsapp_unanswered',
  'transport_failed',
  'internal',
])

/** What a failed send means for its job. `attempts` counts this one. */
export function afterFailure(thrown: unknown, attempts: number): AfterFailure {
  const { code, message, certain, details }: GatewayError = toGatewayError(thrown)
  if (waits.has(code)) {
    const seconds = Number(details.retryAfterSeconds)
    return { wait: seconds > 0 ? Math.min(seconds * 1_000, 60 * MINUTE_MS) : WAIT_MS, isKnown: true }
  }
  if (unknowns.has(code) && certain !== true && attempts < MAX_ATTEMPTS)
    return { wait: UNKNOWN_MS[attempts - 1] ?? UNKNOWN_MS.at(-1) ?? WAIT_MS, isKnown: false }
  return failed(code, message)
}
