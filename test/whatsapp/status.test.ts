import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLinked, type Linked } from './linked.fixtures.ts'
import { STATUS } from './outgoing.ts'

let linked: Linked

beforeAll(async () => {
  linked = await createLinked()
})

afterAll(() => linked[Symbol.asyncDispose]())

it('of a contact is seen by the client, and by nobody it is not for', async () => {
  const { client, bob, eve, phone } = linked
  const { id } = await bob.posts('on holiday', { to: [phone] })
  const { message } = await client.hears('on holiday')
  expect(message.key).toMatchObject({ id, remoteJid: STATUS, participant: bob.pnJid, fromMe: false })
  expect(eve.inbox).toEqual([])
})

it('of the client is seen by those it is for', async () => {
  const { client, bob, eve } = linked
  const sent = await client.socket.sendMessage(STATUS, { text: 'at work' }, { statusJidList: [bob.pnJid] })
  expect(await bob.next(({ id }) => id === sent?.key.id)).toMatchObject({ text: 'at work', to: STATUS })
  expect(eve.inbox).toEqual([])
})

it('of the owner is seen by the client too', async () => {
  const { client, phone } = linked
  await phone.posts('typed by hand', { to: [] })
  expect((await client.hears('typed by hand')).message.key).toMatchObject({ remoteJid: STATUS, fromMe: true })
})
