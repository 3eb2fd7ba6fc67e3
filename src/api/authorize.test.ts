import { expect, it } from 'vitest'
import type { ApiKeyRow } from '../db/api-keys.ts'
import { authorize } from './authorize.ts'

const SESSION = 'c0000000-0000-4000-8000-000000000001'
const row: ApiKeyRow = {
  id: SESSION,
  name: 'key',
  keyPrefix: 'owa_k1_00000',
  keyHash: '00',
  role: 'operator',
  allowedIps: null,
  allowedSessions: null,
  allowedChats: null,
  isActive: true,
  expiresAt: null,
  lastUsedAt: null,
  usageCount: 0,
  createdAt: 0,
}
const chats = () => []

type Case = [
  string,
  Partial<ApiKeyRow>,
  Parameters<typeof authorize>[1],
  Record<string, string>,
  string | null,
]

it.each<Case>([
  ['a role that is enough', {}, { role: 'operator' }, {}, null],
  ['a weaker role', {}, { role: 'admin' }, {}, 'Insufficient permissions. Required: admin'],
  ['its own session', { allowedSessions: [SESSION] }, { role: 'viewer' }, { sid: SESSION }, null],
  [
    'another session',
    { allowedSessions: [SESSION] },
    { role: 'viewer' },
    { sid: 'x' },
    'API key not authorized for this session',
  ],
  [
    'another session under its second name',
    { allowedSessions: [SESSION] },
    { role: 'viewer' },
    { sessionId: 'x' },
    'API key not authorized for this session',
  ],
  [
    'no session at all',
    { allowedSessions: [] },
    { role: 'viewer' },
    { sid: SESSION },
    'API key not authorized for this session',
  ],
  [
    'an unscoped route with a scope',
    { allowedSessions: [SESSION] },
    { role: 'viewer', unscoped: true },
    {},
    'Session-scoped API keys are not permitted on this route',
  ],
  ['an address in its range', { allowedIps: ['10.0.0.0/8'] }, { role: 'viewer' }, {}, null],
  [
    'an address out of its range',
    { allowedIps: ['11.0.0.0/8'] },
    { role: 'viewer' },
    {},
    'API key not authorized for this IP address',
  ],
  [
    'no address at all',
    { allowedIps: [] },
    { role: 'viewer' },
    {},
    'API key not authorized for this IP address',
  ],
  [
    'a route without chats',
    { allowedChats: ['a@c.us'] },
    { role: 'viewer' },
    {},
    'API key is restricted to selected chats',
  ],
  ['a route with chats', { allowedChats: ['a@c.us'] }, { role: 'viewer', chats }, {}, null],
  [
    'the address before the session',
    { allowedIps: [], allowedSessions: [] },
    { role: 'admin' },
    { sid: SESSION },
    'API key not authorized for this IP address',
  ],
  [
    'the session before the role',
    { allowedSessions: [] },
    { role: 'admin' },
    { sid: SESSION },
    'API key not authorized for this session',
  ],
  [
    'the role before the chats',
    { allowedChats: [] },
    { role: 'admin' },
    {},
    'Insufficient permissions. Required: admin',
  ],
  [
    'the chats before the scope',
    { allowedChats: [], allowedSessions: [] },
    { role: 'viewer', unscoped: true },
    {},
    'API key is restricted to selected chats',
  ],
])('%s', (_name, rights, route, params, why) => {
  const verdict = authorize({ ...row, ...rights }, route, { address: '10.1.2.3', params })
  expect(verdict).toEqual(why === null ? { allow: true } : { allow: false, why })
})

it('refuses an address that is none where addresses are listed', () => {
  const key = { ...row, allowedIps: ['0.0.0.0/0', '::/0'] }
  expect(authorize(key, { role: 'viewer' }, { address: 'unknown', params: {} })).toMatchObject({
    allow: false,
  })
})
