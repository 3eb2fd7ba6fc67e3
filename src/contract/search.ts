// Searching stored messages: the question as a client and a plugin see it, and the answer (REST spec, section 17; plugin
// contract, section 12).
import * as v from 'valibot'
import { MessageType } from './message.ts'

export const SEARCH_LIMIT_MAX = 100
export const SEARCH_OFFSET_MAX = 100_000

/** Longest text that is searched for. */
export const MAX_QUERY = 256

/** Times are in milliseconds. `sessionIds` are those that the asking key may see; without it all are. */
export const SearchQuery = v.strictObject({
  q: v.string(),
  sessionIds: v.optional(v.array(v.string())),
  sessionId: v.optional(v.string()),
  chatId: v.optional(v.string()),
  direction: v.optional(v.picklist(['incoming', 'outgoing'])),
  type: v.optional(MessageType),
  from: v.optional(v.string()),
  dateFrom: v.optional(v.number()),
  dateTo: v.optional(v.number()),
  limit: v.number(),
  offset: v.number(),
})
export type SearchQuery = v.InferOutput<typeof SearchQuery>

/** `messageId` is that of the stored row. `snippet` is HTML: the text around the match, escaped, with `<mark>` in it. */
export const SearchHit = v.strictObject({
  messageId: v.string(),
  waMessageId: v.string(),
  sessionId: v.string(),
  chatId: v.string(),
  body: v.string(),
  snippet: v.string(),
  /** Seconds. */
  timestamp: v.number(),
  type: MessageType,
  direction: v.picklist(['incoming', 'outgoing']),
  from: v.string(),
  score: v.optional(v.number()),
})
export type SearchHit = v.InferOutput<typeof SearchHit>

export const SearchResult = v.strictObject({
  hits: v.array(SearchHit),
  total: v.number(),
  tookMs: v.number(),
  provider: v.string(),
})
export type SearchResult = v.InferOutput<typeof SearchResult>

/**
 * What a plugin's provider answers. Of a hit only its id and score count: the gateway shows its own row of that message,
 * where the client may see it.
 */
export const ProvidedResult = v.object({
  hits: v.pipe(
    v.array(v.object({ messageId: v.string(), score: v.optional(v.pipe(v.number(), v.finite())) })),
    v.maxLength(SEARCH_LIMIT_MAX),
  ),
  total: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
})
export type ProvidedResult = v.InferOutput<typeof ProvidedResult>
