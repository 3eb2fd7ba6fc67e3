// One request and its answer on a connection that has been judged. Where it leads and what comes next is the guarded fetch's
// business.
import { Readable } from 'node:stream'
import type { Client, Dispatcher } from 'undici'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Ending } from './ending.ts'
import { BrokenOff, gather } from './gather.ts'
import { type Connected, ConnectionGone } from './kept-connections.ts'
import type { ParsedRequest } from './request.ts'
import {
  ENCODING_BYTES,
  isPlain,
  type ResponseHeaders,
  readBody,
  readHeaders,
  readPlain,
  tooLarge,
} from './response.ts'
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
export function exchange(
  { client }: Connected,
  target: Target,
  request: ParsedRequest,
  ending: Ending,
): Promise<Exchanged> {
  const { url } = target
  const options = {
    method: request.method,
    path: url.search === '' ? url.pathname : url.pathname + url.search,
    headers: request.headers,
    body: request.body ?? null,
    reset: request.keep === undefined,
  }
  return request.sink === undefined
    ? inMemory({ client, options, target, request, ending })
    : streamed({ client, options, target, request, ending })
}

interface Asking {
  client: Client
  options: Dispatcher.DispatchOptions
  target: Target
  request: ParsedRequest
  ending: Ending
}

async function streamed({ client, options, target, request, ending }: Asking): Promise<Exchanged> {
  const { signal } = ending
  let status: number | undefined
  try {
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
    throw failureOf(thrown, target, ending, status)
  }
}

async function inMemory({ client, options, target, request, ending }: Asking): Promise<Exchanged> {
  const { maxBytes } = request
  let status: number | undefined
  try {
    const answer = await gather(client, options, {
      maxBytes: maxBytes + ENCODING_BYTES,
      tooLarge: () => tooLarge(maxBytes),
      ending,
      isWanted,
    })
    status = answer.statusCode
    const headers = readHeaders(answer.headers)
    if (answer.body === null) return { kind: 'redirect', status, location: headers.location ?? null }
    const { bytes, sha256 } = isPlain(headers)
      ? readPlain(answer.body, headers, request)
      : await readBody(Readable.from([answer.body]), headers, { ...request, signal: ending.signal })
    return { kind: 'answer', status, statusText: answer.statusText, headers, body: bytes, sha256 }
  } catch (thrown) {
    throw failureOf(thrown, target, ending, status)
  }
}

function failureOf(thrown: unknown, target: Target, ending: Ending, known: number | undefined): unknown {
  if (thrown instanceof ConnectionGone) return thrown
  const [status, cause] = thrown instanceof BrokenOff ? [thrown.statusCode, thrown.cause] : [known, thrown]
  if (ending.isOver && ending.reason instanceof GatewayError)
    return withStatus(uncertain(ending.reason), status)
  const failure =
    cause instanceof GatewayError
      ? cause
      : new GatewayError('transport_failed', `${target.host} did not answer as HTTP asks`, {
          cause,
          certain: false,
        })
  return withStatus(failure, status)
}

const isRedirect = (status: number) => status >= 300 && status < 400 && status !== 304
const isWanted = (status: number) => !isRedirect(status)

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
