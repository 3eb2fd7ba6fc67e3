// What an account learns of its people, chats and groups: the words in which a connection tells the store. Ids are neutral.
import type { ChatFact } from '../../src/db/directory/chats.ts'
import type { GroupFact, MemberFact } from '../../src/db/directory/groups.ts'
import type { PersonFact } from '../../src/db/directory/people.ts'

export type AccountFact =
  | { kind: 'people'; people: PersonFact[] }
  | { kind: 'chats'; chats: ChatFact[] }
  /** Another device of the account has read up to this message. */
  | { kind: 'read'; chatId: string; waMessageId: string }
  | { kind: 'chat-deleted'; chatId: string }
  /** `isWhole`: nobody else is blocked. */
  | { kind: 'blocked'; people: PersonFact[]; isBlocked: boolean; isWhole: boolean }
  /** `members`, where they are given, are all of them. */
  | { kind: 'group'; groupId: string; fact: GroupFact; members: MemberFact[] | null }
  | {
      kind: 'members'
      groupId: string
      change: 'add' | 'remove' | 'promote' | 'demote'
      members: MemberFact[]
    }
  /** Something has changed of which only WhatsApp knows the outcome. */
  | { kind: 'group-stale'; groupId: string }
  /** All groups of the account have been told. */
  | { kind: 'groups-listed' }
