// The part of a connection that is about the account itself and not about its messages: people, chats, groups, calls and
// presence, heard and asked for. link.ts makes the socket and hands it in.
import type { BaileysEventMap, BinaryNode, GroupMetadata, WASocket } from 'baileys'
import type {
  GroupInfo,
  GroupJoinInfo,
  InviteCode,
  MembershipRequest,
  NamedChatChange,
  Presence,
} from '../../src/contract/directory.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import { areGroupsListed } from '../../src/db/directory/groups.ts'
import type { PersonFact } from '../../src/db/directory/people.ts'
import { toGroupInfo } from '../../src/db/directory/views.ts'
import type { AccountFact } from '../directory/facts.ts'
import type { Logger } from '../log.ts'
import type { Sealer } from '../store/sealer.ts'
import { accountFacts, factsOf } from './account-facts.ts'
import type { AccountPort } from './account-port.ts'
import { createCalls } from './calls.ts'
import { createChatChanges } from './chat-changes.ts'
import { groupFailure } from './group-failure.ts'
import { toGroupMetadata } from './group-metadata.ts'
import { groupNews, groupNewsOf } from './group-news.ts'
import { chatKind, toJid, toNeutral } from './jid.ts'
import { type AddressBook, bothIds, type PersonIds, preferredId } from './people.ts'
import { createPresences } from './presences.ts'
import { secondsOf, wholeOf } from './told-numbers.ts'
import { answered, refusalOf } from './whatsapp-answer.ts'

/** What may be asked of an account that is connected. */
export interface AccountVerbs {
  /** From the store; WhatsApp is asked for what is not there. Rejects with `not_found` for a group that is not seen. */
  groupInfo(groupId: string): Promise<GroupInfo>
  joinInfo(inviteCode: string): Promise<GroupJoinInfo>
  inviteCode(groupId: string): Promise<InviteCode>
  /** Who waits to be let into a group. */
  membershipRequests(groupId: string): Promise<MembershipRequest[]>
  /** Asks WhatsApp whom this account has blocked, and keeps it. Ids are neutral. */
  blocked(): Promise<string[]>
  /** Null where there is none, or it is not shown to this account. */
  pictureUrl(id: string): Promise<string | null>
  changeChat(change: NamedChatChange): Promise<boolean>
  subscribePresence(chatId: string): Promise<void>
  presence(chatId: string): Presence | null
  setAvailable(isAvailable: boolean): Promise<void>
  rejectCall(callId: string): Promise<void>
}

export interface AccountLink extends AccountVerbs {
  /** What Baileys says, in the turn in which it says it. */
  hear<E extends keyof BaileysEventMap>(event: E, data: BaileysEventMap[E]): void
  /** For Baileys, which would else ask WhatsApp for the group at every send. */
  groupMetadata(jid: string): Promise<GroupMetadata | undefined>
  /** Fetches the groups of an account that was never asked for them. */
  ready(): Promise<void>
}

export interface AccountLinkDeps {
  sock: WASocket
  db: Db
  sealer: Sealer
  sessionId: string
  account: AccountPort
  book: AddressBook
  log: Logger
  now: () => number
  /** This account, as far as it is known. */
  me: () => PersonIds
  maySync: () => boolean
  autoRejectCalls: () => boolean
  /** False from the close on: nothing is written for a connection that is gone. */
  isOpen: () => boolean
}

export function createAccountLink(deps: AccountLinkDeps): AccountLink {
  const { sock, db, sessionId, account, book, log, now, me } = deps
  const to = () => ({ me: me(), book, now: now() })
  const presences = createPresences({ book, now })
  const calls = createCalls({
    sessionId,
    book,
    autoReject: deps.autoRejectCalls,
    rejectCall: (callId, from) => sock.rejectCall(callId, from),
    onError: err => log.error({ err, sessionId }, 'a call could not be rejected'),
  })
  const chats = createChatChanges({ ...deps })

  /** What Baileys has not noticed itself: else a message under the other id would be taken for somebody else's. */
  function teach(facts: readonly AccountFact[]) {
    const pairs = facts
      .flatMap(peopleIn)
      .filter(isPair)
      .filter(({ phoneId, lidId }) => book.lidOf(phoneId) !== lidId)
    if (pairs.length === 0) return
    sock.signalRepository.lidMapping
      .storeLIDPNMappings(pairs.map(({ phoneId, lidId }) => ({ pn: toJid(phoneId), lid: toJid(lidId) })))
      .catch(err => log.error({ err, sessionId }, 'pairs of phone and lid could not be kept'))
  }

  function take(facts: readonly AccountFact[]) {
    if (facts.length === 0 || !deps.isOpen()) return
    account.hear(sessionId, facts)
    teach(facts)
  }

  function tellPresence(update: BaileysEventMap['presence.update']) {
    const presence = presences.hear(update)
    if (presence === null) return
    const { observedAt: _, ...shown } = presence
    account.tell(sessionId, { event: 'presence.update', data: { sessionId, ...shown } })
  }

  async function fetchGroup(groupId: string): Promise<GroupMetadata> {
    const metadata = await sock.groupMetadata(toJid(groupId)).catch((cause: unknown) => {
      throw groupFailure(groupId, refusalOf(cause), cause)
    })
    take(factsOf('groups.update', [metadata], to()))
    return metadata
  }

  async function knownGroup(groupId: string) {
    const known = await account.group(sessionId, groupId)
    if (known !== null) return known
    await fetchGroup(groupId)
    return await account.group(sessionId, groupId)
  }

  // Baileys tells of these as of any receipt, and not of which device they are.
  sock.ws.on('CB:receipt,type:read-self', ({ attrs }: BinaryNode) => {
    const { id, from, recipient } = attrs
    const chat = from && chatKind(toNeutral(from)) === 'group' ? from : (recipient ?? from)
    if (!id || !chat) return
    const chatId = preferredId(bothIds(book, chat)) ?? toNeutral(chat)
    take([{ kind: 'read', chatId, waMessageId: id }])
  })

  return {
    hear(event, data) {
      // Most of what Baileys tells is about none of it, and who this account is takes some looking up.
      if (event in accountFacts || event in groupNews) {
        const receiver = to()
        take(factsOf(event, data, receiver))
        for (const news of groupNewsOf(event, data, receiver)) account.tell(sessionId, news)
      }
      if (event === 'call')
        for (const news of calls.hear(data as BaileysEventMap['call'])) account.tell(sessionId, news)
      if (event === 'presence.update') tellPresence(data as BaileysEventMap['presence.update'])
    },
    async groupMetadata(jid) {
      const known = await knownGroup(toNeutral(jid)).catch((error: unknown) => {
        // Baileys asks once more, and its own failure is the sender's answer.
        log.warn({ err: error, sessionId }, 'a group is not known')
        return null
      })
      return known ? toGroupMetadata(known) : undefined
    },
    async ready() {
      if (await areGroupsListed(db, sessionId)) return
      await answered('the groups', sock.groupFetchAllParticipating())
      take([{ kind: 'groups-listed' }])
    },
    async groupInfo(groupId) {
      const known = await knownGroup(groupId)
      const { phoneId, lidId } = me()
      // A group that this account has left is known, but seen no more.
      if (known?.group.isMember) return toGroupInfo(known, [phoneId, lidId])
      throw groupFailure(groupId, 404, undefined)
    },
    async joinInfo(inviteCode) {
      const group = await answered('the invite', sock.groupGetInviteInfo(inviteCode))
      const owner = preferredId(bothIds(book, group.ownerPn, group.owner))
      return {
        id: toNeutral(group.id),
        name: group.subject ?? '',
        ...(group.desc && { description: group.desc }),
        ...(owner && { owner }),
        ...(group.creation && secondsOf(group.creation) !== null && { createdAt: group.creation }),
        ...(group.size !== undefined && wholeOf(group.size) !== null && { participantCount: group.size }),
      }
    },
    async inviteCode(groupId) {
      const inviteCode = await answered('the invite', sock.groupInviteCode(toJid(groupId)))
      if (!inviteCode) throw new GatewayError('not_found', `Group ${groupId} has no invite`)
      return { inviteCode, inviteLink: `https://chat.whatsapp.com/${inviteCode}` }
    },
    async membershipRequests(groupId) {
      const requests = await answered('who waits', sock.groupRequestParticipantsList(toJid(groupId)))
      return requests.map(attrs => toMembershipRequest(attrs, book))
    },
    async blocked() {
      const jids = await answered('who is blocked', sock.fetchBlocklist())
      const blocklist = jids.filter(jid => jid !== undefined)
      take(factsOf('blocklist.set', { blocklist }, to()))
      return blocklist.map(jid => preferredId(bothIds(book, jid)) ?? toNeutral(jid))
    },
    async pictureUrl(id) {
      try {
        return (await answered('the picture', sock.profilePictureUrl(toJid(id), 'image'))) ?? null
      } catch (error) {
        // No picture and none for us are told apart by WhatsApp, and are the same to whoever asks.
        if (error instanceof GatewayError && error.code !== 'whatsapp_unanswered') return null
        throw error
      }
    },
    changeChat: change => chats.change(change),
    subscribePresence: chatId => answered('who is there', sock.presenceSubscribe(toJid(chatId))),
    presence: chatId => presences.find(chatId),
    setAvailable: isAvailable =>
      answered('the presence', sock.sendPresenceUpdate(isAvailable ? 'available' : 'unavailable')),
    rejectCall: callId => answered('the call', calls.reject(callId)),
  }
}

const isPair = (person: PersonFact): person is PersonFact & { phoneId: string; lidId: string } =>
  person.phoneId !== null && person.lidId !== null && chatKind(person.lidId) === 'individual'

function peopleIn(fact: AccountFact): readonly PersonFact[] {
  if ('people' in fact) return fact.people
  return 'members' in fact ? (fact.members ?? []) : []
}

function toMembershipRequest(
  attrs: Record<string, string | undefined>,
  book: AddressBook,
): MembershipRequest {
  const { jid, phone_number, requestor, request_method, request_time } = attrs
  const participantId = preferredId(bothIds(book, jid, phone_number)) ?? toNeutral(jid ?? '')
  const addedById = requestor === undefined ? null : preferredId(bothIds(book, requestor))
  return {
    participantId,
    ...(addedById !== null && { addedById }),
    ...(request_method !== undefined && { method: request_method }),
    ...(request_time !== undefined && { requestedAt: Number(request_time) }),
  }
}
