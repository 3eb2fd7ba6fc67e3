// Turns a signed webhook into a message: the operator says to whom and in which words, the JSON body fills the gaps.
import type { Plugin, PluginContext, WebhookRequest } from '../../src/contract/plugin.ts'

/** Deliveries remembered, so that one that comes again is not sent again. */
const REMEMBERED = 200
const DONE = 'done'

/** Longest message; WhatsApp takes no more. */
const MAX_TEXT = 4_096

export default class WebhookRelay implements Plugin {
  onEnable(context: PluginContext): void {
    context.registerWebhook('message', request => relay(context, request))
  }
}

/** Throwing means "try again later", so only what may be better then is thrown. */
async function relay(context: PluginContext, request: WebhookRequest): Promise<void> {
  const { config, logger } = context
  const done = await doneBefore(context)
  if (done.includes(request.deliveryId)) return
  const body = parseBody(request.body)
  const asked = config.chatFromBody === true ? textOf(body.chatId) : ''
  const target = {
    sessionId: request.sessionId ?? textOf(config.sessionId),
    chatId: asked || textOf(config.chatId),
  }
  const text = fill(textOf(config.template) || '{text}', body)
    .trim()
    .slice(0, MAX_TEXT)
  if (target.sessionId === '' || target.chatId === '' || text === '') {
    logger.warn('A webhook was dropped: it says nothing, or the session or the chat is not configured')
    return
  }
  await context.conversations.send({ ...target, type: 'text', text })
  await context.storage.set(DONE, [...done, request.deliveryId].slice(-REMEMBERED))
}

async function doneBefore(context: PluginContext): Promise<string[]> {
  const stored = await context.storage.get(DONE)
  return Array.isArray(stored) ? stored.filter(id => typeof id === 'string') : []
}

/** What is not a JSON object has no fields; as a whole it is the `text`. */
function parseBody(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch {
    // A sender of plain text or of a form.
  }
  return { text: body }
}

/** `{a.b}` becomes the field `b` of the field `a`; what is not there becomes nothing. */
function fill(template: string, body: Record<string, unknown>): string {
  return template.replace(/\{([\w.-]{1,100})\}/g, (_, path: string) => {
    let value: unknown = body
    for (const name of path.split('.'))
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? (value as Record<string, unknown>)[name]
          : undefined
    return typeof value === 'object' ? JSON.stringify(value ?? '') : textOf(value)
  })
}

const textOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? `${value}`
      : ''
