// The people of an account in the database. A person is one row with one internal id; phone and lid are learnt, in whatever
// order, and when it turns out that two rows are one person they become one, with their chats, groups and messages.
import { and, eq, or, type SQL, sql } from 'drizzle-orm'
import type { Db, Statement } from '../db.ts'
import { contacts } from '../schema.ts'

export type ContactRow = typeof contacts.$inferSelect

/** What somebody has said of a person. Of the names, undefined says nothing and null takes it away. */
export interface PersonFact {
  phoneId: string | null
  lidId: string | null
  name?: string | null
  pushName?: string | null
  verifiedName?: string | null
}

/**
 * The facts of a statement as rows: `?1` is the session, `?2` JSON of them. A phone that is linked tells of thousands at once, and
 * SQLite takes them for so few that it would go through all of them for each row of a table. What is looked up for them therefore
 * stands behind a CROSS JOIN, whose order it keeps; and an UPDATE first finds its rows, as `found`, and takes each `at` its rowid.
 */
const GIVEN = `g AS (SELECT value->>'i' AS id, value->>'p' AS phone, value->>'l' AS lid FROM json_each(?2))`
const PAIRS = `${GIVEN}, pairs AS (SELECT phone, lid FROM g WHERE phone IS NOT NULL AND lid IS NOT NULL)`
const byPhone = (phone: string) => `session_id = ?1 AND phone_id = ${phone}`
const byLid = (lid: string) => `session_id = ?1 AND lid_id = ${lid}`

/** Two rows of which a pair says that they are one. `rest`: another lid that the row with the phone has, so it stays. */
const MOVES = `${PAIRS}, moves AS (
  SELECT old.id AS old_id, new.id AS new_id, old.lid_id AS rest FROM pairs
  CROSS JOIN contacts old ON old.session_id = ?1 AND old.phone_id = pairs.phone
  CROSS JOIN contacts new ON new.session_id = ?1 AND new.lid_id = pairs.lid
  WHERE old.id <> new.id)`
const found = (select: string) => `found AS MATERIALIZED (${select})`
const MERGED = 'SELECT old_id FROM moves WHERE rest IS NULL'

/** The later word on a chat counts; what it leaves open, the other one may say. */
const later = (column: string) =>
  `${column} = CASE WHEN o.changed_at > chats.changed_at THEN coalesce(o.${column}, chats.${column}) ELSE coalesce(chats.${column}, o.${column}) END`

const INSERT = `WITH ${GIVEN} INSERT INTO contacts (id, session_id, phone_id, lid_id)
  SELECT id, ?1, phone, lid FROM g
  WHERE NOT EXISTS (SELECT 1 FROM contacts WHERE ${byPhone('g.phone')})
  AND NOT EXISTS (SELECT 1 FROM contacts WHERE ${byLid('g.lid')})`

/** Messages of a person carry the id that stands for the person outside; it has become another one. */
const moveMessages = (from: string, source: string) => [
  `WITH ${PAIRS}, x AS (${source}),
    ${found(`SELECT m.rowid AS at, x.* FROM x CROSS JOIN messages m ON m.session_id = ?1 AND m.chat_id = x.${from}`)}
    UPDATE OR IGNORE messages SET chat_id = found.phone,
    sender_id = CASE WHEN sender_id = found.${from} THEN found.phone ELSE sender_id END,
    "from" = CASE WHEN "from" = found.${from} THEN found.phone ELSE "from" END,
    "to" = CASE WHEN "to" = found.${from} THEN found.phone ELSE "to" END,
    phone_id = found.phone, lid_id = found.lid
    FROM found WHERE messages.rowid = found.at`,
  // What could not move is there already: delivered twice, under either id. Only that: the number that one person leaves may be
  // the one that another has just taken.
  `WITH ${PAIRS}, x AS (${source}) DELETE FROM messages WHERE session_id = ?1
    AND chat_id IN (SELECT ${from} FROM x) AND EXISTS (SELECT 1 FROM x CROSS JOIN messages twin
      ON twin.session_id = ?1 AND twin.chat_id = x.phone AND twin.wa_message_id = messages.wa_message_id
      AND twin.sender_id = CASE WHEN messages.sender_id = x.${from} THEN x.phone ELSE messages.sender_id END
    WHERE messages.chat_id = x.${from} AND coalesce(messages.lid_id, x.lid) = x.lid)`,
]

const BY_LID = 'SELECT phone, lid FROM pairs'
const BY_OLD_PHONE = `SELECT pairs.phone, pairs.lid, c.phone_id AS old FROM pairs
  CROSS JOIN contacts c ON c.session_id = ?1 AND c.lid_id = pairs.lid AND c.phone_id <> pairs.phone`

/** By way of a name that no chat has, as one may leave a number that another one takes. */
const MAPPINGS = `WITH ${PAIRS}, x AS (SELECT lid AS old, phone FROM pairs
  UNION ALL SELECT c.phone_id, pairs.phone FROM pairs
    CROSS JOIN contacts c ON c.session_id = ?1 AND c.lid_id = pairs.lid AND c.phone_id <> pairs.phone)`
const mapped = (chat: string) =>
  found(
    `SELECT m.rowid AS at, x.* FROM x CROSS JOIN conversation_mappings m ON m.session_id = ?1 AND m.chat_id = ${chat}`,
  )
const MOVING = `x.old || '>' || x.phone`
const AT = 'FROM found WHERE conversation_mappings.rowid = found.at'

/**
 * The conversations that other systems have with people go where the messages go, and with them who answers there. Of two that
 * become one chat both stay, under the one id and the other; where a person has taken over either, one has taken over the chat.
 */
const MOVE_MAPPINGS = [
  `${MAPPINGS}, ${mapped('x.old')} UPDATE conversation_mappings SET chat_id = found.old || '>' || found.phone ${AT}`,
  `${MAPPINGS}, ${mapped(MOVING)} UPDATE OR IGNORE conversation_mappings SET chat_id = found.phone ${AT}`,
  `${MAPPINGS}, ${found(`SELECT m.rowid AS at, other.handover_state AS state FROM x
      CROSS JOIN conversation_mappings other
        ON other.session_id = ?1 AND other.chat_id = ${MOVING} AND other.handover_state <> 'bot'
      CROSS JOIN conversation_mappings m ON m.session_id = ?1 AND m.chat_id = x.phone AND m.plugin_id = other.plugin_id
        AND m.instance_id = other.instance_id AND m.handover_state = 'bot'`)}
    UPDATE conversation_mappings SET handover_state = found.state ${AT}`,
  `${MAPPINGS}, ${mapped(MOVING)} UPDATE OR IGNORE conversation_mappings SET chat_id = found.old, handover_state = 'bot' ${AT}`,
  // Its place is taken by somebody else's.
  `${MAPPINGS} DELETE FROM conversation_mappings WHERE session_id = ?1 AND chat_id IN (SELECT ${MOVING} FROM x)`,
]

/** In the order in which they must run: an old number is left before somebody else's chat moves there. */
const LINK = [
  ...moveMessages('old', BY_OLD_PHONE),
  ...moveMessages('lid', BY_LID),
  ...MOVE_MAPPINGS,
  `WITH ${PAIRS}, ${found(`SELECT c.rowid AS at, pairs.lid FROM pairs
      CROSS JOIN contacts c ON c.session_id = ?1 AND c.phone_id = pairs.phone
      WHERE NOT EXISTS (SELECT 1 FROM contacts l WHERE l.session_id = ?1 AND l.lid_id = pairs.lid)`)}
    UPDATE contacts SET lid_id = found.lid FROM found WHERE contacts.rowid = found.at`,
  `WITH ${MOVES}, ${found(`SELECT c.rowid AS at, o.* FROM moves CROSS JOIN contacts o ON o.id = moves.old_id
      CROSS JOIN contacts c ON c.id = moves.new_id WHERE rest IS NULL`)}
    UPDATE contacts SET name = coalesce(contacts.name, o.name),
    push_name = coalesce(contacts.push_name, o.push_name),
    verified_name = coalesce(contacts.verified_name, o.verified_name),
    is_blocked = max(contacts.is_blocked, o.is_blocked)
    FROM found o WHERE contacts.rowid = o.at`,
  `WITH ${MOVES}, ${found(`SELECT c.rowid AS at, o.* FROM moves CROSS JOIN chats o ON o.session_id = ?1 AND o.peer = moves.old_id
      CROSS JOIN chats c ON c.session_id = ?1 AND c.peer = moves.new_id WHERE rest IS NULL`)}
    UPDATE chats SET last_at = max(coalesce(chats.last_at, 0), coalesce(o.last_at, 0)),
    ${['name', 'archived', 'pinned_at', 'muted_until', 'unread_base', 'counted_at', 'ephemeral_seconds'].map(later).join(', ')},
    changed_at = max(chats.changed_at, o.changed_at)
    FROM found o WHERE chats.rowid = o.at`,
  `WITH ${MOVES}, ${found(`SELECT c.rowid AS at, moves.new_id FROM moves
      CROSS JOIN chats c ON c.session_id = ?1 AND c.peer = moves.old_id WHERE rest IS NULL`)}
    UPDATE OR IGNORE chats SET peer = found.new_id FROM found WHERE chats.rowid = found.at`,
  `WITH ${MOVES} DELETE FROM chats WHERE session_id = ?1 AND peer IN (${MERGED})`,
  `WITH ${MOVES}, ${found(`SELECT m.rowid AS at, moves.new_id FROM moves
      CROSS JOIN group_members m ON m.contact_id = moves.old_id WHERE rest IS NULL`)}
    UPDATE OR IGNORE group_members SET contact_id = found.new_id FROM found WHERE group_members.rowid = found.at`,
  `WITH ${MOVES} DELETE FROM group_members WHERE contact_id IN (${MERGED})`,
  `WITH ${MOVES} DELETE FROM contacts WHERE id IN (${MERGED})`,
  // A number that has gone to somebody else.
  `WITH ${MOVES} UPDATE contacts SET phone_id = NULL WHERE id IN (SELECT old_id FROM moves)`,
  `WITH ${PAIRS}, ${found(`SELECT c.rowid AS at, pairs.phone FROM pairs
      CROSS JOIN contacts c ON c.session_id = ?1 AND c.lid_id = pairs.lid AND c.phone_id IS NOT pairs.phone`)}
    UPDATE contacts SET phone_id = found.phone FROM found WHERE contacts.rowid = found.at`,
]

const said = (column: string, key: string) =>
  `${column} = CASE WHEN json_type(x.value, '$.${key}') IS NULL THEN contacts.${column} ELSE x.value->>'${key}' END`
const named = (where: string, id: string) => `WITH ${found(`SELECT c.rowid AS at, x.value FROM json_each(?2) x
    CROSS JOIN contacts c ON c.session_id = ?1 AND ${id} WHERE ${where}`)} UPDATE contacts SET
  ${said('name', 'n')}, ${said('push_name', 'u')}, ${said('verified_name', 'v')}
  FROM found x WHERE contacts.rowid = x.at`
/** Two, since one row can take one fact from a statement, and the two ids of a person may each bring one. */
const NAMES = [
  named(`x.value->>'l' IS NOT NULL`, `c.lid_id = x.value->>'l'`),
  named(`x.value->>'l' IS NULL`, `c.phone_id = x.value->>'p'`),
]

/**
 * Takes in what was said of people. `newId` gives ids for those not heard of before. Said twice it changes nothing. The later
 * word on an id counts; that is one set of statements for all of them, and another one for each time an id comes again.
 */
export function learnPeople(
  sessionId: string,
  facts: readonly PersonFact[],
  newId: () => string,
): Statement[] {
  return rounds(facts).flatMap(round => {
    const json = JSON.stringify(
      round.map(({ phoneId, lidId, name, pushName, verifiedName }) => ({
        i: newId(),
        p: phoneId,
        l: lidId,
        n: name,
        u: pushName,
        v: verifiedName,
      })),
    )
    const hasPair = round.some(({ phoneId, lidId }) => phoneId !== null && lidId !== null)
    const hasNames = round.some(
      ({ name, pushName, verifiedName }) =>
        name !== undefined || pushName !== undefined || verifiedName !== undefined,
    )
    return [INSERT, ...(hasPair ? LINK : []), ...(hasNames ? NAMES : [])].map(text => ({
      sql: text,
      args: [sessionId, json],
    }))
  })
}

/** One statement sees all its facts at once, so no id may be in it twice. */
function rounds(facts: readonly PersonFact[]): PersonFact[][] {
  const found: PersonFact[][] = []
  let ids = new Set<string>()
  for (const fact of facts) {
    const own = [fact.phoneId, fact.lidId].filter(id => id !== null)
    if (own.length === 0) continue
    if (found.length === 0 || own.some(id => ids.has(id))) {
      found.push([])
      ids = new Set()
    }
    for (const id of own) ids.add(id)
    found.at(-1)?.push(fact)
  }
  return found
}

/** Whom this account has blocked; with `isWhole`, nobody else is. Ids are neutral; people not heard of must be learnt before. */
export function setBlocked(
  sessionId: string,
  ids: readonly string[],
  isBlocked: boolean,
  isWhole = false,
): Statement[] {
  const listed = 'SELECT value FROM json_each(?2)'
  const change: Statement = {
    sql: `UPDATE contacts SET is_blocked = ?3 WHERE session_id = ?1 AND (phone_id IN (${listed}) OR lid_id IN (${listed}))`,
    args: [sessionId, JSON.stringify(ids), isBlocked ? 1 : 0],
  }
  if (!isWhole) return [change]
  return [{ sql: 'UPDATE contacts SET is_blocked = 0 WHERE session_id = ?1', args: [sessionId] }, change]
}

const isPerson = (id: string): SQL | undefined => or(eq(contacts.phoneId, id), eq(contacts.lidId, id))

/** The person with this phone id or lid. */
export async function findContact(db: Db, sessionId: string, id: string): Promise<ContactRow | null> {
  const [row] = await db
    .select()
    .from(contacts)
    .where(and(eq(contacts.sessionId, sessionId), isPerson(id)))
    .limit(1)
  return row ?? null
}

/** People by name, those without one last. `only`: those with one of these ids. */
export async function listContacts(
  db: Db,
  sessionId: string,
  page: { limit: number; offset: number; only?: readonly string[] | null },
): Promise<ContactRow[]> {
  const name = sql`lower(coalesce(${contacts.name}, ${contacts.pushName}))`
  return await db
    .select()
    .from(contacts)
    .where(
      and(
        eq(contacts.sessionId, sessionId),
        page.only == null ? undefined : or(...page.only.map(isPerson), sql`false`),
      ),
    )
    .orderBy(sql`${name} IS NULL`, name, contacts.id)
    .limit(page.limit)
    .offset(page.offset)
}

/** Ids of the people that this account has blocked: the phone's where it is known. */
export async function listBlocked(db: Db, sessionId: string): Promise<string[]> {
  const rows = await db
    .select({ phoneId: contacts.phoneId, lidId: contacts.lidId })
    .from(contacts)
    .where(and(eq(contacts.sessionId, sessionId), eq(contacts.isBlocked, true)))
    .orderBy(contacts.id)
  return rows.flatMap(({ phoneId, lidId }) => phoneId ?? lidId ?? [])
}

/** True when `id` and one of `others` are two ids of one person. */
export async function isSamePerson(
  db: Db,
  of: { sessionId: string; id: string; others: readonly string[] },
): Promise<boolean> {
  const person = await findContact(db, of.sessionId, of.id)
  return [person?.phoneId, person?.lidId].some(id => id != null && of.others.includes(id))
}
