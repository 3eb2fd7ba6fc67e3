// Webhooks on the wire: what a client may save, what is shown of it, and deliveries as they are listed (REST spec, section 11;
// webhooks and events spec, section 5).
import * as v from 'valibot'
import { EventSelector } from './events.ts'
import { Uuid } from './ids.ts'

export const WebhookId = v.pipe(Uuid, v.brand('WebhookId'))
export type WebhookId = v.InferOutput<typeof WebhookId>

/** Marks a secret of the Standard Webhooks form: base64 of the key follows. */
export const SECRET_PREFIX = 'whsec_'

const Url = v.pipe(
  v.string('must be a string'),
  v.maxLength(2_048, 'must be at most 2048 characters'),
  v.check(text => {
    const url = URL.canParse(text) ? new URL(text) : null
    return url !== null && /^https?:$/.test(url.protocol)
  }, 'must be an http or https URL'),
  v.check(text => {
    const url = URL.canParse(text) ? new URL(text) : null
    return url === null || (url.username === '' && url.password === '' && !/^\w+:\/\/[^/?#]*@/.test(text))
  }, 'must not carry credentials'),
)

const Secret = v.pipe(
  v.string('must be a string'),
  v.minLength(16, 'must be at least 16 characters'),
  v.maxLength(255, 'must be at most 255 characters'),
  v.check(
    text =>
      !text.startsWith(SECRET_PREFIX) ||
      /^(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(
        text.slice(SECRET_PREFIX.length),
      ),
    `must be base64 after ${SECRET_PREFIX}`,
  ),
)

/** Names that would undo a signature or the request line; OpenWA's own list is dropped silently when sending instead. */
const refusedHeaders = /^(host|webhook-.*)$/i

export const WebhookHeaders = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,128}$/, 'may hold only letters, digits and -')),
    v.pipe(
      v.string('must be a string'),
      v.maxLength(1_024, 'must be at most 1024 characters'),
      v.regex(/^[\x20-\x7e\xa0-\xff]*$/, 'holds characters that a header may not'),
    ),
  ),
  v.check(headers => Object.keys(headers).length <= 50, 'must be at most 50 headers'),
  v.check(headers => {
    const names = Object.keys(headers).map(name => name.toLowerCase())
    return new Set(names).size === names.length
  }, 'names a header twice'),
  v.check(
    headers => !Object.keys(headers).some(name => refusedHeaders.test(name)),
    'sets a header that is the gateway’s own: host or webhook-*',
  ),
)

/** Which fields of a payload a filter may ask for, and what each is compared as. */
export const filterFields = {
  sender: 'id',
  recipient: 'id',
  chatId: 'id',
  mentions: 'id',
  body: 'text',
  type: 'text',
  kind: 'text',
  isGroup: 'boolean',
  fromMe: 'boolean',
  hasMedia: 'boolean',
} as const satisfies Record<string, 'id' | 'text' | 'boolean'>
export type FilterField = keyof typeof filterFields

const FilterText = v.pipe(v.string(), v.maxLength(1_000, 'must be at most 1000 characters'))

const Condition = v.pipe(
  v.strictObject({
    field: v.picklist(Object.keys(filterFields) as FilterField[], 'is not a field that can be filtered'),
    operator: v.picklist(['is', 'isNot', 'contains', 'equals'], 'must be is, isNot, contains or equals'),
    value: v.union(
      [v.boolean(), FilterText, v.pipe(v.array(FilterText), v.minLength(1), v.maxLength(100))],
      'must be a text, at most 100 texts, or a boolean',
    ),
    caseSensitive: v.optional(v.boolean()),
  }),
  v.check(
    ({ field, value }) => (filterFields[field] === 'boolean') === (typeof value === 'boolean'),
    'has a value of another kind than its field',
  ),
  v.check(
    ({ field, operator }) => filterFields[field] !== 'boolean' || operator !== 'contains',
    'cannot look for a part of a boolean',
  ),
)
export type Condition = v.InferOutput<typeof Condition>

/** All conditions must hold. */
export const WebhookFilters = v.strictObject({
  conditions: v.pipe(v.array(Condition), v.maxLength(20, 'must be at most 20 conditions')),
})
export type WebhookFilters = v.InferOutput<typeof WebhookFilters>

const fields = {
  url: Url,
  events: v.pipe(v.array(EventSelector), v.minLength(1, 'must name at least one event')),
  headers: WebhookHeaders,
  filters: v.nullable(WebhookFilters),
  /** Tries in all, five seconds and doubling; null: the schedule over three days. */
  retryCount: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5))),
  /** False: deliveries of one chat may overtake each other. */
  ordered: v.boolean(),
}

export const CreateWebhook = v.strictObject({
  url: fields.url,
  events: v.optional(fields.events, ['message.received']),
  secret: v.optional(Secret),
  headers: v.optional(fields.headers, {}),
  filters: v.optional(fields.filters, null),
  retryCount: v.optional(fields.retryCount, null),
  ordered: v.optional(fields.ordered, true),
})
export type CreateWebhook = v.InferOutput<typeof CreateWebhook>

/** A new secret signs beside the old one for a day; an empty one clears both. `headers` replaces all of them. */
export const UpdateWebhook = v.strictObject({
  url: v.optional(fields.url),
  events: v.optional(fields.events),
  secret: v.optional(v.union([v.literal(''), Secret])),
  headers: v.optional(fields.headers),
  filters: v.optional(fields.filters),
  retryCount: v.optional(fields.retryCount),
  ordered: v.optional(fields.ordered),
  active: v.optional(v.boolean()),
})
export type UpdateWebhook = v.InferOutput<typeof UpdateWebhook>

/** Why the gateway switched a webhook off by itself. */
export const DisabledReason = v.picklist(['gone', 'failing'])
export type DisabledReason = v.InferOutput<typeof DisabledReason>

/** Never the secret and never a header's value. */
export const Webhook = v.strictObject({
  id: Uuid,
  sessionId: Uuid,
  url: v.string(),
  events: v.array(v.string()),
  filters: v.nullable(WebhookFilters),
  active: v.boolean(),
  retryCount: v.nullable(v.number()),
  ordered: v.boolean(),
  lastTriggeredAt: v.nullable(v.string()),
  /** Since when every try has failed; null while it answers. */
  failingSince: v.nullable(v.string()),
  disabledReason: v.nullable(DisabledReason),
  createdAt: v.string(),
  updatedAt: v.string(),
})
export type Webhook = v.InferOutput<typeof Webhook>

export const TestDelivery = v.strictObject({
  success: v.boolean(),
  statusCode: v.optional(v.number()),
  error: v.optional(v.string()),
})
export type TestDelivery = v.InferOutput<typeof TestDelivery>

/**
 * `waiting`: behind another of its chat. `due`: tried at `nextAttemptAt`. `dead`: given up, can be replayed. `cancelled`: the
 * webhook or a plugin did not want it any more. `replayed`: a later delivery has taken its place.
 */
export const deliveryStatuses = ['waiting', 'due', 'delivered', 'dead', 'cancelled', 'replayed'] as const
export const DeliveryStatus = v.picklist(deliveryStatuses)
export type DeliveryStatus = v.InferOutput<typeof DeliveryStatus>

export const Delivery = v.strictObject({
  id: v.string(),
  webhookId: v.string(),
  sessionId: v.string(),
  eventId: v.string(),
  event: v.string(),
  chatId: v.nullable(v.string()),
  status: DeliveryStatus,
  attempts: v.number(),
  responseCode: v.nullable(v.number()),
  responseTimeMs: v.nullable(v.number()),
  /** What kind of answer the last try got: `2xx`, `429`, `timeout`, `blocked`, … */
  result: v.nullable(v.string()),
  error: v.nullable(v.string()),
  createdAt: v.string(),
  lastAttemptAt: v.nullable(v.string()),
  nextAttemptAt: v.nullable(v.string()),
  replayOf: v.nullable(v.string()),
  replayable: v.boolean(),
})
export type Delivery = v.InferOutput<typeof Delivery>

/** One delivery with the request that would be sent now. Secrets are masked, signatures left out. */
export const DeliveryDetail = v.strictObject({
  ...Delivery.entries,
  responseBody: v.nullable(v.string()),
  request: v.nullable(
    v.strictObject({
      method: v.literal('POST'),
      url: v.string(),
      headers: v.record(v.string(), v.string()),
      body: v.string(),
    }),
  ),
})
export type DeliveryDetail = v.InferOutput<typeof DeliveryDetail>

/** OpenWA's view of a dead letter. */
export const DeliveryFailure = v.strictObject({
  id: v.string(),
  webhookId: v.string(),
  sessionId: v.string(),
  event: v.string(),
  url: v.string(),
  idempotencyKey: v.string(),
  deliveryId: v.string(),
  attempts: v.number(),
  lastStatusCode: v.nullable(v.number()),
  lastError: v.string(),
  createdAt: v.string(),
  replayable: v.boolean(),
})
export type DeliveryFailure = v.InferOutput<typeof DeliveryFailure>

const Limit = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500))
const DeliveryIds = v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.minLength(1), v.maxLength(500))

export const Redrive = v.strictObject({
  sessionId: v.optional(Uuid),
  webhookId: v.optional(Uuid),
  ids: v.optional(DeliveryIds),
  limit: v.optional(Limit, 100),
})
export type Redrive = v.InferOutput<typeof Redrive>

export const RedriveResult = v.strictObject({
  redriven: v.number(),
  delivered: v.number(),
  enqueued: v.number(),
  failed: v.number(),
  skipped: v.number(),
  remaining: v.number(),
})
export type RedriveResult = v.InferOutput<typeof RedriveResult>

const Moment = v.pipe(
  v.string('must be a date like 2030-01-31T00:00:00Z'),
  v.isoTimestamp('must be a date like 2030-01-31T00:00:00Z'),
)

/** Which settled deliveries to send again, with new delivery ids and the same event ids. At least one bound must be given. */
export const Replay = v.pipe(
  v.strictObject({
    ids: v.optional(DeliveryIds),
    sessionId: v.optional(Uuid),
    webhookId: v.optional(Uuid),
    events: v.optional(v.pipe(v.array(EventSelector), v.minLength(1))),
    status: v.optional(v.picklist(['dead', 'cancelled', 'delivered']), 'dead'),
    /** Of the event; `until` is exclusive. */
    since: v.optional(Moment),
    until: v.optional(Moment),
    limit: v.optional(Limit, 100),
  }),
  v.check(
    ask => [ask.ids, ask.sessionId, ask.webhookId, ask.since, ask.until].some(bound => bound !== undefined),
    'must name ids, a session, a webhook or a time',
  ),
)
export type Replay = v.InferOutput<typeof Replay>

export const ReplayResult = v.strictObject({
  replayed: v.number(),
  skipped: v.number(),
  remaining: v.number(),
  deliveries: v.array(v.strictObject({ id: v.string(), replayOf: v.string(), eventId: v.string() })),
})
export type ReplayResult = v.InferOutput<typeof ReplayResult>
