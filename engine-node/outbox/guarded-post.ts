// The guarded fetch as deliveries use it: any public host, no redirects, and an answer counts by its head.
import { GatewayError } from '../../src/contract/errors.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import type { Post } from './send.ts'

/** An answer whose body is too long, or breaks off, has been given all the same: asking again would deliver twice. */
export function createGuardedPost(fetch: GuardedFetch): Post {
  return ({ webhookId, url, headers, body, timeoutMs, maxBytes }) =>
    fetch({
      url,
      method: 'POST',
      headers,
      body,
      hosts: 'any-public',
      redirects: 0,
      keep: webhookId,
      timeoutMs,
      maxBytes,
    }).catch(answerOf)
}

function answerOf(thrown: unknown): Awaited<ReturnType<Post>> {
  if (!(thrown instanceof GatewayError) || typeof thrown.details.status !== 'number') throw thrown
  return { status: thrown.details.status, headers: {}, body: new Uint8Array() }
}
