// A chat deleted or cleared from here: its messages leave the store too, and plugins hear of each. What another device deletes
// leaves the store by the event that tells of it (directory.ts).
import type { HookPayload } from '../../src/contract/hooks.ts'
import type { StoredMessage } from '../../src/contract/message.ts'
import type { Db } from '../../src/db/db.ts'
import { clearChat, deleteChat } from '../../src/db/directory/chats.ts'
import { findContact } from '../../src/db/directory/people.ts'
import { listMessages } from '../../src/db/messages.ts'
import type { Logger } from '../log.ts'
import { toNeutral } from '../sessions/jid.ts'
import type { WriteQueue } from '../store/write-queue.ts'

export interface ChatRemoval {
  /** Runs the change, and where it was made, deletes what is stored. Gives what the change gave. */
  around(
    of: { sessionId: string; chatId: string; isWhole: boolean },
    change: () => Promise<boolean>,
  ): Promise<boolean>
  /** Another device of the account has deleted the chat. */
  heard(sessionId: string, chatId: string): void
}

/** Messages read at a time. */
const PAGE = 500

export function createChatRemoval(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit' | 'put'>
  chain: {
    order(event: 'message:deleted'): readonly unknown[]
    run(
      event: 'message:deleted',
      data: HookPayload<'message:deleted'>,
      origin: { sessionId: string; source: 'MessageService' },
    ): Promise<unknown>
  }
  log: Logger
}): ChatRemoval {
  const { db, queue, chain, log } = deps
  /** Deletions from here, of which Baileys tells as of any other. */
  const own = new Set<string>()
  const nameOf = (sessionId: string, chatId: string) => `${sessionId} ${chatId}`

  /** Read to the end before anything is deleted: plugins are told what the messages said. */
  async function messagesOf(sessionId: string, chatId: string): Promise<StoredMessage[]> {
    const found: StoredMessage[] = []
    for (let after: string | undefined; ; after = found.at(-1)?.id) {
      const page = await listMessages(
        db,
        { sessionId, chatId },
        { limit: PAGE, offset: 0, after, orderBy: 'createdAt' },
      )
      found.push(...(page?.messages ?? []))
      if ((page?.messages.length ?? 0) < PAGE) return found
    }
  }

  function tell(sessionId: string, removed: readonly StoredMessage[]) {
    for (const message of removed)
      chain
        .run('message:deleted', { sessionId, message }, { sessionId, source: 'MessageService' })
        .catch(err => log.error({ err, sessionId }, 'plugins could not be told of a deleted message'))
  }

  async function remove(sessionId: string, given: string) {
    // It may be the person's other id.
    const chatId = (await findContact(db, sessionId, given))?.phoneId ?? given
    const removed = await messagesOf(sessionId, chatId)
    await queue.commit([
      ...deleteChat(sessionId, given),
      ...(chatId === given ? [] : deleteChat(sessionId, chatId)),
    ])
    tell(sessionId, removed)
  }

  return {
    async around({ sessionId, chatId: given, isWhole }, change) {
      const asked = toNeutral(given)
      const person = await findContact(db, sessionId, asked)
      const chatId = person?.phoneId ?? asked
      const removed = await messagesOf(sessionId, chatId)
      own.add(nameOf(sessionId, chatId))
      try {
        if (!(await change())) return false
        await queue.commit(isWhole ? deleteChat(sessionId, chatId) : clearChat(sessionId, chatId))
      } finally {
        own.delete(nameOf(sessionId, chatId))
      }
      tell(sessionId, removed)
      return true
    },
    heard(sessionId, chatId) {
      // Where no plugin wants to know, nothing has to be read before it goes.
      if (own.has(nameOf(sessionId, chatId)) || chain.order('message:deleted').length === 0)
        return queue.put(deleteChat(sessionId, chatId))
      remove(sessionId, chatId).catch(err => log.error({ err, sessionId }, 'a chat could not be deleted'))
    },
  }
}
