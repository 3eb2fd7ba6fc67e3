// Messages (REST spec, section 3): the stored ones, and what sends new ones.
import * as v from 'valibot'
import type { EngineResult } from '../../contract/engine.ts'
import { GatewayError } from '../../contract/errors.ts'
import { ChatId, Uuid } from '../../contract/ids.ts'
import {
  MessageMedia,
  MessageType,
  Reply,
  SendResult,
  SendText,
  StoredMessage,
} from '../../contract/message.ts'
import { listMessages } from '../../db/messages.ts'
import { findSession } from '../../db/sessions.ts'
import { REPLAYED_HEADER } from '../idempotency.ts'
import { inlineMedia, type ListedFile, type OpenFile } from '../inline-media.ts'
import { type Ask, type Reply as HttpReply, jsonReply, type Route, route } from '../route.ts'
import { clamped, flagged } from '../validate.ts'
import { BySession, noSession } from './sessions.ts'

/** Last millisecond that a date can have. */
const MAX_TIME = 8_640_000_000_000_000

const text = v.pipe(
  v.string('must be given once'),
  v.nonEmpty('must not be empty'),
  v.maxLength(128, 'is too long'),
)
const milliseconds = v.pipe(
  v.string('must be given once'),
  v.regex(/^\d{1,16}$/, 'must be a time in milliseconds'),
  v.transform(Number),
  v.maxValue(MAX_TIME, 'must be a time in milliseconds'),
)

const MessageList = v.object({
  chatId: v.optional(ChatId),
  from: v.optional(text),
  messageId: v.optional(text),
  limit: clamped({ min: 1, max: 100, fallback: 50 }),
  offset: clamped({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }),
  after: v.optional(v.pipe(v.string('must be given once'), Uuid)),
  since: v.optional(milliseconds),
  until: v.optional(milliseconds),
  direction: v.optional(v.picklist(['incoming', 'outgoing'], 'must be incoming or outgoing')),
  type: v.optional(MessageType),
  /** Files in the answer: on unless told. */
  inlineMedia: flagged(true),
  orderBy: v.optional(v.picklist(['createdAt', 'timestamp'], 'must be createdAt or timestamp'), 'createdAt'),
})

/** A preview of one's own making is for OpenWA's other engine. */
const SendTextBody = v.strictObject({
  ...SendText.entries,
  customLinkPreview: v.optional(v.unknown()),
})

/** Every send may wait for WhatsApp's answer. */
export const SendQuery = v.object({ wait: v.optional(v.picklist(['ack'], 'must be ack')) })
type SendQuery = v.InferOutput<typeof SendQuery>

/** What the engine gets of a send besides its input. */
export const sending = ({ query, idempotency }: Ask<unknown, SendQuery>) => ({ ...query, idempotency })

/** A replay says so in a header; to the client it is the first answer. */
export function sent({ replayed, ...result }: EngineResult<'message.sendText'>): SendResult | HttpReply {
  if (!replayed) return result
  const reply = jsonReply(201, result)
  return { ...reply, headers: { ...reply.headers, [REPLAYED_HEADER]: 'true' } }
}

function toText({ customLinkPreview, ...input }: v.InferOutput<typeof SendTextBody>): SendText {
  if (customLinkPreview !== undefined && input.linkPreview === false)
    throw new GatewayError('invalid_input', 'customLinkPreview needs linkPreview')
  if (customLinkPreview !== undefined)
    throw new GatewayError('not_supported', 'customLinkPreview is not supported')
  return input
}

const withMedia = (row: StoredMessage): (ListedFile & { row: StoredMessage }) | null => {
  const parsed = v.safeParse(MessageMedia, row.metadata?.media)
  return parsed.success ? { ...row, row, media: parsed.output } : null
}

/** Rows with their files, where there is room for them. */
async function withFiles(
  rows: readonly StoredMessage[],
  from: { open: OpenFile | null; budget: number },
): Promise<StoredMessage[]> {
  const files = rows.map(withMedia).filter(each => each !== null)
  const media = await inlineMedia(files, from)
  const shown = new Map(files.map(({ row }, index) => [row.id, media[index]]))
  return rows.map(row =>
    shown.has(row.id) ? { ...row, metadata: { ...row.metadata, media: shown.get(row.id) } } : row,
  )
}

export const messageRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/messages',
    summary: 'List stored messages, newest first',
    role: 'viewer',
    params: BySession,
    query: MessageList,
    chats: ({ query }) => (query.chatId === undefined ? [] : [query.chatId]),
    status: 200,
    result: v.strictObject({
      messages: v.array(StoredMessage),
      total: v.number(),
      unknownTimestampTotal: v.optional(v.number()),
    }),
    async handle(
      { params: { sid }, query: { limit, offset, after, orderBy, inlineMedia: isInline, ...filter } },
      { db, engine, settings },
    ) {
      if ((await findSession(db, sid)) === null) throw new GatewayError('not_found', noSession(sid))
      const found = await listMessages(db, { sessionId: sid, ...filter }, { limit, offset, after, orderBy })
      if (found !== null) {
        const budget = isInline ? settings.inlineMediaBytes : 0
        return {
          ...found,
          messages: await withFiles(found.messages, { open: engine.files?.open ?? null, budget }),
        }
      }
      throw new GatewayError('invalid_input', 'Validation failed', {
        details: { messages: ['after is not a message of this session'] },
      })
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/messages/send-text',
    summary: 'Send a text',
    role: 'operator',
    params: BySession,
    query: SendQuery,
    body: SendTextBody,
    chats: ({ body }) => [body.chatId],
    idempotent: true,
    later: ({ body }) => ({ type: 'text', input: toText(body) }),
    status: 201,
    result: SendResult,
    async handle(ask, { engine }) {
      const input = toText(ask.body)
      const sessionId = ask.params.sid
      return sent(await engine.call('message.sendText', { ...sending(ask), sessionId, input }))
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/messages/reply',
    summary: 'Answer a message with a text that quotes it',
    role: 'operator',
    params: BySession,
    query: SendQuery,
    body: Reply,
    chats: ({ body }) => [body.chatId],
    quotes: true,
    idempotent: true,
    later: ({ body }) => ({ type: 'reply', input: body }),
    status: 201,
    result: SendResult,
    async handle(ask, { engine }) {
      const sessionId = ask.params.sid
      return sent(await engine.call('message.reply', { ...sending(ask), sessionId, input: ask.body }))
    },
  }),
]
