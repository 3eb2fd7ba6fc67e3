import { expect, it } from 'vitest'
import { createSenderKeys } from './sender-keys.ts'

const GROUP = '120363000000000001@g.us'
const bob = { user: '15550000002', device: 0 }

async function createPair() {
  const writer = createSenderKeys('writer')
  const reader = createSenderKeys('reader')
  await reader.learn(bob, await writer.distribution(GROUP))
  const reads = async (body: Buffer) => (await reader.decrypt(GROUP, bob, body)).conversation
  return { writer, reader, reads }
}

it('lets those read who were given the key, in any order, and each message once', async () => {
  const { writer, reads } = await createPair()
  const bodies = []
  for (const conversation of ['one', 'two', 'three'])
    bodies.push(await writer.encrypt(GROUP, { conversation }))
  const [one, two, three] = bodies as [Buffer, Buffer, Buffer]
  expect(await reads(three)).toBe('three')
  expect(await reads(one)).toBe('one')
  expect(await reads(two)).toBe('two')
  await expect(reads(two)).rejects.toThrow()
})

it('lets nobody read who was not given it', async () => {
  const { writer } = await createPair()
  const body = await writer.encrypt(GROUP, { conversation: 'secret' })
  await expect(createSenderKeys('stranger').decrypt(GROUP, bob, body)).rejects.toThrow()
})

it('shuts out the old readers when it is changed', async () => {
  const { writer, reader, reads } = await createPair()
  writer.readers(GROUP).add('reader')
  writer.rotate(GROUP)
  expect(writer.readers(GROUP).size).toBe(0)
  const distribution = await writer.distribution(GROUP)
  const body = await writer.encrypt(GROUP, { conversation: 'without you' })
  await expect(reads(body)).rejects.toThrow()
  await reader.learn(bob, distribution)
  expect(await reads(body)).toBe('without you')
})

it('is not harmed by what cannot be read', async () => {
  const { writer, reads } = await createPair()
  const one = await writer.encrypt(GROUP, { conversation: 'one' })
  const spoiled = Buffer.from(await writer.encrypt(GROUP, { conversation: 'two' }))
  spoiled[spoiled.length - 1]! ^= 0xff
  await expect(reads(spoiled)).rejects.toThrow()
  expect(await reads(one)).toBe('one')
})

it('gives each of those written at once a step of its own', async () => {
  const { writer, reads } = await createPair()
  const texts = ['one', 'two', 'three']
  const bodies = await Promise.all(texts.map(conversation => writer.encrypt(GROUP, { conversation })))
  expect(await Promise.all(bodies.map(reads))).toEqual(texts)
})

it('lets what came before a key be read after the key was given again and again', async () => {
  const { writer, reader, reads } = await createPair()
  const early = await writer.encrypt(GROUP, { conversation: 'early' })
  for (let more = 0; more < 10; more += 1) {
    await writer.encrypt(GROUP, { conversation: 'skipped' })
    await reader.learn(bob, await writer.distribution(GROUP))
  }
  expect(await reads(early)).toBe('early')
})
