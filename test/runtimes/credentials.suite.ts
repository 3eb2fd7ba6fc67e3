// Every route with every kind of credential. What may pass is in access.ts; all else is refused, and in the right words.
import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { routes } from '../../src/api/routes.ts'
import { updateApiKey } from '../../src/db/api-keys.ts'
import { ask } from '../support/api-client.ts'
import type { ApiUnderTest } from '../support/api-runtimes.ts'
import { access } from './access.ts'

const roles = ['viewer', 'operator', 'admin']
const [ownSession, otherSession] = [randomUUID(), randomUUID()]
const CHAT = '15550000001@c.us'

interface Credential {
  name: string
  make(api: ApiUnderTest): Promise<string | null>
  /** Why it is refused at all, or what it may do. */
  refused?: string
  role?: string
  scoped?: true
  restricted?: true
}

async function create(api: ApiUnderTest, rights: Record<string, unknown>) {
  const { status, body } = await ask(api, 'POST', '/auth/api-keys', { body: { name: 'matrix', ...rights } })
  expect(status).toBe(201)
  return body as { id: string; apiKey: string }
}

const unknown = 'Invalid or missing API key'
const credentials: readonly Credential[] = [
  { name: 'no key', make: async () => null, refused: unknown },
  { name: 'garbage', make: async () => 'garbage', refused: unknown },
  { name: 'a key of the right form', make: async () => `owa_k1_${'0'.repeat(64)}`, refused: unknown },
  {
    name: 'a revoked key',
    refused: 'API key is revoked',
    async make(api) {
      const { id, apiKey } = await create(api, { role: 'admin' })
      await ask(api, 'POST', `/auth/api-keys/${id}/revoke`)
      return apiKey
    },
  },
  {
    name: 'an expired key',
    refused: 'API key has expired',
    async make(api) {
      const { id, apiKey } = await create(api, { role: 'operator' })
      const { db, writer } = api.database
      await writer.commit([updateApiKey(db, id, { expiresAt: 1 }, { lowers: false, now: 0 })])
      return apiKey
    },
  },
  ...roles.map(role => ({
    name: `a ${role} key`,
    role,
    make: async (api: ApiUnderTest) => (await create(api, { role })).apiKey,
  })),
  ...roles.map(role => ({
    name: `a ${role} key for one session`,
    role,
    scoped: true as const,
    make: async (api: ApiUnderTest) => (await create(api, { role, allowedSessions: [ownSession] })).apiKey,
  })),
  ...roles.map(role => ({
    name: `a ${role} key for one chat`,
    role,
    restricted: true as const,
    make: async (api: ApiUnderTest) => (await create(api, { role, allowedChats: [CHAT] })).apiKey,
  })),
]

/** The refusal that is due, or null. */
function due(
  credential: Credential,
  name: string,
  session: string,
): { status: number; message: string } | null {
  const rule = access[name]!
  if (rule.role === 'public') return null
  if (credential.refused !== undefined) return { status: 401, message: credential.refused }
  const forbidden = (message: string) => ({ status: 403, message })
  const namesSession = /:(sid|sessionId)/.test(name)
  if (credential.scoped && namesSession && session !== ownSession)
    return forbidden('API key not authorized for this session')
  if (roles.indexOf(credential.role!) < roles.indexOf(rule.role))
    return forbidden(`Insufficient permissions. Required: ${rule.role}`)
  if (credential.restricted && !rule.chats && !rule.filtered)
    return forbidden('API key is restricted to selected chats')
  if (credential.scoped && rule.unscoped)
    return forbidden('Session-scoped API keys are not permitted on this route')
  return null
}

export function credentialsSuite(rig: () => ApiUnderTest): void {
  it('knows every route', () => {
    const rows = routes.map(({ method, path, role, unscoped, chats, filtersChats }) => [
      `${method} ${path}`,
      {
        role,
        ...(unscoped && { unscoped }),
        ...(chats && { chats: true }),
        ...(filtersChats && { filtered: true }),
      },
    ])
    expect(Object.fromEntries(rows)).toEqual(access)
  })

  describe.each(credentials)('$name', credential => {
    let key: string | null
    beforeAll(async () => {
      key = await credential.make(rig())
    })

    it.each(routes.map(route => [`${route.method} ${route.path}`, route] as const))(
      '%s',
      async (name, route) => {
        for (const session of [ownSession, otherSession]) {
          const path = route.path
            .replace(/:(sid|sessionId)\b/, session)
            .replace(':id', route.path.startsWith('/plugins') ? 'nobody' : randomUUID())
            .replaceAll(/:\w+/g, 'nobody')
          const query =
            access[name]?.chats && route.method === 'GET' ? `?chatId=${encodeURIComponent(CHAT)}` : ''
          const body = access[name]?.chats && route.method === 'POST' ? { chatId: CHAT, text: '' } : {}
          const answer = await ask(rig(), route.method, path + query, {
            key,
            ...(route.method !== 'GET' && route.method !== 'DELETE' && { body }),
          })
          const refusal = due(credential, name, session)
          if (refusal === null) expect([401, 403]).not.toContain(answer.status)
          else expect(answer).toMatchObject({ status: refusal.status, body: { message: refusal.message } })
        }
      },
    )
  })

  describe('a key is shown in a header, whole, and nowhere else', () => {
    const bearer = (value: string) => ({ key: null, headers: { authorization: value } })
    it.each<
      [string, (key: string) => { key: string | null; headers?: Record<string, string>; query?: string }]
    >([
      ['in the query', key => ({ key: null, query: `?api_key=${key}&apikey=${key}&x-api-key=${key}` })],
      ['in a cookie', key => ({ key: null, headers: { cookie: `x-api-key=${key}` } })],
      ['as Basic', key => bearer(`Basic ${btoa(`${key}:`)}`)],
      ['as an empty Bearer', () => bearer('Bearer')],
      ['as Bearer with two spaces', key => bearer(`Bearer  ${key}`)],
      ['twice as Bearer', key => bearer(`Bearer ${key}, Bearer ${key}`)],
      ['as a wrong X-API-Key beside a good Bearer', key => ({ ...bearer(`Bearer ${key}`), key: 'wrong' })],
      ['in capitals', key => ({ key: key.toUpperCase() })],
      ['with more behind it', key => ({ key: `${key}0` })],
      ['twice', key => ({ key: `${key}, ${key}` })],
      ['too long', key => ({ key: key.repeat(60) })],
      ['as an empty text', () => ({ key: '' })],
    ])('not %s', async (_name, spell) => {
      const { query = '', ...asked } = spell(rig().adminKey)
      const answer = await ask(rig(), 'GET', `/sessions${query}`, asked)
      expect(answer.status).toBe(401)
      expect(answer.body).toEqual({ statusCode: 401, message: unknown, error: 'Unauthorized' })
    })

    it('as Bearer it is as good', async () => {
      const asked = bearer(`Bearer ${rig().adminKey}`)
      expect((await ask(rig(), 'GET', '/sessions', asked)).status).toBe(200)
    })

    it.each([
      '//api/sessions',
      '/API/sessions',
      '/api/sessions/',
      '/api/x/..;/sessions',
      '/api%2fsessions',
      '/api/%2573essions',
    ])('the path %s is no way round it', async path => {
      const response = await fetch(rig().baseUrl + path)
      await response.body?.cancel()
      expect([400, 401, 404]).toContain(response.status)
    })

    it('HEAD is asked for a key as GET is', async () => {
      const response = await fetch(`${rig().baseUrl}/api/sessions`, { method: 'HEAD' })
      expect(response.status).toBe(401)
    })

    it('another method in a header changes nothing', async () => {
      const answer = await ask(rig(), 'GET', `/auth/api-keys/${randomUUID()}`, {
        headers: { 'x-http-method-override': 'DELETE' },
      })
      expect(answer.status).toBe(404)
    })
  })
}
