import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ending } from './faults.ts'
import { createLinked, type Linked } from './linked.fixtures.ts'

// One client for all: what is shown is also that it survives each of them.
let linked: Linked

beforeAll(async () => {
  linked = await createLinked()
})

afterAll(() => linked[Symbol.asyncDispose]())

async function expectToWork(text: string): Promise<void> {
  const { client, bob, phone } = linked
  await bob.write(text, { to: phone })
  await client.hears(text)
}

describe('a connection that the server ends', () => {
  const codes = {
    abrupt: 428,
    close: 428,
    xmlstreamend: 428,
    replaced: 440,
    downgrade: 411,
    unknown: 500,
    '401': 401,
    '402': 402,
    '403': 403,
    '405': 405,
    '406': 406,
    '409': 409,
    '500': 500,
    '501': 501,
    '503': 503,
    '515': 515,
  } satisfies Partial<Record<Ending, number>>

  it.each(Object.entries(codes))('by %s is %i for the client, which may come back', async (kind, code) => {
    const { client, phone } = linked
    phone.disconnect(kind as keyof typeof codes)
    expect(await client.closed()).toBe(code)
    expect(phone.isLinked).toBe(true)
    await client.open()
    await expectToWork(`welcome back after ${kind}`)
  })
})

it('lets what was said before a reset arrive', async () => {
  const { client, bob, phone } = linked
  // By frames: what Baileys makes of them while its socket ends is its own affair.
  const heard = Promise.withResolvers<void>()
  client.socket.ws.once('CB:message', () => heard.resolve())
  await bob.write('last words', { to: phone })
  phone.disconnect('abrupt')
  await heard.promise
  expect(await client.closed()).toBe(428)
  await client.open()
})

it('brings at a login what the server held back, and brings it once', async () => {
  const { client, bob, phone, whatsapp } = linked
  phone.holdsBack(true)
  const { id } = await bob.write('held back', { to: phone })
  expect(whatsapp.log.entries({ direction: 'out', id })).toEqual([])
  phone.disconnect('close')
  await client.closed()
  await client.open()
  await client.hears('held back')
  phone.holdsBack(false)
  expect(whatsapp.log.entries({ direction: 'out', kind: 'message', id })).toHaveLength(1)
  await expectToWork('after the hold')
})

describe('a login', () => {
  it.each([401, 402, 403, 405, 406, 409, 500, 501, 503])('may fail with %i, and then not', async reason => {
    const { client, whatsapp } = linked
    await client.close()
    whatsapp.loginFailure(reason)
    await expect(client.open()).rejects.toMatchObject({ code: reason })
    whatsapp.loginFailure(undefined)
    await client.open()
    await expectToWork(`welcome back after a failure with ${reason}`)
  })
})
