// A stored group as Baileys wants it when it encrypts for the members.
import type { GroupMetadata } from 'baileys'
import type { KnownGroup } from '../directory/directory.ts'
import { toJid } from './jid.ts'

/** Only what sending reads is filled in: who the members are, how they are addressed, and how long messages stay. */
export function toGroupMetadata({ group, members }: KnownGroup): GroupMetadata {
  return {
    id: group.groupId,
    subject: group.subject ?? '',
    owner: group.ownerId === null ? undefined : toJid(group.ownerId),
    addressingMode: (group.addressing ?? 'lid') as NonNullable<GroupMetadata['addressingMode']>,
    ephemeralDuration: group.ephemeralSeconds ?? 0,
    participants: members.map(({ address, admin }) => ({ id: toJid(address), admin })),
  }
}
