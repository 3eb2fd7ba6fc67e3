// Chats, contacts, groups and the set-up of a session over HTTP: what is read works without an engine.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashKey, openApp, type TestApp } from '../../../test/support/api-app.ts'
import type { Engine } from '../../contract/engine.ts'
import { insertApiKey } from '../../db/api-keys.ts'
import { learnChats } from '../../db/directory/chats.ts'
import { learnGroup, replaceMembers } from '../../db/directory/groups.ts'
import { learnPeople } from '../../db/directory/people.ts'
import { insertMessage } from '../../db/message-writes.ts'
import { setProxy } from '../../db/proxies.ts'
import { insertSession } from '../../db/sessions.ts'

const sid = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const [ann, annLid, bob, group] = ['15550001@c.us', '91@lid', '15550002@c.us', '120@g.us']
const HELD = `owa_k1_${'a'.repeat(64)}`

let app: TestApp
let asked: unknown[]
let answers: Record<string, unknown>

const engine: Engine = {
  async call(method, params) {
    asked.push([method, params])
    return (answers[method] ?? null) as never
  },
}

beforeEach(async () => {
  asked = []
  answers = {}
  app = await openApp({ deps: { engine } })
  const { db, writer } = app.database
  let ids = 0
  const people = learnPeople(
    sid,
    [
      { phoneId: ann, lidId: annLid, name: 'Ann', pushName: 'annie' },
      { phoneId: bob, lidId: null, pushName: 'Bob' },
      { phoneId: null, lidId: '92@lid' },
    ],
    () => `p${++ids}`,
  )
  const member = (phoneId: string | null, lidId: string | null, admin: 'admin' | null) => ({
    phoneId,
    lidId,
    address: lidId ?? phoneId ?? '',
    admin,
  })
  await writer.commit([
    insertSession(db, {
      id: sid,
      name: 'main',
      status: 'ready',
      phone: '15550009',
      createdAt: 0,
      updatedAt: 0,
    }),
    ...people,
    ...learnPeople(sid, [{ phoneId: '15550009@c.us', lidId: '99@lid' }], () => 'me'),
    learnChats(
      sid,
      [
        { chatId: ann, person: { phoneId: ann, lidId: annLid }, mutedUntil: -1, pinnedAt: 5, lastAt: 50 },
        { chatId: bob, person: { phoneId: bob, lidId: null }, archived: true, unreadBase: 3, lastAt: 20 },
        { chatId: group },
      ],
      1,
    ),
    learnGroup(db, sid, group, {
      subject: 'Friends',
      description: 'All of us',
      ownerId: annLid,
      createdAt: 7,
      announce: true,
      locked: false,
      memberAddMode: 'admins',
      ephemeralSeconds: 86_400,
      addressing: 'lid',
      isMember: true,
    }),
    ...replaceMembers(sid, group, [member(ann, annLid, 'admin'), member('15550009@c.us', '99@lid', null)]),
    insertMessage({
      id: 'm1',
      sessionId: sid,
      waMessageId: 'W1',
      chatId: group,
      senderId: ann,
      from: group,
      to: 'me@c.us',
      body: 'hi all',
      type: 'text',
      direction: 'incoming',
      status: 'delivered',
      timestamp: 70,
      createdAt: 70_000,
    }),
    insertApiKey(db, {
      id: 'held',
      name: 'held',
      keyPrefix: HELD.slice(0, 12),
      keyHash: hashKey(HELD),
      role: 'operator',
      allowedChats: [annLid],
      createdAt: 0,
    }),
  ])
})
afterEach(() => app[Symbol.asyncDispose]())

const get = async (path: string, key?: string) => {
  const answer = await app.ask('GET', `/sessions/${sid}${path}`, key ? { key } : {})
  return { status: answer.status, body: (await answer.json()) as never }
}
const send = async (method: string, path: string, body?: unknown, key?: string) => {
  const answer = await app.ask(method, `/sessions/${sid}${path}`, { body, ...(key && { key }) })
  return { status: answer.status, body: (await answer.json()) as never }
}

const ids = ({ body }: { body: { id: string }[] }) => body.map(({ id }) => id)

describe('chats', () => {
  it('are listed with the latest first, as the phone has them', async () => {
    expect((await get('/chats')).body).toEqual([
      {
        id: group,
        name: 'Friends',
        isGroup: true,
        kind: 'group',
        unreadCount: 1,
        timestamp: 70,
        lastMessage: 'hi all',
        lastMessageType: 'text',
        archived: false,
        pinned: false,
        muted: false,
      },
      {
        id: ann,
        name: 'Ann',
        isGroup: false,
        kind: 'individual',
        unreadCount: 0,
        timestamp: 50,
        archived: false,
        pinned: true,
        muted: true,
        muteExpiration: 0,
      },
      {
        id: bob,
        name: 'Bob',
        isGroup: false,
        kind: 'individual',
        unreadCount: 3,
        timestamp: 20,
        archived: true,
        pinned: false,
        muted: false,
      },
    ])
    expect(ids(await get('/chats?limit=1&offset=1'))).toEqual([ann])
    expect((await get('/groups')).body).toEqual([{ id: group, name: 'Friends', linkedParentJID: null }])
  })

  it('are not listed of a session that is not there', async () => {
    const other = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a12'
    for (const path of ['chats', 'groups', 'contacts', 'config', 'proxy', `groups/${group}`])
      expect((await app.ask('GET', `/sessions/${other}/${path}`)).status).toBe(404)
  })

  it('show a key that is held to some only those, under either id', async () => {
    expect(ids(await get('/chats', HELD))).toEqual([ann])
    expect(ids(await get('/contacts', HELD))).toEqual([ann])
    expect(ids(await get('/groups', HELD))).toEqual([])
    expect((await get(`/contacts/${ann}`, HELD)).status).toBe(200)
    expect((await get(`/contacts/${bob}`, HELD)).status).toBe(403)
    expect((await get(`/groups/${group}`, HELD)).status).toBe(403)
    expect((await get('/contacts/blocked', HELD)).status).toBe(403)
    expect((await send('POST', '/chats/pin', { chatId: bob, pin: true }, HELD)).status).toBe(403)
    expect((await get(`/contacts/profile-pictures?ids=${ann},${bob}`, HELD)).status).toBe(403)
  })

  it.each([
    ['read', { chatId: bob, messageIds: ['A'] }],
    ['unread', { chatId: bob }],
    ['archive', { chatId: bob, archive: true }],
    ['mute', { chatId: bob, muteUntil: null }],
    ['pin', { chatId: bob, pin: false }],
    ['delete', { chatId: bob }],
    ['typing', { chatId: bob, state: 'typing' }],
  ])('are changed by the engine: %s', async (change, input) => {
    answers['chat.change'] = { success: false }
    expect(await send('POST', `/chats/${change}`, input)).toEqual({ status: 200, body: { success: false } })
    expect(asked).toEqual([['chat.change', { sessionId: sid, change: { change, input } }]])
  })

  it('are cleared by the engine', async () => {
    answers['chat.change'] = { success: true }
    expect(await send('DELETE', `/chats/${encodeURIComponent(bob)}/messages`)).toEqual({
      status: 200,
      body: { success: true },
    })
    expect(asked).toEqual([
      ['chat.change', { sessionId: sid, change: { change: 'clear', input: { chatId: bob } } }],
    ])
  })

  it.each([
    ['read', { chatId: bob, messageIds: [] }],
    ['mute', { chatId: bob }],
    ['mute', { chatId: bob, muteUntil: 0 }],
    ['pin', { chatId: bob, pin: 'yes' }],
    ['archive', { chatId: 'bob', archive: true }],
    ['typing', { chatId: bob, state: 'sleeping' }],
    ['delete', { chatId: bob, also: 1 }],
  ])('are not changed by a request that is wrong: %s', async (change, input) => {
    expect((await send('POST', `/chats/${change}`, input)).status).toBe(400)
    expect(asked).toEqual([])
  })
})

describe('contacts', () => {
  it('are listed by name and found by either id', async () => {
    const found = {
      id: ann,
      number: '15550001',
      name: 'Ann',
      pushName: 'annie',
      isMyContact: true,
      isBlocked: false,
    }
    expect((await get('/contacts?limit=2')).body).toEqual([
      found,
      { id: bob, number: '15550002', pushName: 'Bob', isMyContact: false, isBlocked: false },
    ])
    expect((await get(`/contacts/${annLid}`)).body).toEqual(found)
    expect(await get('/contacts/15559999@c.us')).toMatchObject({
      status: 404,
      body: { message: 'Contact 15559999@c.us not found' },
    })
    expect((await get(`/contacts/${annLid}/phone`)).body).toEqual({ contactId: annLid, phone: '15550001' })
    expect((await get('/contacts/92@lid/phone')).body).toEqual({ contactId: '92@lid', phone: null })
  })

  it('are asked of WhatsApp where only it knows', async () => {
    answers['contact.blocked'] = [bob]
    answers['contact.check'] = { number: '1555', exists: false, whatsappId: null }
    answers['picture.url'] = { url: null }
    expect((await get('/contacts/blocked')).body).toEqual([bob])
    expect((await get('/contacts/check/1555')).body).toEqual(answers['contact.check'])
    expect((await get(`/contacts/${bob}/profile-picture`)).body).toEqual({ url: null })
    expect((await get(`/contacts/profile-pictures?ids=${ann},${bob},${ann}`)).body).toEqual({
      pictures: { [ann]: null, [bob]: null },
    })
    expect((await get('/contacts/profile-pictures')).status).toBe(400)
    expect(asked).toHaveLength(5)
  })
})

describe('groups', () => {
  it('are read with their members and settings', async () => {
    const settings = { announce: true, locked: false, ephemeralSeconds: 86_400, memberAddMode: 'admins' }
    expect((await get(`/groups/${group}`)).body).toEqual({
      id: group,
      name: 'Friends',
      description: 'All of us',
      owner: ann,
      createdAt: 7,
      isReadOnly: true,
      isAnnounce: true,
      linkedParentJID: null,
      participants: [
        { id: ann, number: '15550001', name: 'Ann', isAdmin: true, isSuperAdmin: false },
        { id: '15550009@c.us', number: '15550009', isAdmin: false, isSuperAdmin: false },
      ],
      ...settings,
    })
    expect((await get(`/groups/${group}/settings`)).body).toEqual(settings)
    expect(asked).toEqual([])
    expect(await get(`/groups/${ann}`)).toMatchObject({
      status: 404,
      body: { message: `Group ${ann} not found` },
    })
  })

  it('that are not known are asked of WhatsApp', async () => {
    answers['group.joinInfo'] = { id: '121@g.us', name: 'Other' }
    answers['group.inviteCode'] = { inviteCode: 'abc', inviteLink: 'https://chat.whatsapp.com/abc' }
    answers['group.requests'] = []
    await get('/groups/121@g.us')
    expect((await get('/groups/join-info?code=abc')).body).toEqual(answers['group.joinInfo'])
    expect((await get(`/groups/${group}/invite-code`)).body).toEqual(answers['group.inviteCode'])
    expect((await get(`/groups/${group}/membership-requests`)).body).toEqual([])
    expect(asked).toEqual([
      ['group.info', { sessionId: sid, groupId: '121@g.us' }],
      ['group.joinInfo', { sessionId: sid, code: 'abc' }],
      ['group.inviteCode', { sessionId: sid, groupId: group }],
      ['group.requests', { sessionId: sid, groupId: group }],
    ])
    expect((await get('/groups/join-info')).status).toBe(400)
  })
})

describe('the set-up of a session', () => {
  it('is shown without secrets, and with defaults', async () => {
    expect((await get('/config')).body).toEqual({
      autoRejectCalls: false,
      maxReconnectAttempts: null,
      reconnectBaseDelay: 1_000,
    })
    const none = { enabled: false, proxyType: null, proxyHost: null, hasCredentials: false }
    expect((await get('/proxy')).body).toEqual(none)
    await app.database.writer.commit([
      setProxy(app.database.db, {
        sessionId: sid,
        type: 'socks5',
        host: 'proxy.example:1080',
        hasCredentials: true,
        urlSealed: new Uint8Array([1]),
      }),
    ])
    const view = { enabled: true, proxyType: 'socks5', proxyHost: 'proxy.example:1080', hasCredentials: true }
    expect((await get('/proxy')).body).toEqual(view)
  })

  it.each([
    ['PATCH', '/config', { reconnectBaseDelay: 999 }],
    ['PATCH', '/config', { maxReconnectAttempts: 21 }],
    ['PATCH', '/config', { other: 1 }],
    ['PATCH', '/proxy', {}],
    ['PATCH', '/proxy', { proxyUrl: 'ftp://host:1' }],
    ['PATCH', '/proxy', { proxyUrl: 'http://host:1/path' }],
    ['PATCH', '/proxy', { proxyUrl: `http://${'h'.repeat(255)}:1` }],
    ['POST', '/pairing-code', { phoneNumber: '+15550001' }],
    ['PUT', '/presence', { available: 'yes' }],
  ])('is not changed by a request that is wrong: %s %s %j', async (method, path, body) => {
    expect((await send(method, path, body)).status).toBe(400)
    expect(asked).toEqual([])
  })

  it('goes to the engine', async () => {
    answers['session.pairingCode'] = { pairingCode: 'ABCD1234', status: 'qr_ready' }
    const done = { success: true }
    for (const method of ['presence.subscribe', 'presence.set', 'call.reject']) answers[method] = done
    answers['presence.get'] = null
    expect(await send('POST', '/pairing-code', { phoneNumber: '15550001' })).toEqual({
      status: 201,
      body: answers['session.pairingCode'],
    })
    expect((await send('POST', '/presence/subscribe', { chatId: bob })).body).toEqual(done)
    expect((await get(`/presence/${bob}`)).body).toBeNull()
    expect((await send('PUT', '/presence', { available: true })).body).toEqual(done)
    expect((await send('POST', '/calls/C1/reject')).body).toEqual(done)
    await send('PATCH', '/config', { autoRejectCalls: null })
    await send('PATCH', '/proxy', { proxyUrl: 'socks5://user:pass@proxy.example:1080' })
    expect(asked.map(each => (each as [string])[0])).toEqual([
      'session.pairingCode',
      'presence.subscribe',
      'presence.get',
      'presence.set',
      'call.reject',
      'session.configure',
      'session.setProxy',
    ])
  })
})
