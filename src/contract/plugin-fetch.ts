// `net.fetch` as it crosses the border: what a plugin may ask, what it gets, and the bounds (plugin contract, sections 8, 9).
import * as v from 'valibot'

export const FETCH_TIMEOUT_MS = 15_000
export const MAX_FETCH_TIMEOUT_MS = 30_000

/** Decoded bytes of one answer. */
export const MAX_FETCH_BYTES = 10 * 1024 * 1024

/** Requests under way for all plugins together, and so the most of one: sockets and memory are the gateway's. */
export const MAX_FETCHES = 16

/**
 * Of its first so many requests a plugin is sure, also while others hold all of those places until their deadlines. They
 * come on top, up to MAX_ALL_FETCHES in all.
 */
export const OWN_FETCHES = 4
export const MAX_ALL_FETCHES = 32

/** Bytes cannot stand in a frame; the guest sends them as base64 in this wrapper. */
export const FetchBytes = v.strictObject({
  base64: v.pipe(
    v.string(),
    v.check(text => text.length % 4 === 0 && !/[^A-Za-z0-9+/=]|=[^=]/.test(text), 'must be base64'),
  ),
})

/** Fields that the host does not know are the plugin's own. */
export const FetchInit = v.object({
  method: v.nullish(
    v.pipe(
      v.string('method must be a string'),
      v.transform(method => method.toUpperCase()),
      v.picklist(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], 'method is not supported'),
    ),
  ),
  headers: v.nullish(v.record(v.string(), v.string('headers must be strings'))),
  body: v.nullish(v.union([v.string(), FetchBytes], 'body must be a string or a Uint8Array')),
  /** Anything that is no finite number means the default. */
  timeoutMs: v.nullish(v.unknown()),
})
export type FetchInit = v.InferOutput<typeof FetchInit>

/** An answer of any status; only what brought no answer rejects. Header names are in lower case. */
export const FetchAnswer = v.strictObject({
  ok: v.boolean(),
  status: v.number(),
  statusText: v.string(),
  headers: v.record(v.string(), v.string()),
  body: v.string(),
})
export type FetchAnswer = v.InferOutput<typeof FetchAnswer>

/** The time that a request gets: 15 s where it names none, 1 ms to 30 s otherwise. */
export function fetchTimeout(asked: unknown): number {
  if (typeof asked !== 'number' || !Number.isFinite(asked)) return FETCH_TIMEOUT_MS
  return Math.min(MAX_FETCH_TIMEOUT_MS, Math.max(1, asked))
}
