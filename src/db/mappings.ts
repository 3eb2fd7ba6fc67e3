// Which conversation of another system is which chat, in the database.
import { and, eq, ne, or, sql } from 'drizzle-orm'
import type { HandoverState } from '../contract/conversation.ts'
import { type Db, type Statement, statement } from './db.ts'
import { contacts, conversationMappings } from './schema.ts'

export type MappingRow = typeof conversationMappings.$inferSelect

export interface MappingKey {
  pluginId: string
  instanceId: string
  sessionId: string
  chatId: string
}

const isKey = (key: MappingKey) =>
  and(
    eq(conversationMappings.pluginId, key.pluginId),
    eq(conversationMappings.instanceId, key.instanceId),
    eq(conversationMappings.sessionId, key.sessionId),
    eq(conversationMappings.chatId, key.chatId),
  )

const isProvider = (of: { pluginId: string; instanceId: string; providerConversationId: string }) =>
  and(
    eq(conversationMappings.pluginId, of.pluginId),
    eq(conversationMappings.instanceId, of.instanceId),
    eq(conversationMappings.providerConversationId, of.providerConversationId),
  )

/** A mapping has moved with its person's chat when the phone became known: it is found by the lid all the same. */
export async function findMapping(db: Db, key: MappingKey): Promise<MappingRow | null> {
  const { sessionId, chatId, pluginId, instanceId } = key
  const [row] = await db
    .select()
    .from(conversationMappings)
    .where(
      and(
        eq(conversationMappings.sessionId, sessionId),
        sql`${conversationMappings.chatId} IN (${chatId},
          (SELECT phone_id FROM contacts WHERE session_id = ${sessionId} AND lid_id = ${chatId}))`,
        eq(conversationMappings.pluginId, pluginId),
        eq(conversationMappings.instanceId, instanceId),
      ),
    )
    .orderBy(sql`${conversationMappings.chatId} <> ${chatId}`)
    .limit(1)
  return row ?? null
}

export async function findByProvider(
  db: Db,
  of: { pluginId: string; instanceId: string; providerConversationId: string },
): Promise<MappingRow | null> {
  const [row] = await db.select().from(conversationMappings).where(isProvider(of))
  return row ?? null
}

export type HandedOver = MappingKey & {
  handoverState: HandoverState
  /** Of the person whose chat it is, as far as they are known. */
  phoneId: string | null
  lidId: string | null
}

/** Every chat that a plugin keeps from the others. */
export async function handedOver(db: Db): Promise<HandedOver[]> {
  return await db
    .select({
      pluginId: conversationMappings.pluginId,
      instanceId: conversationMappings.instanceId,
      sessionId: conversationMappings.sessionId,
      chatId: conversationMappings.chatId,
      handoverState: conversationMappings.handoverState,
      phoneId: contacts.phoneId,
      lidId: contacts.lidId,
    })
    .from(conversationMappings)
    .leftJoin(
      contacts,
      and(
        eq(contacts.sessionId, conversationMappings.sessionId),
        or(
          eq(contacts.phoneId, conversationMappings.chatId),
          eq(contacts.lidId, conversationMappings.chatId),
        ),
      ),
    )
    .where(ne(conversationMappings.handoverState, 'bot'))
}

/**
 * Makes the mapping, with the bot answering, or points it at another conversation. Fails on commit with a unique
 * violation when that conversation belongs to another chat.
 */
export function upsertMapping(
  db: Db,
  key: MappingKey,
  providerConversationId: string,
  now: number,
): Statement {
  return statement(
    db
      .insert(conversationMappings)
      .values({ ...key, providerConversationId, handoverState: 'bot', createdAt: now, updatedAt: now })
      .onConflictDoUpdate({
        target: [
          conversationMappings.sessionId,
          conversationMappings.chatId,
          conversationMappings.pluginId,
          conversationMappings.instanceId,
        ],
        set: { providerConversationId, updatedAt: now },
      }),
  )
}

/** Only of that session, so that a mapping which moved meanwhile is left alone. */
export function deleteMapping(db: Db, key: MappingKey): Statement {
  return statement(db.delete(conversationMappings).where(isKey(key)))
}

export function setHandover(db: Db, key: MappingKey, handoverState: HandoverState, now: number): Statement {
  return statement(db.update(conversationMappings).set({ handoverState, updatedAt: now }).where(isKey(key)))
}

/** Hands the mapping of a deleted session to the one that took its place. */
export function rebindMapping(db: Db, from: MappingKey, sessionId: string, now: number): Statement {
  return statement(db.update(conversationMappings).set({ sessionId, updatedAt: now }).where(isKey(from)))
}
