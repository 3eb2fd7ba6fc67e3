// The one way out of the gateway for URLs that others have given: webhooks, downloads, plugins. It decides where a request
// may go and how much may come back; what is fetched and why is the caller's business.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import { isSameAddress, judgeAddress, parseAddress } from './address.ts'
import { createDeadlines } from './deadlines.ts'
import { type Connection, type Dial, type Resolve, shareLookups } from './dial.ts'
import { Ending } from './ending.ts'
import { type Exchanged, exchange } from './exchange.ts'
import { createExceptions } from './host-rules.ts'
import { ConnectionGone, connectedBy, type KeptConnections } from './kept-connections.ts'
import { type FetchRequest, headersFor, type ParsedRequest, parseRequest } from './request.ts'
import type { ResponseHeaders } from './response.ts'
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

/** URLs of webhooks whose judgement is kept. */
const MAX_TARGETS = 1_000

/**
 * Each request looks its host up once, judges every answer, connects to a judged address and checks who answered before
 * it sends a byte. A connection is kept only for a request that says for whom, and serves only that owner, at that origin,
 * when the address that it leads to is among those that the next request has been judged by. Proxy settings of the
 * environment have no effect. Rejects with `invalid_input` or `address_blocked` when nothing was sent, with
 * `transport_failed` otherwise; `certain` says whether it is known that nothing went out.
 */
export function createGuardedFetch(deps: {
  /** Null where the other end of `dial` looks names up: then only hosts that a request lists itself are reached by name. */
  resolve: Resolve | null
  dial: Dial
  /** `SSRF_ALLOWED_HOSTS`. */
  allowedHosts: readonly string[]
  clock: Clock
  /** Of this fetch alone: what lies there was opened under its rules. Without it no connection is kept. */
  kept?: KeptConnections | undefined
}): GuardedFetch {
  const { clock } = deps
  const exceptions = createExceptions(deps.allowedHosts)
  const resolve = deps.resolve && shareLookups(deps.resolve, clock.now)
  const after = createDeadlines(clock)
  const targets = new Map<string, Target>()

  return async input => {
    const request = parseRequest(input)
    const ending = new Ending()
    const cancel = after(request.timeoutMs, () =>
      ending.end(new GatewayError('transport_failed', `No whole answer within ${request.timeoutMs} ms`)),
    )
    const { signal } = request
    const callOff = () => ending.end(signal?.reason)
    if (signal?.aborted) callOff()
    else signal?.addEventListener('abort', callOff, { once: true })
    try {
      return await follow(request, ending)
    } catch (error) {
      // Ends whatever it has left open.
      ending.end(new GatewayError('transport_failed', 'The request has ended'))
      throw error
    } finally {
      signal?.removeEventListener('abort', callOff)
      cancel()
    }
  }

  async function follow(request: ParsedRequest, ending: Ending): Promise<FetchedResponse> {
    let target = firstTarget(request)
    let asked = request
    for (let hops = 0; ; hops += 1) {
      const answer = await fetchOnce(target, asked, ending)
      if (answer.kind === 'answer') {
        const { status, statusText, headers, body, sha256 } = answer
        return { status, statusText, headers, body, sha256, url: target.url.href }
      }
      if (hops >= request.redirects || (request.method !== 'GET' && request.method !== 'HEAD'))
        throw redirected(answer.status, 'it is not followed')
      const next = judgeUrl(nextUrl(target.url, answer), request, exceptions)
      if (target.tls && !next.tls) throw redirected(answer.status, 'it leads from https to http')
      asked = { ...asked, headers: headersFor(asked.headers, target.url, next.url) }
      target = next
    }
  }

  /** A judgement of a text is the same each time, so that of a webhook's URL is kept; its name and addresses are judged anew. */
  function firstTarget(request: ParsedRequest): Target {
    if (request.keep === undefined || request.hosts !== 'any-public')
      return judgeUrl(request.url, request, exceptions)
    const key = `${request.httpsOnly} ${request.url}`
    const known = targets.get(key)
    if (known) return known
    const target = judgeUrl(request.url, request, exceptions)
    if (targets.size >= MAX_TARGETS) targets.delete(targets.keys().next().value as string)
    targets.set(key, target)
    return target
  }

  /** One request to one place: the answer, or where it points to. */
  async function fetchOnce(target: Target, request: ParsedRequest, ending: Ending): Promise<Exchanged> {
    const found = addressesOf(target, request, ending)
    const addresses = Array.isArray(found) ? found : await found
    for (;;) {
      const kept = request.keep === undefined ? null : takeOne(target, request, addresses)
      const { connected, place } = kept ?? (await open(target, addresses, request, ending.signal))
      let isDone = false
      try {
        ending.throwIfOver()
        const answer = await exchange(connected, target, request, ending)
        isDone = answer.kind === 'answer' && request.keep !== undefined
        return answer
      } catch (error) {
        if (!(error instanceof ConnectionGone)) throw error
        if (!kept) throw unreachable(`${target.host} hung up at once`, error)
        // Nothing was written on it, so this is still the first time that the request goes out.
      } finally {
        if (isDone && deps.kept) deps.kept.give(place, connected)
        else await connected.destroy()
      }
    }
  }

  function takeOne(target: Target, request: ParsedRequest, addresses: readonly string[]) {
    for (const address of addresses) {
      const place = placeOf(target, request, address)
      const connected = deps.kept?.take(place)
      if (connected) return { connected, place }
    }
    return null
  }

  async function open(target: Target, addresses: string[], request: ParsedRequest, signal: AbortSignal) {
    const { socket, address } = await connect(target, addresses, signal)
    return {
      connected: connectedBy(socket, target.url.origin, clock.now()),
      place: placeOf(target, request, address),
    }
  }

  /** Its addresses, each judged; at once where the URL names one itself. */
  function addressesOf(
    target: Target,
    { hosts }: Pick<ParsedRequest, 'hosts'>,
    ending: Ending,
  ): string[] | Promise<string[]> {
    if (target.literal)
      return judged(target, [target.host.startsWith('[') ? target.host.slice(1, -1) : target.host])
    if (resolve === null) {
      if (hosts !== 'any-public') return [target.host]
      throw blocked(target, 'cannot be judged where its name is not looked up', false)
    }
    return lookUp(target, resolve, ending)
  }

  async function lookUp(target: Target, resolve: Resolve, ending: Ending): Promise<string[]> {
    const answers = await beforeAbort(resolve(target.host), ending.signal).catch((cause: unknown) => {
      throw unreachable(`${target.host} could not be looked up`, cause)
    })
    return judged(target, answers)
  }

  function judged(target: Target, answers: string[]): string[] {
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

  async function connect(
    target: Target,
    addresses: string[],
    signal: AbortSignal,
  ): Promise<Connection & { address: string }> {
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
        // A name that was not looked up here is all that is known of the other end.
        if (judged === null && connection.remoteAddress === address) return { ...connection, address }
        if (remote && judged && isSameAddress(remote, judged)) return { ...connection, address }
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

/** Where a connection is kept: it is found again by whom it was for, the origin that its certificate is for, and its address. */
const placeOf = ({ url }: Target, { keep }: ParsedRequest, address: string) =>
  `${keep} ${url.origin} ${address}`

/** Where a redirect points to, as text for the judge: a Location that holds control characters is no place. */
export function nextUrl(
  from: URL,
  { status, location }: { status: number; location: string | null },
): string {
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

const redirected = (status: number, why: string) =>
  new GatewayError('transport_failed', `The answer is a redirect (${status}) and ${why}`, {
    certain: false,
    details: { stage: 'redirect', status },
  })
