// When a failed delivery is tried again and what an answer means. Pure: times come in, verdicts go out.

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The pauses of Standard Webhooks: the first try, then one after each of these; about three days in all. */
export const retryTable: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** OpenWA's first pause where a webhook has a `retryCount`; each one after it doubles. */
export const OPENWA_RETRY_DELAY_MS = 5 * SECOND

/** From connecting to the last byte that is read of the answer. */
export const DELIVERY_DEADLINE_MS = 15 * SECOND

/** What is read of an answer, and kept for the operator. */
export const MAX_RESPONSE_BYTES = 64 * 1024

/** A receiver may ask for patience, but a slip of its pen must not park deliveries for years. */
export const MAX_RETRY_AFTER_MS = HOUR

/** An endpoint that has failed for so long, without one success, is switched off. */
export const DISABLE_AFTER_MS = 5 * DAY

/** Share of a pause that chance adds: endpoints that fell together must not be tried together. */
const JITTER = 0.1

/** No pause is longer, whatever a receiver asks for: what is due later than that was noted while the hour was set wrong. */
export const LONGEST_PAUSE_MS = 2 * DAY

/**
 * The pause after `attempts` failed tries, or null when that was the last one. `retryCount` is OpenWA's: tries in all,
 * where 0 means one as well. `chance` is in [0, 1).
 */
export function retryDelay(attempts: number, retryCount: number | null, chance: number): number | null {
  if (retryCount !== null && attempts >= Math.max(1, retryCount)) return null
  const pause = retryCount === null ? retryTable[attempts - 1] : OPENWA_RETRY_DELAY_MS * 2 ** (attempts - 1)
  return pause === undefined ? null : Math.round(pause * (1 + JITTER * chance))
}

/** Milliseconds that a `Retry-After` asks for, capped; 0 for one that cannot be read. `now` is epoch milliseconds. */
export function parseRetryAfter(value: string | undefined, now: number): number {
  const text = value?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * SECOND : parseHttpDate(text) - now
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}

/** RFC 9110's preferred form alone: `Date.parse` would make a date of much that is none. */
function parseHttpDate(text: string): number {
  return /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)
    ? Date.parse(text)
    : Number.NaN
}

/** What a try came to. `result` is what the log shows; `retryAfterMs` is at least 0. */
export type Verdict =
  | { kind: 'success'; result: string }
  | { kind: 'failure'; result: string; retryAfterMs: number }
  | { kind: 'gone'; result: string }

/** Only 2xx is success. A redirect would send the payload to a place that nobody has registered, so it is a failure. */
export function judgeStatus(status: number, retryAfter: string | undefined, now: number): Verdict {
  if (status >= 200 && status <= 299) return { kind: 'success', result: '2xx' }
  if (status === 410) return { kind: 'gone', result: '410' }
  const heeded = status === 429 || status === 503
  return {
    kind: 'failure',
    result: status === 429 ? '429' : `${Math.floor(status / 100)}xx`,
    retryAfterMs: heeded ? parseRetryAfter(retryAfter, now) : 0,
  }
}
