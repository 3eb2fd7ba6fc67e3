// One request and its answer on a connection that has been judged. Where it leads and what comes next is the guarded fetch's
// business.
import { GatewayError } from '../../src/contract/errors.ts'
import { BrokenOff, gather } from './gather.ts'
import { type Connected, ConnectionGone } from './kept-connections.ts'
import type { ParsedRequest } from './request.ts'
import { ENCODING_BYTES, type ResponseHeaders, readBody, readHeaders, tooLarge } from './response.ts'
import type { Target } from './target.ts'

export type Exchanged =
  | {
      kind: 'answer'
      status: number
      statusText: string
      headers: ResponseHeaders
      body: Uint8Array
      sha256: string | null
    }
  | { kind: 'redirect'; status: number; location: string | null }

/**
 * Rejects with ConnectionGone when not a byte was written, which only a connection that was kept can do; with
 * `transport_failed` otherwise. After an answer, and after nothing else, the connection may be used again.
 */
export async function exchange(
  { client }: Connected,
  target: Target,
  request: ParsedRequest,
  signal: AbortSignal,
): Promise<Exchanged> {
  const options = {
    method: request.method,
    path: `${target.url.pathname}${target.url.search}`,
    headers: { 'accept-encoding': 'identity', ...request.headers },
    body: request.body ?? null,
    reset: request.keep === undefined,
  }
  let status: number | undefined
  try {
    if (request.sink === undefined) return await inMemory()
    const answer = await client.request({ ...options, signal })
    status = answer.statusCode
    // A body that is not read to its end is destroyed with its connection, and says so.
    answer.body.once('error', () => {})
    const headers = readHeaders(answer.headers)
    if (isRedirect(status)) return { kind: 'redirect', status, location: headers.location ?? null }
    const isTaken = status >= 200 && status < 300
    const { bytes, sha256 } = isTaken
      ? await readBody(answer.body, headers, { ...request, signal })
      : { bytes: new Uint8Array(), sha256: null }
    return { kind: 'answer', status, statusText: answer.statusText, headers, body: bytes, sha256 }
  } catch (thrown) {
    if (thrown instanceof ConnectionGone) throw thrown
    if (thrown instanceof BrokenOff) status = thrown.statusCode
    const cause = thrown instanceof BrokenOff ? thrown.cause : thrown
    if (signal.aborted && signal.reason instanceof GatewayError)
      throw withStatus(uncertain(signal.reason), status)
    const failure =
      cause instanceof GatewayError
        ? cause
        : new GatewayError('transport_failed', `${target.host} did not answer as HTTP asks`, {
            cause,
            certain: false,
          })
    throw withStatus(failure, status)
  }

  async function inMemory(): Promise<Exchanged> {
    const { maxBytes } = request
    const answer = await gather(client, options, {
      maxBytes: maxBytes + ENCODING_BYTES,
      tooLarge: () => tooLarge(maxBytes),
      signal,
      isWanted: code => !isRedirect(code),
    })
    status = answer.statusCode
    const headers = readHeaders(answer.headers)
    if (answer.body === null) return { kind: 'redirect', status, location: headers.location ?? null }
    const { bytes, sha256 } = await readBody(answer.body, headers, { ...request, signal })
    return { kind: 'answer', status, statusText: answer.statusText, headers, body: bytes, sha256 }
  }
}

const isRedirect = (status: number) => status >= 300 && status < 400 && status !== 304

/** Once a server has given its status it has taken the request, whatever becomes of the body: the caller may want to know. */
function withStatus(error: GatewayError, status: number | undefined): GatewayError {
  if (status === undefined) return error
  const { code, message, details, cause, certain } = error
  return new GatewayError(code, message, {
    details: { ...details, status },
    cause,
    ...(certain === undefined ? {} : { certain }),
  })
}

const uncertain = (error: GatewayError) =>
  new GatewayError(error.code, error.message, { certain: false, details: { stage: 'response' } })
