// Bulk sends: a batch of messages that go out one by one (REST spec, rows 33, 54 and 55).
import * as v from 'valibot'
import { ChatId } from './ids.ts'
import { JobError } from './job.ts'
import { SendText } from './message.ts'
import { TemplateVars } from './template.ts'

/** OpenWA's bounds. */
const MAX_ITEMS = 100
const MIN_DELAY_MS = 1_000
const MAX_DELAY_MS = 60_000
const DEFAULT_DELAY_MS = 3_000

export const itemTypes = ['text', 'image', 'video', 'audio', 'document'] as const
export type ItemType = (typeof itemTypes)[number]

/** It stands in a path, so nothing that could mean another one passes. */
export const BatchId = v.pipe(
  v.string('must be a string'),
  v.regex(/^[\w.:-]{1,64}$/, 'must be 1 to 64 letters, digits or _ . : -'),
  v.check(id => id !== '.' && id !== '..', 'must not be . or ..'),
)

const text = (max: number) =>
  v.pipe(v.string('must be a string'), v.maxLength(max, `must be at most ${max} characters`))

const File = v.strictObject({
  url: v.optional(text(2_048)),
  base64: v.optional(v.string('must be a string')),
  mimetype: v.optional(text(255)),
  filename: v.optional(text(255)),
  ptt: v.optional(v.boolean('must be true or false')),
})

const Content = v.strictObject({
  text: v.optional(SendText.entries.text),
  image: v.optional(File),
  video: v.optional(File),
  audio: v.optional(File),
  document: v.optional(File),
  caption: v.optional(text(1_024)),
  mentions: SendText.entries.mentions,
})

export const BulkItem = v.pipe(
  v.strictObject({
    chatId: ChatId,
    type: v.picklist(itemTypes, `must be one of ${itemTypes.join(', ')}`),
    content: Content,
    variables: v.optional(TemplateVars),
  }),
  v.check(({ type, content }) => content[type] !== undefined, 'content must hold what its type names'),
)
export type BulkItem = v.InferOutput<typeof BulkItem>

const BulkOptions = v.strictObject({
  delayBetweenMessages: v.optional(
    v.pipe(
      v.number('must be a number'),
      v.integer('must be a whole number'),
      v.minValue(MIN_DELAY_MS, `must be at least ${MIN_DELAY_MS}`),
      v.maxValue(MAX_DELAY_MS, `must be at most ${MAX_DELAY_MS}`),
    ),
    DEFAULT_DELAY_MS,
  ),
  randomizeDelay: v.optional(v.boolean('must be true or false'), true),
  stopOnError: v.optional(v.boolean('must be true or false'), false),
})

export const SendBulk = v.strictObject({
  batchId: v.optional(BatchId),
  messages: v.pipe(
    v.array(BulkItem, 'must be a list'),
    v.minLength(1, 'must have at least 1 message'),
    v.maxLength(MAX_ITEMS, `must have at most ${MAX_ITEMS} messages`),
  ),
  options: v.optional(BulkOptions, {}),
})
export type SendBulk = v.InferOutput<typeof SendBulk>

export const batchStatuses = ['pending', 'processing', 'completed', 'cancelled', 'failed'] as const
export const BatchStatus = v.picklist(batchStatuses)
export type BatchStatus = v.InferOutput<typeof BatchStatus>

export const BulkAccepted = v.strictObject({
  batchId: v.string(),
  status: v.literal('pending'),
  totalMessages: v.number(),
  estimatedCompletionTime: v.string(),
  statusUrl: v.string(),
})
export type BulkAccepted = v.InferOutput<typeof BulkAccepted>

export const BatchProgress = v.strictObject({
  total: v.number(),
  sent: v.number(),
  failed: v.number(),
  pending: v.number(),
  cancelled: v.number(),
})
export type BatchProgress = v.InferOutput<typeof BatchProgress>

/** `sent` in a result means that the message was accepted, as a single send does. */
export const BatchView = v.strictObject({
  batchId: v.string(),
  status: BatchStatus,
  progress: BatchProgress,
  results: v.array(
    v.strictObject({
      chatId: v.string(),
      status: v.picklist(['pending', 'sent', 'failed', 'cancelled']),
      messageId: v.optional(v.string()),
      sentAt: v.optional(v.string()),
      error: v.optional(JobError),
    }),
  ),
  startedAt: v.nullable(v.string()),
  completedAt: v.nullable(v.string()),
})
export type BatchView = v.InferOutput<typeof BatchView>

export const BatchCancelled = v.strictObject({
  batchId: v.string(),
  status: v.literal('cancelled'),
  progress: BatchProgress,
})
export type BatchCancelled = v.InferOutput<typeof BatchCancelled>
