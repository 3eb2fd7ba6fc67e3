import { expect, it } from 'vitest'
import { mayGrant, newKey, newUuid, type Rights } from './api-key.ts'

const all: Rights = {
  role: 'admin',
  allowedIps: null,
  allowedSessions: null,
  allowedChats: null,
  expiresAt: null,
}

it.each<[string, Partial<Rights>, Partial<Rights>, boolean]>([
  ['the same', {}, {}, true],
  ['a weaker role', {}, { role: 'viewer' }, true],
  ['a stronger role', { role: 'operator' }, { role: 'admin' }, false],
  ['an end', {}, { expiresAt: 5 }, true],
  ['no end', { expiresAt: 5 }, {}, false],
  ['a later end', { expiresAt: 5 }, { expiresAt: 6 }, false],
  ['the same end', { expiresAt: 5 }, { expiresAt: 5 }, true],
  [
    'addresses out of its own',
    { allowedIps: ['10.0.0.0/8'] },
    { allowedIps: ['10.1.0.0/16', '10.2.3.4'] },
    true,
  ],
  ['a wider range', { allowedIps: ['10.1.0.0/16'] }, { allowedIps: ['10.0.0.0/8'] }, false],
  ['one address too many', { allowedIps: ['10.0.0.0/8'] }, { allowedIps: ['10.1.1.1', '11.1.1.1'] }, false],
  ['every address', { allowedIps: ['10.0.0.0/8'] }, { allowedIps: null }, false],
  ['some of its sessions', { allowedSessions: ['a', 'b'] }, { allowedSessions: ['a'] }, true],
  ['another session', { allowedSessions: ['a'] }, { allowedSessions: ['a', 'b'] }, false],
  ['all sessions', { allowedSessions: ['a'] }, {}, false],
  ['all chats', { allowedChats: ['a'] }, {}, false],
])('a key may grant %s: %#', (_name, own, wanted, answer) => {
  expect(mayGrant({ ...all, ...own }, { ...all, ...wanted })).toBe(answer)
})

it('makes keys and ids from the bytes that it is given', () => {
  const ff = (length: number) => new Uint8Array(length).fill(0xff)
  expect(newKey(ff)).toBe(`owa_k1_${'f'.repeat(64)}`)
  expect(newUuid(ff)).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
})
