// API keys (REST spec, section 12). The clear key is in the answer that creates it, and nowhere else.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { Uuid } from '../../contract/ids.ts'
import {
  type ApiKeyPatch,
  type ApiKeyRow,
  deleteApiKey,
  findApiKey,
  insertApiKey,
  listApiKeys,
  updateApiKey,
} from '../../db/api-keys.ts'
import type { Statement } from '../../db/db.ts'
import {
  ApiKeyView,
  CreateApiKey,
  keyPrefix,
  mayGrant,
  newKey,
  newUuid,
  type Rights,
  toApiKeyView,
  UpdateApiKey,
} from '../api-key.ts'
import { type Route, type RouteDeps, roles, route } from '../route.ts'
import { pathId } from '../validate.ts'

const noKey = (id: string) => `API key with id '${id}' not found`
const ByKey = v.object({ id: pathId(Uuid, noKey) })

const managesKeys = { role: 'admin', unscoped: true } as const

async function mustFind(deps: RouteDeps, id: string): Promise<ApiKeyRow> {
  const row = await findApiKey(deps.db, id)
  if (row === null) throw new GatewayError('not_found', noKey(id))
  return row
}

/** Milliseconds of a date that must lie ahead: a key that is born expired is a mistake. */
function expiry(text: string | null | undefined, now: number): number | null {
  if (text === null || text === undefined) return null
  const at = Date.parse(text)
  if (at > now) return at
  throw new GatewayError('invalid_input', 'Validation failed', {
    details: { messages: ['expiresAt must lie in the future'] },
  })
}

/** OpenWA writes "not restricted" as an empty list. */
const orNull = (list: string[] | undefined) => (list === undefined || list.length === 0 ? null : list)

function refuseEscalation(own: ApiKeyRow | null, wanted: Rights): void {
  if (own === null || !mayGrant(own, wanted))
    throw new GatewayError('forbidden', 'An API key cannot grant more than it has')
}

/** For a statement that changes nothing when the key is the last usable admin. */
async function commitUnlessLast(deps: RouteDeps, id: string, write: Statement) {
  const [changed] = await deps.writer.commit([write])
  deps.forgetKeys()
  if (changed !== 0) return
  await mustFind(deps, id)
  throw new GatewayError(
    'last_admin_key',
    'The last usable admin key cannot be removed, revoked or restricted',
  )
}

export const apiKeyRoutes: readonly Route[] = [
  route({
    ...managesKeys,
    method: 'GET',
    path: '/auth/api-keys',
    summary: 'List the API keys, newest first',
    status: 200,
    result: v.array(ApiKeyView),
    handle: async (_ask, { db }) => (await listApiKeys(db)).map(toApiKeyView),
  }),
  route({
    ...managesKeys,
    method: 'GET',
    path: '/auth/api-keys/:id',
    summary: 'Get one API key',
    params: ByKey,
    status: 200,
    result: ApiKeyView,
    handle: async ({ params }, deps) => toApiKeyView(await mustFind(deps, params.id)),
  }),
  route({
    ...managesKeys,
    method: 'POST',
    path: '/auth/api-keys',
    summary: 'Create an API key; only this answer shows it',
    body: CreateApiKey,
    audit: { action: 'api_key_created', subject: (_ask, made) => made?.id ?? null },
    status: 201,
    result: v.strictObject({ ...ApiKeyView.entries, apiKey: v.string() }),
    async handle({ body, key }, { db, writer, now, randomBytes, hashKey }) {
      const rights: Rights = {
        role: body.role,
        allowedIps: orNull(body.allowedIps),
        allowedSessions: orNull(body.allowedSessions),
        allowedChats: orNull(body.allowedChats),
        expiresAt: expiry(body.expiresAt, now()),
      }
      refuseEscalation(key, rights)
      const apiKey = newKey(randomBytes)
      const row = {
        id: newUuid(randomBytes),
        name: body.name,
        keyPrefix: keyPrefix(apiKey),
        keyHash: await hashKey(apiKey),
        ...rights,
        isActive: true,
        lastUsedAt: null,
        usageCount: 0,
        createdAt: now(),
      }
      await writer.commit([insertApiKey(db, row)])
      return { ...toApiKeyView(row), apiKey }
    },
  }),
  route({
    ...managesKeys,
    method: 'PUT',
    path: '/auth/api-keys/:id',
    summary: 'Change the name or the rights of an API key',
    params: ByKey,
    body: UpdateApiKey,
    audit: { action: 'api_key_updated', subject: ({ params }) => params.id },
    status: 200,
    result: ApiKeyView,
    async handle({ params, body, key }, deps) {
      const stored = await mustFind(deps, params.id)
      const { name, ...rest } = body
      const patch: ApiKeyPatch = {
        ...(name !== undefined && { name }),
        ...(rest.role !== undefined && { role: rest.role }),
        ...(rest.allowedIps !== undefined && { allowedIps: orNull(rest.allowedIps) }),
        ...(rest.allowedSessions !== undefined && { allowedSessions: orNull(rest.allowedSessions) }),
        ...(rest.allowedChats !== undefined && { allowedChats: orNull(rest.allowedChats) }),
        ...(rest.expiresAt !== undefined && { expiresAt: expiry(rest.expiresAt, deps.now()) }),
      }
      const changesRights = Object.keys(rest).length > 0
      if (changesRights) refuseEscalation(key, { ...stored, ...patch })
      if (Object.keys(patch).length > 0) {
        const write = updateApiKey(deps.db, params.id, patch, {
          lowers: lowers(stored, patch),
          now: deps.now(),
        })
        await commitUnlessLast(deps, params.id, write)
      }
      return toApiKeyView(await mustFind(deps, params.id))
    },
  }),
  route({
    ...managesKeys,
    method: 'POST',
    path: '/auth/api-keys/:id/revoke',
    summary: 'Revoke an API key; it can never be used again',
    params: ByKey,
    audit: { action: 'api_key_revoked', subject: ({ params }) => params.id },
    status: 200,
    result: ApiKeyView,
    async handle({ params }, deps) {
      await mustFind(deps, params.id)
      const write = updateApiKey(deps.db, params.id, { isActive: false }, { lowers: true, now: deps.now() })
      await commitUnlessLast(deps, params.id, write)
      return toApiKeyView(await mustFind(deps, params.id))
    },
  }),
  route({
    ...managesKeys,
    method: 'DELETE',
    path: '/auth/api-keys/:id',
    summary: 'Delete an API key',
    params: ByKey,
    audit: { action: 'api_key_deleted', subject: ({ params }) => params.id },
    status: 204,
    result: null,
    async handle({ params }, deps) {
      await mustFind(deps, params.id)
      await commitUnlessLast(deps, params.id, deleteApiKey(deps.db, params.id, deps.now()))
      return null
    },
  }),
  route({
    method: 'POST',
    path: '/auth/validate',
    summary: 'Say what the key that is shown may do',
    role: 'viewer',
    status: 200,
    result: v.strictObject({
      valid: v.literal(true),
      role: v.picklist(roles),
      engineType: v.literal('baileys'),
      scoped: v.boolean(),
    }),
    handle: ({ key }) => ({
      valid: true as const,
      role: key?.role ?? 'viewer',
      engineType: 'baileys' as const,
      scoped: key?.allowedSessions !== null,
    }),
  }),
]

/** True for a change after which a usable admin may be one no longer. */
function lowers(stored: ApiKeyRow, patch: ApiKeyPatch): boolean {
  return (
    (patch.role !== undefined && patch.role !== 'admin') ||
    (patch.allowedSessions !== undefined && patch.allowedSessions !== null) ||
    (patch.allowedChats !== undefined && patch.allowedChats !== null) ||
    (patch.expiresAt !== undefined && patch.expiresAt !== null && patch.expiresAt !== stored.expiresAt)
  )
}
