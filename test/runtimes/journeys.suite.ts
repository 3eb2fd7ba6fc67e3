// What people do with the API: link a session, send and read messages, run plugins, hand out keys; with the engine away too.
import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { type ApiKeyRow, updateApiKey } from '../../src/db/api-keys.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import { type Asked, ask } from '../support/api-client.ts'
import type { ApiUnderTest } from '../support/api-runtimes.ts'

export function journeysSuite(rig: () => ApiUnderTest): void {
  const call = async (method: string, path: string, asked?: Asked) =>
    (await ask(rig(), method, path, asked)).body
  const newSession = async (name = `s-${randomUUID()}`.slice(0, 30)) =>
    (await call('POST', '/sessions', { body: { name } })) as { id: string; name: string }
  const newKey = async (rights: Record<string, unknown>) =>
    (await call('POST', '/auth/api-keys', { body: { name: 'journey', ...rights } })) as {
      id: string
      apiKey: string
    }

  describe('sessions', () => {
    it('is created, started, linked, stopped and deleted', async () => {
      const { id, name } = await newSession()
      expect(await call('GET', `/sessions/${id}`)).toMatchObject({ id, name, status: 'created', phone: null })
      expect(await call('GET', `/sessions/${id}/qr`)).toMatchObject({
        statusCode: 400,
        message: 'Session is not started',
        code: 'SESSION_NOT_STARTED',
      })
      expect(await call('POST', `/sessions/${id}/start`)).toMatchObject({
        status: 'qr_ready',
        engineLoaded: true,
      })
      expect((await call('GET', `/sessions/${id}/qr`)).qrCode).toMatch(/^data:image\/png;base64,/)
      expect(await call('POST', `/sessions/${id}/force-kill`)).toMatchObject({ status: 'disconnected' })
      expect((await ask(rig(), 'POST', `/sessions/${id}/logout`)).status).toBe(400)
      await call('POST', `/sessions/${id}/start`)
      expect(await call('POST', `/sessions/${id}/stop`)).toMatchObject({ engineLoaded: false })
      expect((await ask(rig(), 'DELETE', `/sessions/${id}`)).status).toBe(204)
      expect((await ask(rig(), 'GET', `/sessions/${id}`)).status).toBe(404)
    })

    it('has a name of its own', async () => {
      const { name } = await newSession()
      expect(await call('POST', '/sessions', { body: { name } })).toEqual({
        statusCode: 409,
        message: `Session with name '${name}' already exists`,
        error: 'Conflict',
        code: 'SESSION_NAME_TAKEN',
      })
    })

    it('is listed newest first, in pages, by name, and counted', async () => {
      const made = [await newSession(), await newSession(), await newSession()].reverse()
      const ids = async (query: string) =>
        (await call('GET', `/sessions?${query}`)).map((s: { id: string }) => s.id)
      expect(await ids('limit=3')).toEqual(made.map(session => session.id))
      expect(await ids('limit=1&offset=1')).toEqual([made[1]?.id])
      expect(await ids(`name=${made[2]?.name}`)).toEqual([made[2]?.id])
      const { apiKey } = await newKey({ role: 'viewer', allowedSessions: [made[0]?.id, made[1]?.id] })
      const seen = await call('GET', '/sessions', { key: apiKey })
      expect(seen.map((s: { id: string }) => s.id)).toEqual([made[0]?.id, made[1]?.id])
      expect(await call('GET', '/sessions/stats/overview', { key: apiKey })).toMatchObject({
        total: 2,
        active: 0,
        byStatus: { created: 2 },
      })
    })
  })

  describe('messages', () => {
    const chat = '15550000001@c.us'
    const incoming = (sessionId: string, at: number, row: Partial<NewMessageRow> = {}): NewMessageRow => ({
      id: randomUUID(),
      sessionId,
      waMessageId: `IN${at}`,
      chatId: chat,
      senderId: chat,
      from: chat,
      to: 'me@c.us',
      body: `message ${at}`,
      type: 'text',
      direction: 'incoming',
      timestamp: at,
      status: 'delivered',
      createdAt: at * 1000,
      ...row,
    })
    const store = async (...rows: NewMessageRow[]) => {
      const { writer } = rig().database
      await writer.commit(rows.map(row => insertMessage(row)))
    }

    it('is sent, answered and found again', async () => {
      const { id } = await newSession()
      const path = `/sessions/${id}/messages`
      const hello = { chatId: '15550000001@s.whatsapp.net', text: 'hello' }
      expect((await ask(rig(), 'POST', `${path}/send-text`, { body: hello })).body.code).toBe(
        'SESSION_NOT_STARTED',
      )
      await call('POST', `/sessions/${id}/start`)
      const { messageId } = await call('POST', `${path}/send-text`, {
        body: { ...hello, linkPreview: false },
      })
      const reply = { chatId: chat, quotedMessageId: messageId, text: 'again' }
      expect((await ask(rig(), 'POST', `${path}/reply`, { body: reply })).status).toBe(201)
      const nowhere = { ...reply, chatId: '15550000009@c.us' }
      expect((await ask(rig(), 'POST', `${path}/reply`, { body: nowhere })).status).toBe(404)
      const { messages, total } = await call('GET', `${path}?chatId=${chat}`)
      expect(total).toBe(2)
      expect(messages).toMatchObject([
        { body: 'again', direction: 'outgoing', chatId: chat },
        { body: 'hello', waMessageId: messageId, status: 'sent' },
      ])
    })

    it('is refused with a preview that Wharf cannot make', async () => {
      const { id } = await newSession()
      const body = { chatId: chat, text: 'x', customLinkPreview: { url: 'http://a.test', title: 'a' } }
      expect((await ask(rig(), 'POST', `/sessions/${id}/messages/send-text`, { body })).status).toBe(501)
    })

    it('is listed by every filter, page by page', async () => {
      const { id } = await newSession()
      const other = '15550000002@c.us'
      await store(
        incoming(id, 1),
        incoming(id, 2, { chatId: other, from: other, senderId: other }),
        incoming(id, 3, { type: 'image' }),
        incoming(id, 4, { timestamp: null, lidId: '77@lid' }),
        incoming(id, 5, { direction: 'outgoing', senderId: '' }),
      )
      const list = async (query: string) => {
        const { messages, ...rest } = await call('GET', `/sessions/${id}/messages?${query}`)
        return { ids: messages.map((m: { waMessageId: string }) => m.waMessageId).join(' '), ...rest }
      }
      expect(await list('')).toEqual({ ids: 'IN5 IN4 IN3 IN2 IN1', total: 5 })
      expect(await list('orderBy=timestamp')).toEqual({ ids: 'IN5 IN3 IN2 IN1 IN4', total: 5 })
      expect(await list(`chatId=${other}`)).toEqual({ ids: 'IN2', total: 1 })
      expect(await list('chatId=77@lid')).toEqual({ ids: 'IN4', total: 1 })
      expect(await list(`from=${other}`)).toEqual({ ids: 'IN2', total: 1 })
      expect(await list('type=image')).toEqual({ ids: 'IN3', total: 1 })
      expect(await list('direction=outgoing')).toEqual({ ids: 'IN5', total: 1 })
      expect(await list('messageId=IN4')).toEqual({ ids: 'IN4', total: 1 })
      expect(await list('since=2000&until=5000')).toEqual({
        ids: 'IN3 IN2',
        total: 2,
        unknownTimestampTotal: 1,
      })
      expect(await list('limit=2&offset=1')).toEqual({ ids: 'IN4 IN3', total: 5 })

      const walk = async (orderBy: string) => {
        const seen: string[] = []
        let after = ''
        do {
          const query = `limit=2&orderBy=${orderBy}${after && `&after=${after}`}`
          const { messages } = await call('GET', `/sessions/${id}/messages?${query}`)
          seen.push(...messages.map((m: { waMessageId: string }) => m.waMessageId))
          after = messages.at(-1)?.id ?? ''
        } while (after !== '')
        return seen.join(' ')
      }
      expect(await walk('createdAt')).toBe('IN5 IN4 IN3 IN2 IN1')
      expect(await walk('timestamp')).toBe('IN5 IN3 IN2 IN1 IN4')
    })

    it.each([
      'type=x',
      'direction=x',
      'since=-1',
      'since=1e3',
      'until=99999999999999999',
      'orderBy=body',
      'after=x',
      'chatId=x',
      'chatId=a@c.us&chatId=b@c.us',
    ])('is not listed by %s', async query => {
      const { id } = await newSession()
      expect((await ask(rig(), 'GET', `/sessions/${id}/messages?${query}`)).status).toBe(400)
    })

    it('is not found by a cursor from another session', async () => {
      const [one, two] = [await newSession(), await newSession()]
      const row = incoming(one.id, 1)
      await store(row)
      expect((await ask(rig(), 'GET', `/sessions/${two.id}/messages?after=${row.id}`)).body.message).toEqual([
        'after is not a message of this session',
      ])
    })

    it('is open to a key for one chat in that chat only, by either id of the person', async () => {
      const { id } = await newSession()
      await call('POST', `/sessions/${id}/start`)
      await store(
        incoming(id, 1, { lidId: '77@lid', phoneId: chat }),
        incoming(id, 2, { chatId: '5@g.us', lidId: '88@lid' }),
      )
      const { apiKey: key } = await newKey({ role: 'operator', allowedChats: [chat] })
      const list = (query: string) => ask(rig(), 'GET', `/sessions/${id}/messages${query}`, { key })
      const send = (body: unknown, route = 'send-text') =>
        ask(rig(), 'POST', `/sessions/${id}/messages/${route}`, { key, body })
      expect((await list(`?chatId=${chat}`)).body.total).toBe(1)
      expect((await list('?chatId=77@lid')).body.total).toBe(1)
      expect((await list('')).body.message).toBe('API key is restricted to selected chats')
      for (const chatId of ['88@lid', '5@g.us', '15550000002@c.us'])
        expect((await list(`?chatId=${chatId}`)).body.message).toBe('API key not authorized for this chat')
      expect((await send({ chatId: '15550000001@s.whatsapp.net', text: 'x' })).status).toBe(201)
      expect((await send({ chatId: '5@g.us', text: 'x' })).status).toBe(403)
      expect((await send({ chatId: chat, text: 'x', quotedMessageId: 'IN2' })).status).toBe(403)
      expect((await send({ chatId: chat, text: 'x', quotedMessageId: 'IN2' }, 'reply')).status).toBe(404)
      expect((await send({ chatId: chat, text: 'x', quotedMessageId: 'IN1' }, 'reply')).status).toBe(201)
    })
  })

  describe('plugins', () => {
    it('is installed, configured, enabled, held to sessions, disabled and removed', async () => {
      const id = `plugin-${randomUUID()}`
      const form = () => {
        const data = new FormData()
        data.append('file', new Blob([JSON.stringify({ id, name: 'Test', version: '1.0.0' })]), '../../x.zip')
        return data
      }
      expect((await ask(rig(), 'POST', '/plugins/install', { body: form() })).body).toMatchObject({
        id,
        version: '1.0.0',
      })
      expect((await ask(rig(), 'POST', '/plugins/install', { body: form() })).status).toBe(409)
      expect((await call('GET', '/plugins')).map((plugin: { id: string }) => plugin.id)).toContain(id)
      expect(await call('POST', `/plugins/${id}/enable`)).toEqual({
        success: true,
        message: `Plugin ${id} enabled successfully`,
      })
      expect(await call('PUT', `/plugins/${id}/config`, { body: { config: { greeting: 'hello' } } })).toEqual(
        {
          success: true,
          message: `Plugin ${id} configuration updated`,
        },
      )
      const session = await newSession()
      const own = `/plugins/${id}/config/${session.id}`
      expect((await ask(rig(), 'PUT', own, { body: { config: { greeting: 'hi' } } })).body.success).toBe(true)
      expect(
        (await call('PUT', `/plugins/${id}/sessions`, { body: { sessions: [session.id] } })).activeSessions,
      ).toEqual([session.id])
      expect(await call('GET', `/plugins/${id}`)).toMatchObject({
        status: 'enabled',
        config: { greeting: 'hello' },
      })
      expect(await call('GET', `/plugins/${id}/health`)).toEqual({ healthy: true })
      expect((await call('POST', `/plugins/${id}/disable`)).success).toBe(true)
      expect(await call('DELETE', `/plugins/${id}`)).toEqual({
        success: true,
        message: `Plugin ${id} uninstalled successfully`,
      })
      expect(await call('GET', `/plugins/${id}`)).toMatchObject({
        statusCode: 404,
        message: `Plugin ${id} not found`,
      })
    })

    it('is not fetched from where it must not be', async () => {
      const body = { url: 'http://127.0.0.1/plugin.zip' }
      expect(await call('POST', '/plugins/install-url', { body })).toMatchObject({ code: 'ADDRESS_BLOCKED' })
    })
  })

  describe('API keys', () => {
    it('is shown once, changed, revoked at once, and deleted', async () => {
      const made = await call('POST', '/auth/api-keys', {
        body: {
          name: 'mine',
          role: 'viewer',
          allowedIps: ['127.0.0.0/8', '::1'],
          expiresAt: '2099-01-01T00:00:00Z',
        },
      })
      const { apiKey: key, ...view } = made
      expect(key).toMatch(/^owa_k1_[0-9a-f]{64}$/)
      expect(view.keyPrefix).toBe(key.slice(0, 12))
      expect(await call('POST', '/auth/validate', { key })).toEqual({
        valid: true,
        role: 'viewer',
        engineType: 'baileys',
        scoped: false,
      })
      const shown = JSON.stringify([
        await call('GET', '/auth/api-keys'),
        await call('GET', `/auth/api-keys/${made.id}`),
      ])
      expect(shown).toContain(made.id)
      expect(shown).not.toContain(key)
      expect(shown).not.toContain('Hash')
      const changed = await call('PUT', `/auth/api-keys/${made.id}`, {
        body: { role: 'operator', expiresAt: null, allowedIps: [] },
      })
      expect(changed).toMatchObject({ role: 'operator', name: 'mine' })
      expect(changed).not.toHaveProperty('expiresAt')
      expect(changed).not.toHaveProperty('allowedIps')
      expect((await call('POST', `/auth/api-keys/${made.id}/revoke`)).isActive).toBe(false)
      expect((await ask(rig(), 'GET', '/sessions', { key })).body.message).toBe('API key is revoked')
      expect((await ask(rig(), 'DELETE', `/auth/api-keys/${made.id}`)).status).toBe(204)
      expect(await call('GET', `/auth/api-keys/${made.id}`)).toMatchObject({
        statusCode: 404,
        message: `API key with id '${made.id}' not found`,
      })
    })

    it.each<[string, Record<string, unknown>]>([
      ['a role that is none', { role: 'root' }],
      ['an address that is none', { allowedIps: ['localhost'] }],
      ['a session that is none', { allowedSessions: ['*'] }],
      ['a date without a time', { expiresAt: '2099-01-01' }],
      ['a date that does not exist', { expiresAt: '2099-13-01T00:00:00Z' }],
      ['a date in seconds', { expiresAt: 4_070_908_800 }],
      ['a date that is past', { expiresAt: '2001-01-01T00:00:00Z' }],
      ['a hash', { keyHash: '00' }],
      ['an id', { id: randomUUID() }],
    ])('is not made with %s', async (_name, rights) => {
      expect((await ask(rig(), 'POST', '/auth/api-keys', { body: { name: 'bad', ...rights } })).status).toBe(
        400,
      )
    })

    it('is refused from another address', async () => {
      const { apiKey: key } = await newKey({ allowedIps: ['203.0.113.0/24'] })
      expect((await ask(rig(), 'GET', '/sessions', { key })).status).toBe(403)
    })

    it('cannot make one that may do more than itself', async () => {
      const { apiKey: key } = await newKey({ role: 'admin', expiresAt: '2090-01-01T00:00:00Z' })
      const make = (rights: Record<string, unknown>) =>
        ask(rig(), 'POST', '/auth/api-keys', { key, body: { name: 'heir', role: 'admin', ...rights } })
      expect((await make({})).status).toBe(403)
      expect((await make({ expiresAt: '2091-01-01T00:00:00Z' })).status).toBe(403)
      expect((await make({ expiresAt: '2089-01-01T00:00:00Z' })).status).toBe(201)
    })

    it('stays when it is the last that can manage keys', async () => {
      const all = (await call('GET', '/auth/api-keys')) as ApiKeyRow[]
      const own = all.find(key => rig().adminKey.startsWith(key.keyPrefix))!
      const { db, writer } = rig().database
      const others = all.filter(key => key.role === 'admin' && key.id !== own.id)
      await writer.commit(
        others.map(key => updateApiKey(db, key.id, { isActive: false }, { lowers: false, now: 0 })),
      )
      const path = `/auth/api-keys/${own.id}`
      const attempts = [
        await ask(rig(), 'DELETE', path),
        await ask(rig(), 'POST', `${path}/revoke`),
        await ask(rig(), 'PUT', path, { body: { role: 'operator' } }),
        await ask(rig(), 'PUT', path, { body: { allowedSessions: [randomUUID()] } }),
        await ask(rig(), 'PUT', path, { body: { expiresAt: '2099-01-01T00:00:00Z' } }),
      ]
      expect(attempts.map(answer => answer.body.code)).toEqual(Array(5).fill('LAST_ADMIN_KEY'))
      expect((await ask(rig(), 'PUT', path, { body: { name: 'still here' } })).status).toBe(200)
      const second = await newKey({ role: 'admin' })
      expect((await ask(rig(), 'DELETE', `/auth/api-keys/${second.id}`)).status).toBe(204)
    })
  })

  describe('without an engine', () => {
    afterEach(() => rig().control.engineBack())

    it('answers 503 where a socket or a plugin is needed, and works where only rows are', async () => {
      const { id } = await newSession()
      await rig().control.engineAway()
      const needing: [string, string, Asked?][] = [
        ['POST', '/sessions', { body: { name: 'later' } }],
        ['POST', `/sessions/${id}/start`],
        ['GET', `/sessions/${id}/qr`],
        ['DELETE', `/sessions/${id}`],
        ['POST', '/plugins/x/enable'],
        ['PUT', '/plugins/x/config', { body: { config: {} } }],
      ]
      for (const [method, path, asked] of needing) {
        const answer = await ask(rig(), method, path, asked)
        expect(answer).toMatchObject({ status: 503, body: { code: 'ENGINE_UNAVAILABLE' } })
        expect(answer.headers.get('retry-after')).toBe('5')
      }
      const send = { body: { chatId: '15550000001@c.us', text: 'x' } }
      const unsent = await ask(rig(), 'POST', `/sessions/${id}/messages/send-text`, send)
      expect(unsent).toMatchObject({ status: 503, body: { certain: false } })

      for (const path of [
        '/sessions',
        `/sessions/${id}`,
        '/sessions/stats/overview',
        `/sessions/${id}/messages`,
        '/plugins',
        '/auth/api-keys',
        '/health',
        '/health/ready',
      ])
        expect((await ask(rig(), 'GET', path)).status).toBe(200)
      expect((await newKey({ role: 'viewer' })).apiKey).toBeDefined()
      expect((await ask(rig(), 'POST', '/sessions', { body: { name: 'x' } })).status).toBe(400)

      await rig().control.engineBack()
      expect((await ask(rig(), 'POST', `/sessions/${id}/start`)).status).toBe(200)
    })
  })
}
