// Whether a webhook wants an event: its list of names, then its conditions on the payload. Pure.
import type { EventName } from '../contract/events.ts'
import { type Condition, type FilterField, filterFields, type WebhookFilters } from '../contract/webhook.ts'

/** What a webhook says of its wishes. */
export interface Subscription {
  events: readonly string[]
  filters: WebhookFilters | null
}

type Payload = Readonly<Record<string, unknown>>

const texts = (...values: unknown[]): string[] =>
  values.flat().filter((value): value is string => typeof value === 'string')

/** Where each field is found in a payload. A person may be known by two ids; either will do. */
const finders: Record<FilterField, (payload: Payload) => string[] | boolean> = {
  sender: payload => texts(payload.author ?? payload.senderId ?? payload.from, payload.senderPhone),
  recipient: payload => texts(payload.to),
  chatId: payload => texts(payload.chatId ?? payload.groupId),
  mentions: payload => texts(payload.mentionedIds ?? []),
  body: payload => texts(payload.body),
  type: payload => texts(payload.type),
  kind: payload => texts(payload.kind),
  isGroup: payload => payload.isGroup === true,
  fromMe: payload => payload.fromMe === true,
  hasMedia: payload => payload.hasMedia === true || (payload.hasMedia === undefined && payload.media != null),
}

/** A bare phone means the chat with that person. */
function toId(text: string): string {
  const phone = /^\+?(\d{5,20})(@s\.whatsapp\.net)?$/.exec(text.trim())
  return phone ? `${phone[1]}@c.us` : text.trim()
}

/** True when the payload has what the condition asks for. An absent field has nothing, so only `isNot` holds of it. */
export function holds(condition: Condition, payload: Payload): boolean {
  const found = finders[condition.field](payload)
  if (typeof found === 'boolean') return (found === condition.value) === (condition.operator !== 'isNot')
  const kind = filterFields[condition.field]
  const comparable = (text: string) => {
    const value = kind === 'id' ? toId(text) : text
    return condition.caseSensitive === true ? value : value.toLowerCase()
  }
  const part = condition.operator === 'contains'
  // Part of an id is compared as it was written: "15550" is no phone of its own there.
  const wanted = texts(condition.value).map(part ? text => fold(text, condition) : comparable)
  const matches = found.map(comparable).some(value => wanted.some(want => isMatch(value, want, part)))
  return condition.operator === 'isNot' ? !matches : matches
}

const fold = (text: string, { caseSensitive }: Condition) =>
  caseSensitive === true ? text : text.toLowerCase()
const isMatch = (value: string, want: string, part: boolean) => (part ? value.includes(want) : value === want)

/** True when the event is on the list and every condition holds. */
export function wants(subscription: Subscription, event: EventName, payload: Payload): boolean {
  return (
    (subscription.events.includes('*') || subscription.events.includes(event)) &&
    (subscription.filters?.conditions ?? []).every(condition => holds(condition, payload))
  )
}
