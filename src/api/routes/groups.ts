// Groups (REST spec, section 5): read from the database where all of a group is known, else asked of WhatsApp.
import * as v from 'valibot'
import {
  GroupInfo,
  GroupJoinInfo,
  GroupSettings,
  InviteCode,
  MembershipRequest,
} from '../../contract/directory.ts'
import { ChatId } from '../../contract/ids.ts'
import { findGroup } from '../../db/directory/groups.ts'
import { toGroupInfo } from '../../db/directory/views.ts'
import { type Ask, type Route, type RouteDeps, route } from '../route.ts'
import { pathId } from '../validate.ts'
import { requireSession } from './chats.ts'
import { BySession } from './sessions.ts'

const ByGroup = v.object({
  ...BySession.entries,
  gid: pathId(
    v.pipe(
      ChatId,
      v.check(id => id.endsWith('@g.us')),
    ) as unknown as v.GenericSchema<string, ChatId>,
    id => `Group ${id} not found`,
  ),
})
type InGroup = Pick<Ask<v.InferOutput<typeof ByGroup>>, 'params'>

const shared = {
  params: ByGroup,
  chats: ({ params }: InGroup) => [params.gid],
  status: 200,
} as const

async function groupInfo({ params: { sid, gid } }: InGroup, { db, engine }: RouteDeps): Promise<GroupInfo> {
  const { phone, lid } = await requireSession(db, sid)
  const found = await findGroup(db, sid, gid)
  if (found?.group.isComplete && found.group.isMember)
    return toGroupInfo(found, [phone && `${phone}@c.us`, lid && `${lid}@lid`])
  return await engine.call('group.info', { sessionId: sid, groupId: gid })
}

export const groupRoutes: readonly Route[] = [
  // Before `/groups/:gid`, which would take `join-info` for an id.
  route({
    method: 'GET',
    path: '/sessions/:sid/groups/join-info',
    summary: 'Get what an invite shows of its group',
    role: 'viewer',
    params: BySession,
    query: v.object({
      code: v.pipe(
        v.string('must be given once'),
        v.regex(/^[\w-]{1,128}$/, 'must be the code of an invite'),
      ),
    }),
    status: 200,
    result: GroupJoinInfo,
    handle: ({ params: { sid }, query: { code } }, { engine }) =>
      engine.call('group.joinInfo', { sessionId: sid, code }),
  }),
  route({
    ...shared,
    method: 'GET',
    path: '/sessions/:sid/groups/:gid',
    summary: 'Get one group with its members',
    role: 'viewer',
    result: GroupInfo,
    handle: groupInfo,
  }),
  route({
    ...shared,
    method: 'GET',
    path: '/sessions/:sid/groups/:gid/settings',
    summary: 'Get who may write in a group and change it',
    role: 'viewer',
    result: GroupSettings,
    async handle(ask, deps) {
      const { announce = false, locked = false, ephemeralSeconds, memberAddMode } = await groupInfo(ask, deps)
      return {
        announce,
        locked,
        ...(ephemeralSeconds !== undefined && { ephemeralSeconds }),
        ...(memberAddMode !== undefined && { memberAddMode }),
      }
    },
  }),
  route({
    ...shared,
    method: 'GET',
    path: '/sessions/:sid/groups/:gid/invite-code',
    summary: 'Get the code that invites into a group',
    role: 'operator',
    result: InviteCode,
    handle: ({ params: { sid, gid } }, { engine }) =>
      engine.call('group.inviteCode', { sessionId: sid, groupId: gid }),
  }),
  route({
    ...shared,
    method: 'GET',
    path: '/sessions/:sid/groups/:gid/picture',
    summary: 'Get the address of the picture of a group',
    role: 'viewer',
    result: v.strictObject({ url: v.nullable(v.string()) }),
    handle: ({ params: { sid, gid } }, { engine }) => engine.call('picture.url', { sessionId: sid, id: gid }),
  }),
  route({
    ...shared,
    method: 'GET',
    path: '/sessions/:sid/groups/:gid/membership-requests',
    summary: 'List who waits to be let into a group',
    role: 'viewer',
    result: v.array(MembershipRequest),
    handle: ({ params: { sid, gid } }, { engine }) =>
      engine.call('group.requests', { sessionId: sid, groupId: gid }),
  }),
]
