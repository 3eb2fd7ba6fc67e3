// Automation rules in the database, and when each has last answered where.
import { and, asc, eq } from 'drizzle-orm'
import type { AutomationRule } from '../contract/automation.ts'
import { type Db, type Statement, statement } from './db.ts'
import { automationReplies, automationRules } from './schema.ts'

export type RuleRow = typeof automationRules.$inferSelect
export type RulePatch = Partial<Omit<RuleRow, 'id' | 'sessionId' | 'createdAt'>> & { updatedAt: number }
export type ReplyRow = typeof automationReplies.$inferSelect

/** A row as the API shows it. */
export function toRule({ createdAt, updatedAt, ...row }: RuleRow): AutomationRule {
  return {
    ...row,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  }
}

/** Oldest first, which is the order in which they are tried; of all sessions without one. */
export async function listRules(db: Db, sessionId?: string): Promise<RuleRow[]> {
  return await db
    .select()
    .from(automationRules)
    .where(sessionId === undefined ? undefined : eq(automationRules.sessionId, sessionId))
    .orderBy(asc(automationRules.createdAt), asc(automationRules.id))
}

export async function findRule(db: Db, sessionId: string, id: string): Promise<RuleRow | null> {
  const [row] = await db
    .select()
    .from(automationRules)
    .where(and(eq(automationRules.sessionId, sessionId), eq(automationRules.id, id)))
    .limit(1)
  return row ?? null
}

/** Changes no row when the session has `limit` of them. */
export const insertRule = (row: RuleRow, limit: number): Statement => ({
  sql: `INSERT INTO automation_rules
    (id, session_id, name, enabled, conditions, reply_text, cooldown_seconds, created_at, updated_at)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?
    WHERE (SELECT count(*) FROM automation_rules WHERE session_id = ?) < ?`,
  args: [
    row.id,
    row.sessionId,
    row.name,
    row.enabled ? 1 : 0,
    row.conditions === null ? null : JSON.stringify(row.conditions),
    row.replyText,
    row.cooldownSeconds,
    row.createdAt,
    row.updatedAt,
    row.sessionId,
    limit,
  ],
})

export const updateRule = (db: Db, id: string, patch: RulePatch): Statement =>
  statement(db.update(automationRules).set(patch).where(eq(automationRules.id, id)))

export const deleteRule = (db: Db, id: string): Statement =>
  statement(db.delete(automationRules).where(eq(automationRules.id, id)))

export async function findReply(db: Db, ruleId: string, chatId: string): Promise<ReplyRow | null> {
  const [row] = await db
    .select()
    .from(automationReplies)
    .where(and(eq(automationReplies.ruleId, ruleId), eq(automationReplies.chatId, chatId)))
    .limit(1)
  return row ?? null
}

/** Begins a cooldown anew. Changes no row when the rule was deleted. */
export const noteReply = ({ ruleId, chatId, repliedAt }: ReplyRow): Statement => ({
  sql: `INSERT INTO automation_replies (rule_id, chat_id, replied_at)
    SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM automation_rules WHERE id = ?)
    ON CONFLICT (rule_id, chat_id)
    DO UPDATE SET replied_at = excluded.replied_at`,
  args: [ruleId, chatId, repliedAt, ruleId],
})
