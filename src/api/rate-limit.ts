// Fixed windows per route and client address, counted in memory. Each process counts for itself.
import { GatewayError } from '../contract/errors.ts'
import { limitKey } from './ip.ts'

export interface RateWindow {
  /** Goes into the header names: `X-RateLimit-Limit-short`. */
  name: string
  ttlMs: number
  limit: number
}

/** Pairs of route and address that are counted at once. Past it the longest known one is forgotten, so memory stays bounded. */
const MAX_COUNTED = 50_000

/** How many were counted in one window, and until when. */
interface Counter {
  count: number
  resetAt: number
}

/** What is counted for one pair: one for each window. */
type Counts = Counter[]

export interface RateLimit {
  /** Counts one request and writes the headers of every window; throws `rate_limited` where a window is full. */
  take(handler: string, address: string, headers: Record<string, string>): void
  /** Whether the next one would be refused. Counts nothing. */
  isFull(handler: string, address: string): boolean
}

/** `now` in epoch milliseconds. */
export function createRateLimit(deps: { windows: readonly RateWindow[]; now(): number }): RateLimit {
  const counted = new Map<string, Counts>()
  const windows = deps.windows.map(window => ({
    ...window,
    limitText: String(window.limit),
    limitHeader: `x-ratelimit-limit-${window.name}`,
    remainingHeader: `x-ratelimit-remaining-${window.name}`,
    resetHeader: `x-ratelimit-reset-${window.name}`,
    retryHeader: `retry-after-${window.name}`,
  }))

  function countsOf(key: string, now: number): Counts {
    const known = counted.get(key)
    if (known !== undefined) return known
    if (counted.size >= MAX_COUNTED) counted.delete(counted.keys().next().value as string)
    const counts = windows.map(window => ({ count: 0, resetAt: now + window.ttlMs }))
    counted.set(key, counts)
    return counts
  }

  return {
    isFull(handler, address) {
      const now = deps.now()
      const counts = counted.get(nameOf(handler, address))
      return windows.some((window, index) => {
        const counter = counts?.[index]
        return counter !== undefined && !isOver(counter, window, now) && counter.count >= window.limit
      })
    },
    take(handler, address, headers) {
      const now = deps.now()
      const counts = countsOf(nameOf(handler, address), now)
      let waitSeconds = 0
      for (const [index, window] of windows.entries()) {
        const counter = counts[index]!
        if (isOver(counter, window, now)) {
          counter.count = 0
          counter.resetAt = now + window.ttlMs
        }
        counter.count += 1
        const seconds = Math.ceil((counter.resetAt - now) / 1000)
        headers[window.limitHeader] = window.limitText
        headers[window.remainingHeader] = String(Math.max(0, window.limit - counter.count))
        headers[window.resetHeader] = String(seconds)
        if (counter.count <= window.limit) continue
        headers[window.retryHeader] = String(seconds)
        waitSeconds = Math.max(waitSeconds, seconds)
      }
      if (waitSeconds > 0)
        throw new GatewayError('rate_limited', 'Too many requests', {
          details: { retryAfterSeconds: waitSeconds },
        })
    },
  }
}

const nameOf = (handler: string, address: string) => `${handler} ${limitKey(address)}`

/** A clock that was set back must not lock anybody out for longer than the window. */
const isOver = ({ resetAt }: Counter, { ttlMs }: RateWindow, now: number) =>
  now >= resetAt || resetAt - now > ttlMs

/** The header names of these windows, for pages of other origins that want to read them. */
export const rateLimitHeaders = (windows: readonly RateWindow[]): string[] => [
  'Retry-After',
  ...windows.flatMap(({ name }) => [
    `X-RateLimit-Limit-${name}`,
    `X-RateLimit-Remaining-${name}`,
    `X-RateLimit-Reset-${name}`,
    `Retry-After-${name}`,
  ]),
]
