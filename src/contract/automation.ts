// Automation rules: an answer by itself to messages that meet conditions (REST spec, rows 193 to 197).
import * as v from 'valibot'
import { Uuid } from './ids.ts'
import { SendText } from './message.ts'
import { WebhookFilters } from './webhook.ts'

export const RuleId = v.pipe(Uuid, v.brand('RuleId'))
export type RuleId = v.InferOutput<typeof RuleId>

/** OpenWA's bounds and defaults. */
const MAX_NAME = 100
const MAX_COOLDOWN_SECONDS = 86_400
const DEFAULT_COOLDOWN_SECONDS = 60

const fields = {
  name: v.pipe(
    v.string('must be a string'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(MAX_NAME, `must be at most ${MAX_NAME} characters`),
  ),
  enabled: v.boolean('must be true or false'),
  conditions: v.nullable(WebhookFilters),
  replyText: SendText.entries.text,
  cooldownSeconds: v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number'),
    v.minValue(0, 'must be at least 0'),
    v.maxValue(MAX_COOLDOWN_SECONDS, `must be at most ${MAX_COOLDOWN_SECONDS}`),
  ),
}

export const CreateRule = v.strictObject({
  name: fields.name,
  enabled: v.optional(fields.enabled, true),
  conditions: v.optional(fields.conditions, null),
  replyText: fields.replyText,
  cooldownSeconds: v.optional(fields.cooldownSeconds, DEFAULT_COOLDOWN_SECONDS),
})
export type CreateRule = v.InferOutput<typeof CreateRule>

export const UpdateRule = v.strictObject({
  name: v.optional(fields.name),
  enabled: v.optional(fields.enabled),
  conditions: v.optional(fields.conditions),
  replyText: v.optional(fields.replyText),
  cooldownSeconds: v.optional(fields.cooldownSeconds),
})
export type UpdateRule = v.InferOutput<typeof UpdateRule>

export const AutomationRule = v.strictObject({
  id: Uuid,
  sessionId: Uuid,
  name: v.string(),
  enabled: v.boolean(),
  conditions: v.nullable(WebhookFilters),
  replyText: v.string(),
  cooldownSeconds: v.number(),
  createdAt: v.string(),
  updatedAt: v.string(),
})
export type AutomationRule = v.InferOutput<typeof AutomationRule>
