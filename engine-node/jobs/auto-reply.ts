// Answers messages by the rules: the answer is a job, stored with the start of the cooldown, so that a message that is told
// twice after a crash is answered once.
import type { IncomingMessage } from '../../src/contract/message.ts'
import { findReply, noteReply, type RuleRow } from '../../src/db/automation.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import { insertJobOnce, recentAnswers } from '../../src/db/jobs.ts'
import type { Logger } from '../log.ts'
import type { HookRunner } from '../pipeline/message-news.ts'
import type { AutomationRules } from './automation-rules.ts'
import { matchRule } from './match-rule.ts'

/**
 * Automatic answers that one chat gets in an hour, whatever the cooldowns say: two gateways that answer each other come to
 * an end.
 */
const MAX_PER_HOUR = 30
const HOUR_MS = 60 * 60_000

export interface AutoReply {
  /** Resolves when the answer, if there is one, is stored. To be called in the order of a chat, one at a time. */
  consider(sessionId: string, message: IncomingMessage): Promise<void>
  /** The chain with the rules behind the plugins: they see a message as plugins have left it. */
  behind(chain: HookRunner): HookRunner
}

export function createAutoReply(deps: {
  db: Db
  writer: Writer
  now(): number
  rules: Pick<AutomationRules, 'of' | 'hasAny'>
  /** False where a person has taken over the chat. */
  mayAnswer(sessionId: string, chatId: string): boolean
  log: Pick<Logger, 'warn'>
  onNew(): void
}): AutoReply {
  const { db, writer, now, rules, log } = deps

  async function isQuiet({ id, cooldownSeconds }: RuleRow, chatId: string): Promise<boolean> {
    const last = await findReply(db, id, chatId)
    return last !== null && now() - last.repliedAt < cooldownSeconds * 1_000
  }

  async function answer(rule: RuleRow, message: IncomingMessage) {
    const { sessionId } = rule
    const { chatId, id: waMessageId } = message
    const at = now()
    const [, inserted] = await writer.commit([
      noteReply({ ruleId: rule.id, chatId, repliedAt: at }),
      insertJobOnce({
        // A message that is told again after a crash leads to the same job.
        id: `${rule.id}:${chatId}:${waMessageId}`,
        sessionId,
        origin: 'automation',
        chatId,
        type: 'text',
        input: JSON.stringify({ chatId, text: rule.replyText }),
        sendAt: at,
        dueAt: at,
        state: 'waiting',
        createdAt: at,
      }),
    ])
    if (inserted === 1) deps.onNew()
  }

  async function consider(sessionId: string, message: IncomingMessage) {
    const rule = matchRule(rules.of(sessionId), message, now())
    if (rule === null || !deps.mayAnswer(sessionId, message.chatId)) return
    if (await isQuiet(rule, message.chatId)) return
    const of = { sessionId, chatId: message.chatId, since: now() - HOUR_MS, limit: MAX_PER_HOUR }
    if ((await recentAnswers(db, of)) < MAX_PER_HOUR) return await answer(rule, message)
    log.warn({ sessionId, ruleId: rule.id }, 'a chat has had too many automatic answers in an hour')
  }

  return {
    consider,
    behind: chain => ({
      // A message that rules wait for is marked as untold like one that plugins wait for, and so outlives a crash.
      order: event =>
        event === 'message:received' && rules.hasAny()
          ? [...chain.order(event), 'automation']
          : chain.order(event),
      async run(event, data, origin) {
        const outcome = await chain.run(event, data, origin)
        if (event === 'message:received' && origin.sessionId !== null)
          await consider(origin.sessionId, outcome.data as IncomingMessage)
        return outcome
      },
    }),
  }
}
