// Rows of the directory in the shapes of the API and of plugins (REST spec, sections 1, 4 and 5). Pure.
import { chatKind, userOf } from '../../contract/chat-id.ts'
import type { ChatSummary, Contact, GroupInfo, GroupSettings } from '../../contract/directory.ts'
import type { ChatListRow } from './chats.ts'
import type { GroupMember, GroupRow } from './groups.ts'
import type { ContactRow } from './people.ts'

/** `now` in milliseconds: a mute that is over is none. */
export function toChatSummary(row: ChatListRow, now: number): ChatSummary {
  const kind = chatKind(row.id)
  const until = row.mutedUntil ?? 0
  const muted = until === -1 || until > now
  return {
    id: row.id,
    name: row.name ?? row.pushName ?? userOf(row.id),
    isGroup: kind === 'group',
    kind,
    unreadCount: row.unread,
    timestamp: row.timestamp,
    ...(row.lastMessage !== null && { lastMessage: row.lastMessage }),
    ...(row.lastMessageType !== null && { lastMessageType: row.lastMessageType }),
    archived: row.archived === 1,
    pinned: (row.pinnedAt ?? 0) > 0,
    muted,
    ...(muted && { muteExpiration: Math.max(until, 0) }),
  }
}

/** Null for a row without an id, which nobody can ask for. */
export function toContact(row: ContactRow): Contact | null {
  const id = row.phoneId ?? row.lidId
  if (id === null) return null
  const name = row.name ?? row.verifiedName
  return {
    id,
    number: userOf(id),
    ...(name !== null && { name }),
    ...(row.pushName !== null && { pushName: row.pushName }),
    isMyContact: row.name !== null,
    isBlocked: row.isBlocked,
  }
}

/** `me`: the ids of this account. */
export function toGroupInfo(
  {
    group,
    owner,
    members,
  }: { group: GroupRow; owner: { phoneId: string | null } | null; members: GroupMember[] },
  me: readonly (string | null)[],
): GroupInfo {
  const participants = members.map(({ phoneId, lidId, address, admin, name, pushName }) => {
    const id = phoneId ?? lidId ?? address
    const shown = name ?? pushName
    return {
      id,
      number: userOf(id),
      ...(shown !== null && { name: shown }),
      isAdmin: admin !== null,
      isSuperAdmin: admin === 'superadmin',
    }
  })
  const mine = members.find(({ phoneId, lidId }) =>
    [phoneId, lidId].some(id => id !== null && me.includes(id)),
  )
  const isAnnounce = group.announce === true
  return {
    id: group.groupId,
    name: group.subject ?? '',
    description: group.description,
    owner: owner?.phoneId ?? group.ownerId,
    createdAt: group.createdAt,
    isReadOnly: isAnnounce && (mine?.admin ?? null) === null,
    isAnnounce,
    linkedParentJID: group.linkedParent,
    participants,
    ...toGroupSettings(group),
  }
}

export const toGroupSettings = (group: GroupRow): GroupSettings => ({
  announce: group.announce === true,
  locked: group.locked === true,
  ...(group.ephemeralSeconds !== null && { ephemeralSeconds: group.ephemeralSeconds }),
  ...(group.memberAddMode !== null && { memberAddMode: group.memberAddMode }),
})
