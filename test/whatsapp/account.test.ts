import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLinked, type Linked } from './linked.fixtures.ts'

let linked: Linked

beforeAll(async () => {
  linked = await createLinked()
})

afterAll(() => linked[Symbol.asyncDispose]())

it('has one-time keys, and gets more when few are left', async () => {
  const { phone } = linked
  expect(phone.keysLeft(1)).toBeGreaterThan(100)
  phone.runsLowOnKeys(3)
  expect(phone.keysLeft(1)).toBe(3)
  await expect.poll(() => phone.keysLeft(1)).toBeGreaterThan(3)
})

it('blocks people', async () => {
  const { client, phone, bob } = linked
  await client.socket.updateBlockStatus(bob.pnJid, 'block')
  expect([...phone.blocked]).toHaveLength(1)
  expect(await client.socket.fetchBlocklist()).toHaveLength(1)
  await client.socket.updateBlockStatus(bob.pnJid, 'unblock')
  expect([...phone.blocked]).toEqual([])
})

it('has privacy settings, which the client changes', async () => {
  const { client, phone } = linked
  await client.socket.updateLastSeenPrivacy('contacts')
  expect(phone.privacy.get('last')).toBe('contacts')
  expect(await client.socket.fetchPrivacySettings(true)).toMatchObject({ last: 'contacts' })
})

it('says something about itself', async () => {
  const { client, bob } = linked
  bob.about = 'At the sea'
  const [found] = (await client.socket.fetchStatus(bob.pnJid)) ?? []
  expect(found?.status).toMatchObject({ status: 'At the sea' })
})
