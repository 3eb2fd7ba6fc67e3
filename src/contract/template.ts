// Message templates: what a client may save, what is shown of it, and how one becomes a text (REST spec, section 6 and row 35).
import * as v from 'valibot'
import { ChatId, Uuid } from './ids.ts'
import { SendText } from './message.ts'

export const TemplateId = v.pipe(Uuid, v.brand('TemplateId'))
export type TemplateId = v.InferOutput<typeof TemplateId>

/** OpenWA's bounds. */
const MAX_NAME = 100
const MAX_BODY = 4_096
const MAX_EDGE = 1_024

/** Values that one send may give, and how long each may be: together no more than a body of this API holds anyway. */
const MAX_VARS = 100
const MAX_VALUE = 4_096

const bounded = (max: number) =>
  v.pipe(
    v.string('must be a string'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(max, `must be at most ${max} characters`),
  )

const fields = { name: bounded(MAX_NAME), body: bounded(MAX_BODY), edge: v.nullable(bounded(MAX_EDGE)) }

export const CreateTemplate = v.strictObject({
  name: fields.name,
  body: fields.body,
  header: v.optional(fields.edge, null),
  footer: v.optional(fields.edge, null),
})
export type CreateTemplate = v.InferOutput<typeof CreateTemplate>

/** Null clears a header or a footer. */
export const UpdateTemplate = v.strictObject({
  name: v.optional(fields.name),
  body: v.optional(fields.body),
  header: v.optional(fields.edge),
  footer: v.optional(fields.edge),
})
export type UpdateTemplate = v.InferOutput<typeof UpdateTemplate>

export const Template = v.strictObject({
  id: Uuid,
  sessionId: Uuid,
  name: v.string(),
  body: v.string(),
  header: v.nullable(v.string()),
  footer: v.nullable(v.string()),
  createdAt: v.string(),
  updatedAt: v.string(),
})
export type Template = v.InferOutput<typeof Template>

/** What stands for each `{{name}}`. */
export const TemplateVars = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, 'may hold only letters, digits and _ . -')),
    v.pipe(v.string('must be a string'), v.maxLength(MAX_VALUE, `must be at most ${MAX_VALUE} characters`)),
    'must be an object of texts',
  ),
  v.check(vars => Object.keys(vars).length <= MAX_VARS, `must be at most ${MAX_VARS} values`),
)
export type TemplateVars = v.InferOutput<typeof TemplateVars>

export const SendTemplate = v.pipe(
  v.strictObject({
    chatId: ChatId,
    templateId: v.optional(TemplateId),
    templateName: v.optional(fields.name),
    vars: v.optional(TemplateVars, {}),
    mentions: SendText.entries.mentions,
    linkPreview: SendText.entries.linkPreview,
  }),
  v.check(
    ({ templateId, templateName }) => (templateId === undefined) !== (templateName === undefined),
    'templateId or templateName must be given, and only one of them',
  ),
)
export type SendTemplate = v.InferOutput<typeof SendTemplate>

/**
 * The text with each `{{name}}` replaced by the value of that name. A name without a value stays as it is written, so that
 * its lack is seen. Nothing else in the text means anything, and a value is not looked at for more names.
 */
export function fillIn(text: string, vars: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{\s{0,16}([\w.-]{1,64})\s{0,16}\}\}/g, (written, name: string) =>
    Object.hasOwn(vars, name) ? (vars[name] ?? written) : written,
  )
}

/** Header, body and footer with their values, as far as they are there, with a blank line between. */
export function renderTemplate(
  template: { header: string | null; body: string; footer: string | null },
  vars: Readonly<Record<string, string>>,
): string {
  const parts = [template.header, template.body, template.footer].filter(part => part !== null)
  return parts.map(part => fillIn(part, vars)).join('\n\n')
}
