// Message templates (REST spec, section 6 and row 35): kept in the database by the API itself, so they need no engine; sending
// one does.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { MAX_RENDERED_TEXT, type OutgoingText, SendResult } from '../../contract/message.ts'
import {
  CreateTemplate,
  renderTemplate,
  SendTemplate,
  Template,
  TemplateId,
  UpdateTemplate,
} from '../../contract/template.ts'
import { type Db, isUniqueViolation, type Statement, type Writer } from '../../db/db.ts'
import { findSession } from '../../db/sessions.ts'
import {
  deleteTemplate,
  findTemplate,
  insertTemplate,
  listTemplates,
  type TemplateRow,
  toTemplate,
  updateTemplate,
} from '../../db/templates.ts'
import { newUuid } from '../api-key.ts'
import { type Route, route } from '../route.ts'
import { clamped, pathId } from '../validate.ts'
import { SendQuery, sending, sent } from './messages.ts'
import { BySession, noSession } from './sessions.ts'

const noTemplate = (id: string) => `Template with id '${id}' not found`
const ByTemplate = v.object({ ...BySession.entries, id: pathId(TemplateId, noTemplate) })

async function requireSession(db: Db, id: string): Promise<void> {
  if ((await findSession(db, id)) === null) throw new GatewayError('not_found', noSession(id))
}

async function requireTemplate(db: Db, sessionId: string, id: string): Promise<TemplateRow> {
  const row = await findTemplate(db, sessionId, { id })
  if (row === null) throw new GatewayError('not_found', noTemplate(id))
  return row
}

async function commitName(writer: Writer, change: Statement, name: string): Promise<void> {
  try {
    await writer.commit([change])
  } catch (cause) {
    if (!isUniqueViolation(cause)) throw cause
    throw new GatewayError('template_name_taken', `Template with name '${name}' already exists`, { cause })
  }
}

/** The template as the text that is sent. */
async function toText(db: Db, sessionId: string, asked: SendTemplate): Promise<OutgoingText> {
  const { chatId, templateId, templateName = '', vars, mentions, linkPreview } = asked
  const by = templateId === undefined ? { name: templateName } : { id: templateId }
  const template = await findTemplate(db, sessionId, by)
  if (template === null) {
    await requireSession(db, sessionId)
    throw new GatewayError(
      'not_found',
      templateId === undefined ? `Template with name '${templateName}' not found` : noTemplate(templateId),
    )
  }
  const text = renderTemplate(template, vars)
  if (text.length > MAX_RENDERED_TEXT)
    throw new GatewayError(
      'invalid_input',
      `The template is longer than ${MAX_RENDERED_TEXT} characters with these values`,
    )
  return { chatId, text, ...(mentions && { mentions }), ...(linkPreview !== undefined && { linkPreview }) }
}

export const templateRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/templates',
    summary: 'List the templates of a session, newest first',
    role: 'operator',
    params: BySession,
    query: v.object({
      limit: clamped({ min: 1, max: 1_000, fallback: 1_000 }),
      offset: clamped({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }),
    }),
    status: 200,
    result: v.array(Template),
    async handle({ params: { sid }, query }, { db }) {
      await requireSession(db, sid)
      return (await listTemplates(db, sid, query)).map(toTemplate)
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/templates/:id',
    summary: 'Get one template',
    role: 'operator',
    params: ByTemplate,
    status: 200,
    result: Template,
    handle: async ({ params: { sid, id } }, { db }) => toTemplate(await requireTemplate(db, sid, id)),
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/templates',
    summary: 'Save a template; {{name}} in it stands for a value that is given when it is sent',
    role: 'operator',
    params: BySession,
    body: CreateTemplate,
    status: 201,
    result: Template,
    async handle({ params: { sid }, body }, { db, writer, now, randomBytes }) {
      await requireSession(db, sid)
      const at = now()
      const row = { id: newUuid(randomBytes), sessionId: sid, ...body, createdAt: at, updatedAt: at }
      await commitName(writer, insertTemplate(db, row), body.name)
      return toTemplate(row)
    },
  }),
  route({
    method: 'PUT',
    path: '/sessions/:sid/templates/:id',
    summary: 'Change a template; null takes its header or footer away',
    role: 'operator',
    params: ByTemplate,
    body: UpdateTemplate,
    status: 200,
    result: Template,
    async handle({ params: { sid, id }, body }, { db, writer, now }) {
      const before = await requireTemplate(db, sid, id)
      const { name = before.name, body: text = before.body, header, footer } = body
      const patch = {
        name,
        body: text,
        header: header === undefined ? before.header : header,
        footer: footer === undefined ? before.footer : footer,
        updatedAt: now(),
      }
      await commitName(writer, updateTemplate(db, id, patch), name)
      return toTemplate({ ...before, ...patch })
    },
  }),
  route({
    method: 'DELETE',
    path: '/sessions/:sid/templates/:id',
    summary: 'Delete a template',
    role: 'operator',
    params: ByTemplate,
    status: 204,
    result: null,
    async handle({ params: { sid, id } }, { db, writer }) {
      await requireTemplate(db, sid, id)
      await writer.commit([deleteTemplate(db, id)])
      return null
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/messages/send-template',
    summary: 'Send a template, filled in; a name without a value stays as it is written',
    role: 'operator',
    params: BySession,
    query: SendQuery,
    body: SendTemplate,
    chats: ({ body }) => [body.chatId],
    idempotent: true,
    later: async ({ params, body }, { db }) => ({ type: 'text', input: await toText(db, params.sid, body) }),
    status: 201,
    result: SendResult,
    async handle(ask, { db, engine }) {
      const { sid: sessionId } = ask.params
      const input = await toText(db, sessionId, ask.body)
      return sent(await engine.call('message.sendText', { ...sending(ask), sessionId, input }))
    },
  }),
]
