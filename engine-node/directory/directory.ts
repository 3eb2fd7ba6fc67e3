// Keeps what an account learns of its people, chats and groups: facts become statements for the queue, in the turn in which
// they came. Lists and look-ups are read from the database by whoever wants them (src/db/directory).
import type { EventData, EventName } from '../../src/contract/events.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import { type ChatFact, learnChats, markRead } from '../../src/db/directory/chats.ts'
import {
  addMembers,
  findGroup,
  forgetMembers,
  learnGroup,
  markGroupsListed,
  removeMembers,
  replaceMembers,
  setRoles,
} from '../../src/db/directory/groups.ts'
import { learnPeople, type PersonFact, setBlocked } from '../../src/db/directory/people.ts'
import type { AccountPort } from '../sessions/account-port.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { ChatRemoval } from './chat-removal.ts'
import type { AccountFact } from './facts.ts'
import { createRecentFacts } from './recent-facts.ts'

export type KnownGroup = NonNullable<Awaited<ReturnType<typeof findGroup>>>

export interface Directory extends AccountPort, Disposable {}

export function createDirectory(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put' | 'after' | 'settled' | 'onFailure'>
  now: () => number
  removal: Pick<ChatRemoval, 'heard'>
  /** Hears of each person who is learnt: both ids may be. */
  paired(sessionId: string, ids: { phoneId: string | null; lidId: string | null }): void
  /** Ids of people, for us alone. */
  newId: () => string
  record(
    event: EventName,
    sessionId: string,
    data: EventData<EventName>,
    facts: { occurredAt: number },
  ): Statement[]
}): Directory {
  const { db, queue, now, newId, record, removal, paired } = deps
  const recent = createRecentFacts()
  /** Groups with changes on their way to the database. */
  const moving = new Map<string, number>()
  // What was queued may be lost, so nothing counts as known, nor as under way.
  const undo = queue.onFailure(() => {
    recent.clear()
    moving.clear()
  })

  function learn(sessionId: string, people: readonly PersonFact[]): Statement[] {
    const news = people.filter(person => recent.isNewPerson(sessionId, person))
    for (const person of news) paired(sessionId, person)
    return learnPeople(sessionId, news, newId)
  }

  function learnListed(sessionId: string, given: readonly ChatFact[]): Statement[] {
    const chats = given.filter(chat => recent.isNewChat(sessionId, chat))
    if (chats.length === 0) return []
    return [
      ...learn(
        sessionId,
        chats.flatMap(({ person }) => person ?? []),
      ),
      learnChats(sessionId, chats, now()),
    ]
  }

  function change(sessionId: string, fact: Extract<AccountFact, { kind: 'members' }>): Statement[] {
    const { groupId, members } = fact
    const people = learn(sessionId, members)
    switch (fact.change) {
      case 'add':
        return [...people, addMembers(sessionId, groupId, members)]
      case 'remove':
        return [...people, removeMembers(sessionId, groupId, members)]
      case 'promote':
      case 'demote':
        return [...people, setRoles(sessionId, groupId, members)]
    }
  }

  function statementsOf(sessionId: string, fact: AccountFact): Statement[] {
    switch (fact.kind) {
      case 'people':
        return learn(sessionId, fact.people)
      case 'chats':
        return learnListed(sessionId, fact.chats)
      case 'read':
        recent.forgetChat(sessionId, fact.chatId)
        return [markRead({ sessionId, chatId: fact.chatId, waMessageId: fact.waMessageId, now: now() })]
      case 'chat-deleted':
        recent.forgetChat(sessionId, fact.chatId)
        removal.heard(sessionId, fact.chatId)
        return []
      case 'blocked': {
        const ids = fact.people.flatMap(({ phoneId, lidId }) => phoneId ?? lidId ?? [])
        return [...learn(sessionId, fact.people), ...setBlocked(sessionId, ids, fact.isBlocked, fact.isWhole)]
      }
      case 'group': {
        const group = learnGroup(db, sessionId, fact.groupId, fact.fact)
        if (fact.members === null) return [group]
        return [
          ...learn(sessionId, fact.members),
          group,
          ...replaceMembers(sessionId, fact.groupId, fact.members),
        ]
      }
      case 'members':
        return change(sessionId, fact)
      case 'groups-listed':
        return [markGroupsListed(sessionId, now())]
      case 'group-stale':
        return [forgetMembers(sessionId, fact.groupId)]
    }
  }

  function watch(key: string) {
    moving.set(key, (moving.get(key) ?? 0) + 1)
    queue.after(() => {
      const left = (moving.get(key) ?? 1) - 1
      if (left > 0) moving.set(key, left)
      else moving.delete(key)
    })
  }

  return {
    hear(sessionId, facts) {
      const statements = facts.flatMap(fact => statementsOf(sessionId, fact))
      if (statements.length === 0) return
      queue.put(statements)
      for (const fact of facts) if ('groupId' in fact) watch(`${sessionId} ${fact.groupId}`)
    },
    tell(sessionId, { event, data }) {
      queue.put(record(event, sessionId, data, { occurredAt: now() }))
    },
    async group(sessionId, groupId) {
      // What is known must not be older than what was heard: a new member could not read what is sent.
      if (moving.has(`${sessionId} ${groupId}`)) await queue.settled()
      const found = await findGroup(db, sessionId, groupId)
      return found?.group.isComplete ? found : null
    },
    [Symbol.dispose]() {
      undo()
    },
  }
}
