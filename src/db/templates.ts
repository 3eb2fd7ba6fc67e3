// Message templates in the database.
import { and, desc, eq } from 'drizzle-orm'
import type { Template } from '../contract/template.ts'
import { type Db, type Statement, statement } from './db.ts'
import { templates } from './schema.ts'

export type TemplateRow = typeof templates.$inferSelect
export type TemplatePatch = Partial<Pick<TemplateRow, 'name' | 'body' | 'header' | 'footer'>> & {
  updatedAt: number
}

/** A row as the API shows it. */
export function toTemplate({ createdAt, updatedAt, ...row }: TemplateRow): Template {
  return {
    ...row,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  }
}

/** Newest first. */
export async function listTemplates(
  db: Db,
  sessionId: string,
  page: { limit: number; offset: number },
): Promise<TemplateRow[]> {
  return await db
    .select()
    .from(templates)
    .where(eq(templates.sessionId, sessionId))
    .orderBy(desc(templates.createdAt), desc(templates.id))
    .limit(page.limit)
    .offset(page.offset)
}

/** By id or by name, within its session. */
export async function findTemplate(
  db: Db,
  sessionId: string,
  by: { id: string } | { name: string },
): Promise<TemplateRow | null> {
  const named = 'id' in by ? eq(templates.id, by.id) : eq(templates.name, by.name)
  const [row] = await db
    .select()
    .from(templates)
    .where(and(eq(templates.sessionId, sessionId), named))
    .limit(1)
  return row ?? null
}

/** Fails on commit with a unique violation when the name is taken. */
export const insertTemplate = (db: Db, row: TemplateRow): Statement =>
  statement(db.insert(templates).values(row))

export const updateTemplate = (db: Db, id: string, patch: TemplatePatch): Statement =>
  statement(db.update(templates).set(patch).where(eq(templates.id, id)))

export const deleteTemplate = (db: Db, id: string): Statement =>
  statement(db.delete(templates).where(eq(templates.id, id)))
