// What Baileys' events say of people, chats and groups, as facts for the directory: one row per event. Pure.
import type { BaileysEventMap, Chat, ChatUpdate, Contact, GroupMetadata, GroupParticipant } from 'baileys'
import type { ChatFact } from '../../src/db/directory/chats.ts'
import type { GroupFact, MemberFact } from '../../src/db/directory/groups.ts'
import type { PersonFact } from '../../src/db/directory/people.ts'
import type { AccountFact } from '../directory/facts.ts'
import type { ReceivedMessage, Receiver } from './incoming.ts'
import { chatKind, STATUS_CHAT, toNeutral } from './jid.ts'
import { bothIds, preferredId } from './people.ts'
import { secondsOf, wholeOf } from './told-numbers.ts'

interface To extends Receiver {
  /** Epoch milliseconds. */
  now: number
}

const isPerson = (jid: string) => chatKind(toNeutral(jid)) === 'individual'

/** Who a message is from and which chat it is in: what every message says again. */
export function factsOfMessages(messages: readonly ReceivedMessage[]): AccountFact[] {
  const facts = messages.map(({ message, person, senderId }) => {
    const isDirect = message.kind === 'individual'
    const pushName = message.fromMe ? undefined : message.contact?.pushName
    const people: PersonFact[] =
      isDirect || senderId !== '' ? [{ ...person, ...(pushName && { pushName }) }] : []
    const chat = { chatId: message.chatId, ...(isDirect && { person: { ...person } }) }
    return { people, chats: message.chatId === STATUS_CHAT ? [] : [chat] }
  })
  return [
    { kind: 'people', people: facts.flatMap(({ people }) => people) },
    { kind: 'chats', chats: facts.flatMap(({ chats }) => chats) },
  ]
}

type Reader<E extends keyof BaileysEventMap> = (data: BaileysEventMap[E], to: To) => AccountFact[]

export const accountFacts: { [E in keyof BaileysEventMap]?: Reader<E> } = {
  'contacts.upsert': (contacts, to) => [people(contacts, to, named)],
  'contacts.update': (contacts, to) => [people(contacts, to, called)],
  'lid-mapping.update': ({ pn, lid }, to) => [{ kind: 'people', people: [bothIds(to.book, pn, lid)] }],
  'chats.upsert': (chats, to) => chatsOf(chats, to, conversation),
  'chats.update': (chats, to) => chatsOf(chats, to, setting),
  'chats.delete': ids => ids.map(id => ({ kind: 'chat-deleted', chatId: toNeutral(id) })),
  'messaging-history.set': ({ chats, contacts, lidPnMappings = [] }, to) => [
    { kind: 'people', people: lidPnMappings.map(({ lid, pn }) => bothIds(to.book, pn, lid)) },
    // The name of a conversation is what the phone shows above it, saved or not: it stays with the chat.
    people(contacts, to, called),
    ...chatsOf(chats, to, conversation),
  ],
  'groups.upsert': (groups, to) => groups.flatMap(group => groupFacts(group, to)),
  'groups.update': (groups, to) => groups.flatMap(group => groupFacts(group, to)),
  'group-participants.update': ({ id, author, authorPn, participants, action }, to) => {
    const groupId = toNeutral(id)
    if (action === 'modify') return [{ kind: 'group-stale', groupId }]
    const members = participants.map(member => memberOf(member, to, action === 'promote' ? 'admin' : null))
    const facts: AccountFact[] = [
      { kind: 'people', people: [bothIds(to.book, author, authorPn)] },
      { kind: 'members', groupId, change: action, members },
    ]
    const isMember = action === 'remove' ? false : action === 'add' ? true : null
    if (isMember !== null && members.some(member => isMe(member, to)))
      facts.push({ kind: 'group', groupId, fact: { isMember }, members: null })
    return facts
  },
  // Who asks and who lets in may be heard of by both of their ids here, and nowhere else.
  'group.join-request': ({ author, authorPn, participant, participantPn }, to) => [
    {
      kind: 'people',
      people: [bothIds(to.book, participant, participantPn), bothIds(to.book, author, authorPn)],
    },
  ],
  'blocklist.set': ({ blocklist }, to) => [blocked(blocklist, true, true, to)],
  'blocklist.update': ({ blocklist, type }, to) => [blocked(blocklist, type === 'add', false, to)],
}

/** The facts of one event; none for those that say nothing of people, chats and groups. */
export function factsOf<E extends keyof BaileysEventMap>(
  event: E,
  data: BaileysEventMap[E],
  to: To,
): AccountFact[] {
  return (accountFacts[event] as Reader<E> | undefined)?.(data, to) ?? []
}

const isMe = ({ phoneId, lidId }: PersonFact, { me }: To) =>
  (phoneId !== null && phoneId === me.phoneId) || (lidId !== null && lidId === me.lidId)

function people(
  contacts: readonly Partial<Contact>[],
  to: To,
  names: (contact: Partial<Contact>) => Partial<PersonFact>,
): AccountFact {
  const facts = contacts.flatMap(contact => {
    const { id, lid, phoneNumber } = contact
    return id && isPerson(id) ? [{ ...bothIds(to.book, id, lid, phoneNumber), ...names(contact) }] : []
  })
  return { kind: 'people', people: facts }
}

/** What people call themselves. */
const called = ({ notify, verifiedName }: Partial<Contact>) => ({
  ...(notify && { pushName: notify }),
  ...(verifiedName && { verifiedName }),
})

/** The address book of the phone: a contact without a name is one that was taken out. */
const named = (contact: Partial<Contact>) => ({ ...called(contact), name: contact.name ?? null })

function chatsOf<C extends Chat | ChatUpdate>(
  chats: readonly C[],
  to: To,
  read: (chat: C, to: To) => Partial<ChatFact>,
): AccountFact[] {
  const facts = chats.flatMap(chat => {
    const { id } = chat
    if (!id || toNeutral(id) === STATUS_CHAT) return []
    const said = defined(read(chat, to))
    if (!isPerson(id)) return [{ chatId: toNeutral(id), ...said }]
    const person = bothIds(to.book, id, chat.pnJid, chat.lidJid)
    return [{ chatId: preferredId(person) ?? toNeutral(id), person, ...said }]
  })
  return facts.length === 0 ? [] : [{ kind: 'chats', chats: facts }]
}

/** A chat as the phone describes it to a new device. */
function conversation(chat: Chat): Partial<ChatFact> {
  const lastAt =
    chat.conversationTimestamp == null ? undefined : (secondsOf(chat.conversationTimestamp) ?? undefined)
  const unread = chat.markedAsUnread ? -1 : chat.unreadCount
  return {
    name: chat.name ?? undefined,
    lastAt,
    archived: chat.archived ?? undefined,
    pinnedAt: wholeOf(chat.pinned) ?? undefined,
    mutedUntil: chat.muteEndTime == null ? undefined : muted(chat.muteEndTime),
    ...(unread != null && lastAt !== undefined && { unreadBase: unread, countedAt: lastAt * 1_000 + 999 }),
    ephemeralSeconds: chat.ephemeralExpiration ?? undefined,
  }
}

/** A setting that another device has changed. What Baileys counts and dates itself is not read: the messages say it. */
function setting(chat: ChatUpdate, { now }: To): Partial<ChatFact> {
  const { archived, pinned, muteEndTime, unreadCount, ephemeralExpiration } = chat
  return {
    archived: archived ?? undefined,
    pinnedAt: pinned === null ? 0 : (wholeOf(pinned) ?? undefined),
    mutedUntil: muteEndTime === undefined ? undefined : muteEndTime === null ? 0 : muted(muteEndTime),
    ...(chat.messages === undefined && unreadCount === 0 && { unreadBase: 0, countedAt: now }),
    ...(chat.messages === undefined && unreadCount === -1 && { unreadBase: -1 }),
    ephemeralSeconds: ephemeralExpiration === null ? 0 : ephemeralExpiration,
  }
}

/** Muted without an end, or with one that is no time, is muted for ever. */
const muted = (until: Chat['muteEndTime']) => wholeOf(until) || -1

const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T

function groupFacts(group: Partial<GroupMetadata>, to: To): AccountFact[] {
  if (!group.id) return []
  const groupId = toNeutral(group.id)
  const members = group.participants?.map(member => memberOf(member, to, roleOf(member))) ?? null
  const chat: AccountFact = { kind: 'chats', chats: [{ chatId: groupId }] }
  const fact: GroupFact = defined({
    subject: group.subject,
    description: 'desc' in group || members ? (group.desc ?? null) : undefined,
    ownerId: group.ownerPn || group.owner ? toNeutral(group.ownerPn || (group.owner as string)) : undefined,
    createdAt: group.creation ? (secondsOf(group.creation) ?? undefined) : undefined,
    announce: group.announce,
    locked: group.restrict,
    memberAddMode: group.memberAddMode === undefined ? undefined : group.memberAddMode ? 'all' : 'admins',
    joinApproval: group.joinApprovalMode,
    ephemeralSeconds: members ? (group.ephemeralDuration ?? 0) : group.ephemeralDuration,
    linkedParent: members ? (group.linkedParent ?? null) : group.linkedParent,
    addressing: group.addressingMode === undefined ? undefined : group.addressingMode === 'pn' ? 'pn' : 'lid',
    isMember: members?.some(member => isMe(member, to)),
  } satisfies { [K in keyof GroupFact]: GroupFact[K] | undefined })
  return [...(members ? [chat] : []), { kind: 'group', groupId, fact, members }]
}

const roleOf = ({ admin }: GroupParticipant): MemberFact['admin'] =>
  admin === 'admin' || admin === 'superadmin' ? admin : null

function memberOf(
  { id, phoneNumber, lid }: GroupParticipant,
  to: To,
  admin: MemberFact['admin'],
): MemberFact {
  return { ...bothIds(to.book, id, phoneNumber, lid), address: toNeutral(id), admin }
}

const blocked = (jids: readonly string[], isBlocked: boolean, isWhole: boolean, to: To): AccountFact => ({
  kind: 'blocked',
  people: jids.filter(isPerson).map(jid => bothIds(to.book, jid)),
  isBlocked,
  isWhole,
})
