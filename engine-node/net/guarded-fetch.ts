// The one way out of the gateway for URLs that others have given: webhooks, downloads, plugins. It decides where a request
// may go and how much may come back; what is fetched and why is the caller's business.
import { Client } from 'undici'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import { isSameAddress, judgeAddress, parseAddress } from './address.ts'
import type { Connection, Dial, Resolve } from './dial.ts'
import { createExceptions } from './host-rules.ts'
import { type FetchRequest, headersFor, type ParsedRequest, parseRequest } from './request.ts'
import { type ResponseHeaders, readBody, readHeaders } from './response.ts'
import { blocked, judgeUrl, type Target } from './target.ts'

export interface FetchedResponse {
  status: number
  statusText: string
  headers: ResponseHeaders
  body: Uint8Array
  /** Hex, where the request asked for it. */
  sha256: string | null
  /** Where the answer came from, after redirects. */
  url: string
}

export type GuardedFetch = (request: FetchRequest) => Promise<FetchedResponse>

/** One address of several may be dead; it must not eat the time of the others. */
const CONNECT_TIMEOUT_MS = 5_000

/** Addresses tried of one name. */
const MAX_DIALS = 4

/** Head of an answer, all its lines together. */
const MAX_RESPONSE_HEAD = 16 * 1024

/**
 * Each request looks its host up once, judges every answer, connects to a judged address and checks who answered before
 * it sends a byte. Connections are never kept, so none outlives the rules it was opened under. Proxy settings of the
 * environment have no effect. Rejects with `invalid_input` or `address_blocked` when nothing was sent, with
 * `transport_failed` otherwise; `certain` says whether it is known that nothing went out.
 */
export function createGuardedFetch(deps: {
  resolve: Resolve
  dial: Dial
  /** `SSRF_ALLOWED_HOSTS`. */
  allowedHosts: readonly string[]
  clock: Clock
}): GuardedFetch {
  const { clock } = deps
  const exceptions = createExceptions(deps.allowedHosts)

  return async input => {
    const request = parseRequest(input)
    const deadline = new AbortController()
    const cancel = clock.after(request.timeoutMs, () =>
      deadline.abort(new GatewayError('transport_failed', `No whole answer within ${request.timeoutMs} ms`)),
    )
    try {
      return await follow(request, deadline.signal)
    } finally {
      cancel()
      // Ends whatever a failed request has left open.
      deadline.abort(new GatewayError('transport_failed', 'The request has ended'))
    }
  }

  async function follow(request: ParsedRequest, signal: AbortSignal): Promise<FetchedResponse> {
    let target = judgeUrl(request.url, request, exceptions)
    let headers = request.headers
    for (let hops = 0; ; hops += 1) {
      const answer = await fetchOnce(target, { ...request, headers }, signal)
      if ('response' in answer) return answer.response
      if (hops >= request.redirects || (request.method !== 'GET' && request.method !== 'HEAD'))
        throw redirected(answer.status, 'it is not followed')
      const next = judgeUrl(nextUrl(target.url, answer), request, exceptions)
      if (target.tls && !next.tls) throw redirected(answer.status, 'it leads from https to http')
      headers = headersFor(headers, target.url, next.url)
      target = next
    }
  }

  /** One request to one place: the answer, or where it points to. */
  async function fetchOnce(
    target: Target,
    request: ParsedRequest,
    signal: AbortSignal,
  ): Promise<{ response: FetchedResponse } | Redirect> {
    const { socket } = await connect(target, await addressesOf(target, signal), signal)
    const client = new Client(target.url.origin, {
      // Later, as undici does not see a socket that is there before it has finished asking.
      connect: (_options, done) => queueMicrotask(() => done(null, socket)),
      maxHeaderSize: MAX_RESPONSE_HEAD,
      // The deadline covers these; two clocks for one thing would disagree.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    let status: number | undefined
    try {
      const answer = await client.request({
        method: request.method,
        path: `${target.url.pathname}${target.url.search}`,
        headers: { 'accept-encoding': 'identity', ...request.headers },
        body: request.body ?? null,
        reset: true,
        signal,
      })
      status = answer.statusCode
      // A body that is not read to its end is destroyed below, and says so.
      answer.body.once('error', () => {})
      const headers = readHeaders(answer.headers)
      if (answer.statusCode >= 300 && answer.statusCode < 400 && answer.statusCode !== 304)
        return { status: answer.statusCode, location: headers.location ?? null }
      const isTaken = request.sink === undefined || (answer.statusCode >= 200 && answer.statusCode < 300)
      const { bytes, sha256 } = isTaken
        ? await readBody(answer.body, headers, { ...request, signal })
        : { bytes: new Uint8Array(), sha256: null }
      return {
        response: {
          status: answer.statusCode,
          statusText: answer.statusText,
          headers,
          body: bytes,
          sha256,
          url: target.url.href,
        },
      }
    } catch (cause) {
      if (signal.aborted && signal.reason instanceof GatewayError)
        throw withStatus(uncertain(signal.reason), status)
      throw withStatus(
        cause instanceof GatewayError
          ? cause
          : new GatewayError('transport_failed', `${target.host} did not answer as HTTP asks`, {
              cause,
              certain: false,
            }),
        status,
      )
    } finally {
      socket.destroy()
      await client.destroy()
    }
  }

  async function addressesOf(target: Target, signal: AbortSignal): Promise<string[]> {
    const answers = target.literal
      ? [target.host.replace(/^\[|\]$/g, '')]
      : await beforeAbort(deps.resolve(target.host), signal).catch((cause: unknown) => {
          throw unreachable(`${target.host} could not be looked up`, cause)
        })
    if (answers.length === 0) throw unreachable(`${target.host} has no address`)
    for (const answer of answers) {
      const address = parseAddress(answer)
      // Read by no strict parser, but maybe by the one inside connect: never handed on.
      if (!address) throw unreachable(`${target.host} has an address that cannot be read`)
      if (target.excepted) continue
      const verdict = judgeAddress(address)
      if (!verdict.public) throw blocked(target, `does not lead to the public internet (${verdict.why})`)
    }
    return answers.slice(0, MAX_DIALS)
  }

  async function connect(target: Target, addresses: string[], signal: AbortSignal): Promise<Connection> {
    let failure: unknown
    for (const address of addresses) {
      const attempt = new AbortController()
      const cancel = clock.after(CONNECT_TIMEOUT_MS, () =>
        attempt.abort(new Error('connecting took too long')),
      )
      const either = AbortSignal.any([signal, attempt.signal])
      try {
        const dialled = deps.dial({ ...target, address, signal: either })
        // A connection that comes after the caller has gone has no owner.
        dialled.then(late => either.aborted && late.socket.destroy()).catch(() => {})
        const connection = await beforeAbort(dialled, either)
        const [remote, judged] = [parseAddress(connection.remoteAddress), parseAddress(address)]
        if (remote && judged && isSameAddress(remote, judged)) return connection
        connection.socket.destroy()
        throw blocked(target, 'was answered by an address that was not judged', false)
      } catch (error) {
        if (signal.aborted) throw unreachable(`${target.host} could not be reached`, signal.reason)
        if (error instanceof GatewayError) throw error
        failure = error
      } finally {
        cancel()
      }
    }
    throw unreachable(`${target.host} could not be reached`, failure)
  }
}

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

interface Redirect {
  status: number
  location: string | null
}

/** Where a redirect points to, as text for the judge: a Location that holds control characters is no place. */
export function nextUrl(from: URL, { status, location }: Redirect): string {
  if (location === null || location === '') throw redirected(status, 'it names no place')
  if (/[\u0000-\u0020\u007f\\]/.test(location) || !URL.canParse(location, from.href))
    throw redirected(status, 'its place cannot be read')
  return new URL(location, from.href).href
}

/** What `work` gives, unless the signal comes first: not everything that is waited for can be called off. */
function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

const unreachable = (message: string, cause?: unknown) =>
  cause instanceof GatewayError
    ? new GatewayError(cause.code, cause.message, { certain: true, details: { stage: 'connect' }, cause })
    : new GatewayError('transport_failed', message, { certain: true, details: { stage: 'connect' }, cause })

const uncertain = (error: GatewayError) =>
  new GatewayError(error.code, error.message, { certain: false, details: { stage: 'response' } })

const redirected = (status: number, why: string) =>
  new GatewayError('transport_failed', `The answer is a redirect (${status}) and ${why}`, {
    certain: false,
    details: { stage: 'redirect', status },
  })
