// Which rule answers a message: the oldest one whose conditions hold, if it is a message that may be answered by itself. Pure.
import type { IncomingMessage } from '../../src/contract/message.ts'
import type { RuleRow } from '../../src/db/automation.ts'
import { holds } from '../../src/webhooks/filter.ts'

/**
 * After a time without connection many old messages come at once: to answer them would be a burst of answers that nobody
 * waits for any more, and the way in which two gateways answer each other for ever.
 */
export const MAX_MESSAGE_AGE_MS = 5 * 60_000

type Message = Pick<IncomingMessage, 'fromMe' | 'kind' | 'timestamp'> & Readonly<Record<string, unknown>>

/** Fields by which a rule says that it means a group, a channel, a status or a broadcast list. */
const placeFields: ReadonlySet<string> = new Set(['kind', 'isGroup', 'chatId'])

/** Only chats with one person are answered without being named: an answer in a group is read by people who did not ask. */
function meansPlace(rule: RuleRow, message: Message): boolean {
  if (message.kind === 'individual') return true
  const conditions = rule.conditions?.conditions ?? []
  return conditions.some(
    ({ field, operator, value }) => placeFields.has(field) && operator !== 'isNot' && value !== false,
  )
}

/** Null where nothing answers. `rules` are enabled ones, oldest first; the first that matches decides, whatever follows. */
export function matchRule(rules: readonly RuleRow[], message: Message, now: number): RuleRow | null {
  if (message.fromMe || now - message.timestamp * 1_000 > MAX_MESSAGE_AGE_MS) return null
  return (
    rules.find(
      rule =>
        meansPlace(rule, message) &&
        (rule.conditions?.conditions ?? []).every(condition => holds(condition, message)),
    ) ?? null
  )
}
