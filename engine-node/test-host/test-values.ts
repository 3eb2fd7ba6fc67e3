// Messages and webhooks as they usually are, for a test to change what it is about.
import type { WebhookRequest } from '../../src/contract/ingress.ts'
import type { IncomingMessage } from '../../src/contract/message.ts'

/** The session of every test. */
export const SESSION = '5e551011-0000-4000-8000-000000000001'

/** The account of the session, and the person who writes to it. */
export const ME = '15550000001@c.us'
export const PERSON = '15550000002@c.us'

/** A text from a person to this account; `chatId` of a group makes it one in that group. */
export function newMessage(given: Partial<IncomingMessage>, count: number): IncomingMessage {
  const chatId = given.chatId ?? PERSON
  const isGroup = chatId.endsWith('@g.us')
  return {
    id: `IN${count}`,
    from: chatId,
    to: ME,
    chatId,
    body: '',
    type: 'text',
    timestamp: 1_700_000_000 + count,
    fromMe: false,
    isGroup,
    kind: isGroup ? 'group' : 'individual',
    ...(isGroup ? { author: PERSON } : {}),
    ...given,
  }
}

let deliveries = 0

/** A POST that has passed its signature; a body that is no text is sent as JSON. */
export function newWebhook({
  body,
  ...given
}: Partial<Omit<WebhookRequest, 'body'>> & { body?: unknown }): WebhookRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? {})
  deliveries += 1
  return {
    instanceId: 'main',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    query: {},
    body: text,
    rawBody: text,
    verified: true,
    deliveryId: `delivery-${deliveries}`,
    ...given,
  }
}
