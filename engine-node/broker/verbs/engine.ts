// `engine.*`: what a plugin may read of a session. Chats, history and people come from our own store; numbers, and groups that
// are not in it, are asked of WhatsApp.
import { INLINE_BUDGET_BYTES, type OpenFile, withFiles } from '../../../src/api/inline-media.ts'
import { chatKind, isLidId } from '../../../src/contract/chat-id.ts'
import {
  type GroupInfo,
  HISTORY_DEFAULT,
  HISTORY_MAX,
  type NumberCheck,
} from '../../../src/contract/directory.ts'
import { GatewayError } from '../../../src/contract/errors.ts'
import { chatHistory, toIncomingMessage } from '../../../src/db/chat-history.ts'
import type { Db } from '../../../src/db/db.ts'
import { listChatRows } from '../../../src/db/directory/chats.ts'
import { findContact, listContacts } from '../../../src/db/directory/people.ts'
import { toChatSummary, toContact } from '../../../src/db/directory/views.ts'
import { toNeutral } from '../../sessions/jid.ts'
import { phoneDigits } from '../../sessions/number-check.ts'
import type { AddressBook } from '../../sessions/people.ts'
import type { Verbs } from '../verb.ts'

/** A connected session, as far as it is asked here. */
export interface SessionReads {
  readonly book: Pick<AddressBook, 'phoneOf'>
  readonly account: { groupInfo(groupId: string): Promise<GroupInfo> }
  checkNumber(digits: string): Promise<NumberCheck>
}

export interface EngineReadDeps {
  db: Db
  now(): number
  /** Rejects with `session_not_ready` while it is connecting. */
  link(sessionId: string): Promise<SessionReads>
  open: OpenFile
}

type EngineVerbs = Pick<Verbs, Extract<keyof Verbs, `engine.${string}`>>

/** Entries of one answer: it goes to the plugin in one frame. */
const MAX_CHATS = 1_000
const MAX_CONTACTS = 5_000

export function createEngineVerbs({ db, now, link, open }: EngineReadDeps): EngineVerbs {
  /** The phone behind a lid: from the store, else from what the connection was told. Null where nobody knows. */
  async function phoneOf(sessionId: string, lidId: string): Promise<string | null> {
    const stored = await findContact(db, sessionId, lidId)
    if (stored?.phoneId) return stored.phoneId
    return await link(sessionId).then(
      ({ book }) => book.phoneOf(lidId),
      (thrown: unknown) => {
        // Nobody to ask at this moment: as good as not known.
        if (thrown instanceof GatewayError && thrown.code === 'session_not_ready') return null
        throw thrown
      },
    )
  }

  /** Where it is known, the phone's id; any other id as it is. */
  async function canonical(sessionId: string, given: string): Promise<string> {
    const id = toNeutral(given)
    return isLidId(id) ? ((await phoneOf(sessionId, id)) ?? id) : id
  }

  return {
    async 'engine.getGroupInfo'([sessionId, given]) {
      const groupId = toNeutral(given)
      if (chatKind(groupId) !== 'group')
        throw new GatewayError('invalid_input', 'argument 2 must be the id of a group')
      return (await link(sessionId)).account.groupInfo(groupId)
    },
    async 'engine.checkNumberExists'([sessionId, number]) {
      const digits = phoneDigits(number)
      if (digits === null) throw new GatewayError('invalid_input', 'argument 2 must be a phone number')
      return { ...(await (await link(sessionId)).checkNumber(digits)), number }
    },
    async 'engine.getChats'([sessionId]) {
      const rows = await listChatRows(db, sessionId, { limit: MAX_CHATS, offset: 0 })
      return rows.map(row => toChatSummary(row, now()))
    },
    async 'engine.getChatHistory'([sessionId, chatId, limit, includeMedia]) {
      const rows = await chatHistory(db, { sessionId, chatId: toNeutral(chatId), limit: historyLimit(limit) })
      const budget = includeMedia === true ? INLINE_BUDGET_BYTES : 0
      return await withFiles(sessionId, rows.map(toIncomingMessage), { open, budget })
    },
    'engine.canonicalChatId': ([sessionId, chatId]) => canonical(sessionId, chatId),
    async 'engine.getContacts'([sessionId]) {
      const rows = await listContacts(db, sessionId, { limit: MAX_CONTACTS, offset: 0 })
      return rows.map(toContact).filter(contact => contact !== null)
    },
    async 'engine.getContactById'([sessionId, contactId]) {
      const row = await findContact(db, sessionId, await canonical(sessionId, contactId))
      return row && toContact(row)
    },
  }
}

/** OpenWA's rule: 50 unless told, whole numbers from 1 to 100. */
export function historyLimit(asked: unknown): number {
  if (typeof asked !== 'number' || !Number.isFinite(asked)) return HISTORY_DEFAULT
  return Math.min(HISTORY_MAX, Math.max(1, Math.trunc(asked)))
}
