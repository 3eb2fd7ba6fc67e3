// The groups of an account in the database, with their members. Members are contacts (people.ts).
import { and, eq, or, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { type Db, type Statement, statement } from '../db.ts'
import { contacts, groupMembers, groups, sessions } from '../schema.ts'

export type GroupRow = typeof groups.$inferSelect

/** What may be said of a group besides who is in it; undefined says nothing. */
export type GroupFact = {
  [K in Exclude<keyof GroupRow, 'sessionId' | 'groupId' | 'isComplete'>]?: GroupRow[K] | undefined
}

export type GroupRole = 'admin' | 'superadmin' | null

export interface MemberFact {
  phoneId: string | null
  lidId: string | null
  /** Neutral id, the one that the group knows the member by. */
  address: string
  admin: GroupRole
}

export interface GroupMember {
  phoneId: string | null
  lidId: string | null
  address: string
  admin: GroupRole
  name: string | null
  pushName: string | null
}

/** Takes in what was said of a group. */
export function learnGroup(db: Db, sessionId: string, groupId: string, fact: GroupFact): Statement {
  return statement(
    db
      .insert(groups)
      .values({ ...fact, isMember: fact.isMember ?? true, isComplete: false, sessionId, groupId })
      .onConflictDoUpdate({
        target: [groups.sessionId, groups.groupId],
        // An empty list of changes is no statement; this one changes nothing.
        set: { groupId, ...fact },
      }),
  )
}

const CONTACT = `coalesce((SELECT id FROM contacts WHERE session_id = ?1 AND lid_id = value->>'l'),
  (SELECT id FROM contacts WHERE session_id = ?1 AND phone_id = value->>'p'))`

const listed = (members: readonly MemberFact[]) =>
  JSON.stringify(
    members.map(({ phoneId, lidId, address, admin }) => ({ p: phoneId, l: lidId, j: address, a: admin })),
  )

const addText = (
  admin: string,
) => `INSERT INTO group_members (session_id, group_id, contact_id, address, admin)
  SELECT ?1, ?2, contact, value->>'j', value->>'a' FROM (SELECT value, ${CONTACT} AS contact FROM json_each(?3))
  WHERE contact IS NOT NULL
  ON CONFLICT (session_id, group_id, contact_id) DO UPDATE SET address = excluded.address${admin}`

/** They are in the group now. Who was in it keeps the role. */
export const addMembers = (
  sessionId: string,
  groupId: string,
  members: readonly MemberFact[],
): Statement => ({
  sql: addText(''),
  args: [sessionId, groupId, listed(members)],
})

export const setRoles = (sessionId: string, groupId: string, members: readonly MemberFact[]): Statement => ({
  sql: addText(', admin = excluded.admin'),
  args: [sessionId, groupId, listed(members)],
})

export const removeMembers = (
  sessionId: string,
  groupId: string,
  members: readonly MemberFact[],
): Statement => ({
  sql: `DELETE FROM group_members WHERE session_id = ?1 AND group_id = ?2
    AND contact_id IN (SELECT ${CONTACT} FROM json_each(?3))`,
  args: [sessionId, groupId, listed(members)],
})

/** These are all members; to be committed behind `learnGroup`. */
export const replaceMembers = (
  sessionId: string,
  groupId: string,
  members: readonly MemberFact[],
): Statement[] => [
  { sql: 'DELETE FROM group_members WHERE session_id = ? AND group_id = ?', args: [sessionId, groupId] },
  setRoles(sessionId, groupId, members),
  {
    sql: 'UPDATE groups SET is_complete = 1 WHERE session_id = ? AND group_id = ?',
    args: [sessionId, groupId],
  },
]

/** A change whose end is not known: the next one who needs the group asks WhatsApp. */
export const forgetMembers = (sessionId: string, groupId: string): Statement => ({
  sql: 'UPDATE groups SET is_complete = 0 WHERE session_id = ? AND group_id = ?',
  args: [sessionId, groupId],
})

/** A group, and its members if all of them are known. Null for one not heard of. */
export async function findGroup(
  db: Db,
  sessionId: string,
  groupId: string,
): Promise<{ group: GroupRow; owner: { phoneId: string | null } | null; members: GroupMember[] } | null> {
  const owner = alias(contacts, 'owner')
  const [found] = await db
    .select({ group: groups, owner: { phoneId: owner.phoneId } })
    .from(groups)
    .leftJoin(
      owner,
      and(
        eq(owner.sessionId, groups.sessionId),
        or(eq(owner.phoneId, groups.ownerId), eq(owner.lidId, groups.ownerId)),
      ),
    )
    .where(and(eq(groups.sessionId, sessionId), eq(groups.groupId, groupId)))
    .limit(1)
  if (found === undefined) return null
  if (!found.group.isComplete) return { ...found, members: [] }
  const members = await db
    .select({
      phoneId: contacts.phoneId,
      lidId: contacts.lidId,
      address: groupMembers.address,
      admin: groupMembers.admin,
      name: contacts.name,
      pushName: contacts.pushName,
    })
    .from(groupMembers)
    .innerJoin(contacts, eq(contacts.id, groupMembers.contactId))
    .where(and(eq(groupMembers.sessionId, sessionId), eq(groupMembers.groupId, groupId)))
    .orderBy(sql`${groupMembers.admin} IS NULL`, groupMembers.address)
  return { ...found, members }
}

/** Groups that this account is in, by name. `only`: those with one of these ids. */
export async function listGroups(
  db: Db,
  sessionId: string,
  page: { limit: number; offset: number; only?: readonly string[] | null },
): Promise<{ id: string; name: string; linkedParentJID: string | null }[]> {
  const only = page.only == null ? null : JSON.stringify(page.only)
  const rows = await db
    .select({ id: groups.groupId, subject: groups.subject, linkedParentJID: groups.linkedParent })
    .from(groups)
    .where(
      and(
        eq(groups.sessionId, sessionId),
        eq(groups.isMember, true),
        only === null ? undefined : sql`${groups.groupId} IN (SELECT value FROM json_each(${only}))`,
      ),
    )
    .orderBy(sql`lower(${groups.subject})`, groups.groupId)
    .limit(page.limit)
    .offset(page.offset)
  return rows.map(({ id, subject, linkedParentJID }) => ({ id, name: subject ?? '', linkedParentJID }))
}

/** All groups of the account are known from here on, or, with null, none. */
export const markGroupsListed = (sessionId: string, at: number | null): Statement => ({
  sql: 'UPDATE sessions SET groups_listed_at = ?2 WHERE id = ?1',
  args: [sessionId, at],
})

export async function areGroupsListed(db: Db, sessionId: string): Promise<boolean> {
  const [row] = await db
    .select({ at: sessions.groupsListedAt })
    .from(sessions)
    .where(eq(sessions.id, sessionId))
    .limit(1)
  return row?.at != null
}

/** The next account of the session is in other groups. */
export const forgetGroups = (sessionId: string): Statement[] => [
  { sql: 'DELETE FROM group_members WHERE session_id = ?', args: [sessionId] },
  { sql: 'DELETE FROM groups WHERE session_id = ?', args: [sessionId] },
  markGroupsListed(sessionId, null),
]
