// Sends that happen later: which there are, when they may be due, and how they are listed.
import * as v from 'valibot'
import { type ChatId, Uuid } from './ids.ts'
import { OutgoingText, Reply } from './message.ts'
import { Forward, SendAudio, SendContact, SendLocation, SendMedia, SendPoll } from './outgoing.ts'

/** Every send that can be kept for later: one row each. */
export const Send = v.variant('type', [
  v.strictObject({ type: v.literal('text'), input: OutgoingText }),
  v.strictObject({ type: v.literal('reply'), input: Reply }),
  v.strictObject({ type: v.literal('image'), input: SendMedia }),
  v.strictObject({ type: v.literal('video'), input: SendMedia }),
  v.strictObject({ type: v.literal('audio'), input: SendAudio }),
  v.strictObject({ type: v.literal('document'), input: SendMedia }),
  v.strictObject({ type: v.literal('sticker'), input: SendMedia }),
  v.strictObject({ type: v.literal('location'), input: SendLocation }),
  v.strictObject({ type: v.literal('contact'), input: SendContact }),
  v.strictObject({ type: v.literal('poll'), input: SendPoll }),
  v.strictObject({ type: v.literal('forward'), input: Forward }),
])
export type Send = v.InferOutput<typeof Send>
export type SendType = Send['type']

/** Longest base64 that a send for later may carry: it lies in the database until then. Larger files are given by a URL. */
export const MAX_KEPT_BASE64 = 8 * 1024 * 1024

/** The chat that a send goes to. */
export const chatOf = (send: Send): ChatId =>
  send.type === 'forward' ? send.input.toChatId : send.input.chatId

/** Why a send cannot be kept for later; null when it can. */
export function whyNotKept({ input }: Send): string | null {
  if ('uploadId' in input && input.uploadId !== undefined)
    return 'uploadId cannot be sent later: an upload is kept for an hour. Give a url or base64'
  if ('base64' in input && (input.base64?.length ?? 0) > MAX_KEPT_BASE64)
    return `base64 of a message for later must be at most ${MAX_KEPT_BASE64} characters. Give a url`
  return null
}

export const JobId = v.pipe(Uuid, v.brand('JobId'))
export type JobId = v.InferOutput<typeof JobId>

const SEND_AT = 'must be a date like 2030-01-31T08:00:00Z or a time in milliseconds'

/** When a message is to be sent: a date with its zone, or epoch milliseconds. */
export const SendAt = v.union(
  [
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8_640_000_000_000_000)),
    v.pipe(
      v.string(),
      v.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$/),
      v.check(text => !Number.isNaN(Date.parse(text))),
      v.transform(text => Date.parse(text)),
    ),
  ],
  SEND_AT,
)

/** How far ahead a send may be asked for: nobody remembers more, and rows must not pile up for ever. */
export const MAX_AHEAD_MS = 365 * 24 * 60 * 60_000

/** A moment that has just passed means now: clocks differ, and a request takes its time. */
export const MAX_BEHIND_MS = 60_000

/** `waiting`: for its time, or for the session to be ready. `sending`: on its way, can no longer be cancelled. */
export const jobStates = ['waiting', 'sending', 'sent', 'failed', 'cancelled'] as const
export const JobState = v.picklist(jobStates, `must be one of ${jobStates.join(', ')}`)
export type JobState = v.InferOutput<typeof JobState>

export const JobError = v.strictObject({ code: v.string(), message: v.string() })
export type JobError = v.InferOutput<typeof JobError>

/** A scheduled send as it is listed. `messageId` and `sentAt` are there once it is sent. */
export const ScheduledSend = v.strictObject({
  jobId: v.string(),
  sessionId: v.string(),
  chatId: v.string(),
  type: v.string(),
  sendAt: v.string(),
  status: JobState,
  messageId: v.optional(v.string()),
  sentAt: v.optional(v.string()),
  error: v.optional(JobError),
  createdAt: v.string(),
})
export type ScheduledSend = v.InferOutput<typeof ScheduledSend>
