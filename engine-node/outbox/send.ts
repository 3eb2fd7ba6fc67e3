// One signed post to one endpoint and what came of it. It decides nothing about what happens next.
import { GatewayError } from '../../src/contract/errors.ts'
import { type Envelope, headersOf } from '../../src/webhooks/envelope.ts'
import {
  DELIVERY_DEADLINE_MS,
  judgeStatus,
  MAX_RESPONSE_BYTES,
  type Verdict,
} from '../../src/webhooks/schedule.ts'
import type { Clock } from '../clock.ts'
import { createDeadlines } from '../net/deadlines.ts'
import type { Endpoint } from './endpoint.ts'

export interface PostRequest {
  /** Whose connections these are: they are shared with no other webhook. */
  webhookId: string
  url: string
  headers: Record<string, string>
  body: Uint8Array<ArrayBuffer>
  timeoutMs: number
  /** What comes beyond is not read. */
  maxBytes: number
}

/** Never follows a redirect. Rejects with a GatewayError when there is no answer; a body that breaks off is still an answer. */
export type Post = (
  request: PostRequest,
) => Promise<{ status: number; headers: Readonly<Record<string, string>>; body: Uint8Array }>

export type Answer = Verdict & {
  status: number | null
  /** What went wrong, in words for the operator; null for a success. */
  error: string | null
  body: string | null
  durationMs: number
}

export interface SendRequest {
  endpoint: Endpoint
  url: string
  envelope: Envelope
  body: Uint8Array<ArrayBuffer>
  eventId: string
  /** Tries before this one. */
  attempts: number
}

export function createSend(deps: { post: Post; clock: Clock }): (request: SendRequest) => Promise<Answer> {
  const { post, clock } = deps
  const after = createDeadlines(clock)

  /** Not every way to hang is one that `post` notices. */
  function beforeDeadline<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = after(DELIVERY_DEADLINE_MS, () => reject(new Deadline()))
      work.then(
        answer => {
          cancel()
          resolve(answer)
        },
        error => {
          cancel()
          reject(error)
        },
      )
    })
  }

  return async given => {
    const { endpoint, envelope, body, eventId, attempts, url } = given
    const startedAt = clock.elapsed()
    const timestamp = Math.floor(clock.now() / 1_000)
    try {
      const signing = endpoint.signer.sign(eventId, timestamp, body)
      const headers = Object.assign(
        headersOf(envelope, { eventId, attempts, timestamp, custom: endpoint.headers }),
        // With a quick signer there is nothing to wait for.
        signing instanceof Promise ? await signing : signing,
      )
      const answer = await beforeDeadline(
        post({
          webhookId: endpoint.row.id,
          url,
          headers,
          body,
          timeoutMs: DELIVERY_DEADLINE_MS,
          maxBytes: MAX_RESPONSE_BYTES,
        }),
      )
      const { status } = answer
      return {
        ...judgeStatus(status, answer.headers['retry-after'], clock.now()),
        status,
        error: status >= 200 && status <= 299 ? null : `The endpoint answered ${status}`,
        body: textOf(answer.body),
        durationMs: Math.round(clock.elapsed() - startedAt),
      }
    } catch (thrown) {
      const { result, error } = failureOf(thrown)
      const durationMs = Math.round(clock.elapsed() - startedAt)
      return { kind: 'failure', result, retryAfterMs: 0, status: null, error, body: null, durationMs }
    }
  }
}

const decoder = new TextDecoder()
const textOf = (body: Uint8Array) =>
  body.length === 0 ? '' : decoder.decode(body.subarray(0, MAX_RESPONSE_BYTES))

/** The time for one try is over. It stays inside this file. */
class Deadline extends Error {}

function failureOf(thrown: unknown): { result: string; error: string } {
  if (thrown instanceof Deadline)
    return { result: 'timeout', error: `No whole answer within ${DELIVERY_DEADLINE_MS / 1_000} seconds` }
  // What has no name may hold anything; the operator's log has it, the delivery's page must not.
  if (!(thrown instanceof GatewayError)) return { result: 'error', error: 'The request could not be made' }
  if (thrown.code === 'address_blocked') return { result: 'blocked', error: thrown.message }
  return { result: thrown.details.stage === 'connect' ? 'unreachable' : 'broken', error: thrown.message }
}
