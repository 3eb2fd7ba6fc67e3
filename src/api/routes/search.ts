// Searching messages (REST spec, section 17). A key that is held to chats gets nothing here: what it may see cannot be told
// from the question.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { ChatId, SessionId } from '../../contract/ids.ts'
import { MessageType } from '../../contract/message.ts'
import { MAX_QUERY, SEARCH_LIMIT_MAX, SEARCH_OFFSET_MAX, SearchResult } from '../../contract/search.ts'
import { type Route, route } from '../route.ts'

/** Last millisecond that a date can have. */
const MAX_TIME = 8_640_000_000_000_000

const number = (min: number, max: number) =>
  v.pipe(
    v.string('must be given once'),
    v.regex(/^\d{1,16}$/, 'must be a whole number'),
    v.transform(Number),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  )

const Query = v.object({
  q: v.pipe(
    v.string('must be given once'),
    v.check(q => q.trim() !== '', 'must not be empty'),
    v.maxLength(MAX_QUERY, `must be at most ${MAX_QUERY} characters`),
  ),
  sessionId: v.optional(SessionId),
  chatId: v.optional(ChatId),
  direction: v.optional(v.picklist(['incoming', 'outgoing'], 'must be incoming or outgoing')),
  type: v.optional(MessageType),
  from: v.optional(v.pipe(v.string('must be given once'), v.nonEmpty('must not be empty'), v.maxLength(128))),
  dateFrom: v.optional(number(0, MAX_TIME)),
  dateTo: v.optional(number(0, MAX_TIME)),
  limit: v.optional(number(1, SEARCH_LIMIT_MAX), '50'),
  offset: v.optional(number(0, SEARCH_OFFSET_MAX), '0'),
})

export const searchRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/search',
    summary: 'Search the text of messages',
    role: 'operator',
    query: Query,
    status: 200,
    result: SearchResult,
    handle({ query, key }, { engine }) {
      const allowed = key?.allowedSessions ?? null
      if (allowed !== null && query.sessionId !== undefined && !allowed.includes(query.sessionId))
        throw new GatewayError('forbidden', 'API key not authorized for this session')
      return engine.call('search.query', {
        query: { ...query, ...(allowed === null ? {} : { sessionIds: allowed }) },
      })
    },
  }),
]
