// The internet of a plugin under test: one function that answers what has passed the manifest's list of hosts.
import { GatewayError } from '../../src/contract/errors.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import { parseRequest } from '../net/request.ts'

export interface FakeRequest {
  url: string
  method: string
  headers: Record<string, string>
  /** The bytes as they would leave. */
  body: Uint8Array
  /** The same as text. */
  text: string
}

export interface FakeAnswer {
  status?: number
  headers?: Record<string, string>
  body?: string | Uint8Array
}

/** What it throws is a server that cannot be reached. */
export type FakeServer = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>

/** Methods and headers are judged as in production; addresses are not, since nothing is looked up. */
export function createTestFetch(server: FakeServer | undefined): GuardedFetch {
  return async input => {
    const request = parseRequest(input)
    const { url, method, headers, maxBytes } = request
    const bytes = typeof request.body === 'string' ? new TextEncoder().encode(request.body) : request.body
    const body = bytes ?? new Uint8Array()
    const unreachable = (cause?: unknown) =>
      new GatewayError('transport_failed', `${new URL(url).hostname} could not be reached`, { cause })
    if (!server) throw unreachable()
    const ask = async () => server({ url, method, headers, body, text: new TextDecoder().decode(body) })
    const answer = await ask().catch(cause => {
      throw unreachable(cause)
    })
    const answered = typeof answer.body === 'string' ? new TextEncoder().encode(answer.body) : answer.body
    if ((answered?.length ?? 0) > maxBytes)
      throw new GatewayError('transport_failed', 'The answer is too large', { details: { maxBytes } })
    return {
      status: answer.status ?? 200,
      statusText: '',
      headers: answer.headers ?? {},
      body: answered ?? new Uint8Array(),
      sha256: null,
      url,
    }
  }
}
