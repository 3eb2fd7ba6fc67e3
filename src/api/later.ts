// `sendAt`: a send may be asked for at a later time, and is then answered with 202 and the job that will do it. A row takes it
// by saying what its body is as a send to come.
import * as v from 'valibot'
import type { SessionId } from '../contract/ids.ts'
import { ScheduledSend, SendAt } from '../contract/job.ts'
import { REPLAYED_HEADER } from './idempotency.ts'
import { type Ask, jsonReply, type Reply, type Route, type RouteDeps } from './route.ts'

/** What a body may hold besides its message. */
export const WithSendAt = v.object({ sendAt: SendAt })

/** What a send for later answers. */
export const Later = v.strictObject({ ...ScheduledSend.entries, statusUrl: v.string() })

/** A JSON body without its `sendAt`, and that. */
export function takeSendAt(body: unknown): { body: unknown; sendAt?: unknown } {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'sendAt')) return { body }
  const { sendAt, ...rest } = body as Record<string, unknown>
  return { body: rest, sendAt }
}

/** Keeps the send that a request asks for until its time. */
export async function sendLater(
  ask: Ask & { sendAt: number },
  toSend: NonNullable<Route['later']>,
  deps: RouteDeps,
): Promise<Reply> {
  const { sid: sessionId } = ask.params as { sid: SessionId }
  const { sendAt, idempotency } = ask
  const send = await toSend(ask, deps)
  const kept = await deps.engine.call('schedule.create', { sessionId, send, sendAt, idempotency })
  const { replayed, ...job } = kept
  const statusUrl = `/api/sessions/${sessionId}/scheduled/${job.jobId}`
  const answer = jsonReply(202, { ...job, statusUrl } satisfies v.InferInput<typeof Later>)
  return replayed ? { ...answer, headers: { ...answer.headers, [REPLAYED_HEADER]: 'true' } } : answer
}
